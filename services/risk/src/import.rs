//! The registers of this service as they are uploaded.

mod assets;
mod names;
mod risks;
mod undo;

pub use assets::Assets;
pub use risks::Risks;

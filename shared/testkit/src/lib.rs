//! What tests stand on: real servers, started once for a run, a throwaway database for each test, and recorded events.

mod database;
mod oidc;
mod recorded;
pub mod servers;
mod smtp;

pub use database::Database;
pub use oidc::Oidc;
pub use recorded::recorded;
pub use smtp::Smtp;

//! A consultancy's library: what it may hold, and how a tenant takes it. Tenancy keeps libraries and hands a version to tenants; risk
//! and controls hear it, propose the lines that are theirs, and carry out what the client accepts.
//!
//! A service says by [`Takes`] which items are its own and how one is carried out; the rest is here.

mod contents;
mod decide;
mod item;
mod line;
pub mod proposal;
mod proposed;
pub mod push;
mod receive;
mod takes;
mod words;

pub use contents::{Contents, Differences, MOST_BYTES, checked_contents, digest};
pub use decide::routes;
pub use item::{Assessment, Asset, Control, Document, Item, Risk, Supplier, Treatment};
pub use proposed::ProposedLibrary;
pub use receive::when_a_library_is_pushed_then_propose_it;
pub use takes::Takes;
pub use words::{
    AssetKind, Basis, Criticality, DocumentKind, ImplementationState, SecurityObjectives, Stage, TreatmentOption,
};

//! Files of tenants, by their SHA-256: in a folder, or in a bucket that speaks S3.
//!
//! A file is at `<tenant>/<sha256>`. Tenants share nothing, so neither what another has nor whether it has it can be learnt here.
//! What is kept is never written over.

mod arriving;
mod digest;
mod kind;
mod place;
mod reading;
mod store;
mod web;

pub use arriving::{Arriving, Unfit, Whole};
pub use digest::{FileDigest, NotADigest};
pub use kind::{HEAD, Kind, NotAllowed};
pub use reading::{Chunks, Damaged};
pub use store::{Fault, Files, FilesError};

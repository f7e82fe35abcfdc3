//! Personal data as it stands in events and tables: under a key of its person, whose destruction is the data's erasure.
//!
//! A service that keeps such data has a table `person_keys` of its own: no key leaves it.

mod keys;
mod text;

pub use keys::{Keys, destroy, destroyed, forget, kept};
pub use text::{Fault, PersonKey, Sealed};

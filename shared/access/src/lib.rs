//! Who may do what: bearer tokens of the local issuer, the roles of people in a tenant and for how long they hold them, and one table of roles and actions.
//!
//! Every service keeps its own copy of a tenant's roles, recorded as its own events, so no request asks another service.

mod admission;
mod mirror;
mod role;
mod roster;
mod standing;
mod term;
mod token;

pub use admission::{Admission, Broken, Command, Event};
pub use mirror::when_access_changes_then_copy_it;
pub use role::{Action, Role};
pub use roster::{KEY, Roster};
pub use standing::Standing;
pub use term::Term;
pub use token::{Caller, Issuer, TokenError, Verifier};

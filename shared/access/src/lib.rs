//! Who may do what: bearer tokens of the local issuer and of identity providers, API keys, auditors' grants, who is locked out, the roles of people in a tenant and for
//! how long they hold them, and one table of roles and actions.
//!
//! Every service keeps its own copy of a tenant's roles, recorded as its own events, so no request asks another service.

mod admission;
mod area;
mod crypto;
pub mod grant;
pub mod identity;
pub mod key;
mod known_grant;
mod known_key;
mod known_lockout;
mod known_person;
pub mod lockout;
pub mod logo;
pub mod look;
mod mirror;
mod own_role;
mod providers;
mod role;
mod role_name;
mod roster;
mod standing;
mod term;
#[cfg(test)]
mod testing;
mod token;

pub use admission::{Admission, Broken, Command, Event};
pub use area::Area;
pub use grant::Grant;
pub use identity::Identity;
pub use key::{Key, SubjectIs};
pub use known_grant::{GrantDetails, KnownGrant};
pub use known_key::{KeyDetails, KnownKey};
pub use known_lockout::KnownLockout;
pub use known_person::KnownPerson;
pub use lockout::Lockout;
pub use logo::{KnownLogo, Logo};
pub use look::Look;
pub use mirror::when_access_changes_then_copy_it;
pub use providers::{Login, NotTrusted, Providers, Trusted};
pub use role::{Action, Role};
pub use role_name::RoleName;
pub use roster::{KEY, Roster};
pub use standing::Standing;
pub use term::Term;
pub use token::{Caller, Issuer, TokenError, Verifier};

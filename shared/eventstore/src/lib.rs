//! The event store: each tenant's log of immutable events in PostgreSQL, appended to by one database function.
//!
//! [`EventStore::perform`] is the one way to change anything: it opens a [`Work`], lets the caller decide on aggregates,
//! appends what they decided, and projects it, in one transaction.

mod actor;
mod aggregate;
mod announcer;
mod append;
mod batch;
mod body;
mod chain;
mod connect;
mod context;
mod crash;
mod event;
mod feed;
mod held;
mod ids;
mod lanes;
mod migrate;
mod open;
mod passing;
mod project;
mod publishing;
mod reader;
mod restore;
mod schemas;
mod snapshot;
mod store;
mod tagged;
mod unfinished;
mod upcast;
mod verify;
mod work;
mod writer;

pub use actor::Actor;
pub use aggregate::{EventOf, schema_of};
pub use chain::{Chain, Named, Stored, unhex};
pub use connect::{Login, Server};
pub use context::{CommandKey, Cx};
pub use cqrs_es::event_sink::EventSink;
pub use cqrs_es::{Aggregate, DomainEvent};
pub use crash::crash_point;
pub use event::{Metadata, Recorded, hex};
pub use feed::Head;
pub use ids::{InvalidStream, Stream, TenantId};
pub use migrate::{migrate, migrations};
pub use passing::Passed;
pub use project::{Never, Project, Projecting, Run};
pub use publishing::Unpublished;
pub use restore::{Known, Restore};
pub use schemas::Schemas;
pub use snapshot::Snapshot;
pub use store::{EventStore, Session, StoreError};
pub use tagged::tagged;
pub use unfinished::Unfinished;
pub use upcast::{Change, Unreadable, Upcast};
pub use verify::{ChainFault, ChainReport};
pub use work::{Changed, Done, Refused, Work};

/// The end of time for a view row that still stands (`valid_to`), and the position that reads "now".
pub const NOW: i64 = i64::MAX;

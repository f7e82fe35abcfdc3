//! Between services: the events table is the outbox, JetStream is transport, and positions recognise every duplicate,
//! loss and reordering. What is missing is asked for again from its source.

mod bus;
mod checkpoint;
mod consumer;
mod envelope;
mod reaction;
mod relay;
mod replay;
mod take;

pub use bus::{Bus, BusError};
pub use consumer::Consumer;
pub use envelope::{Malformed, headers, recorded};
pub use reaction::{Errand, Failed, Reacting, Reaction};
pub use relay::Relay;
pub use replay::serve_replay;

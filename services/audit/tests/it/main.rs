//! The trail against a real PostgreSQL and NATS: everything once, in order, for good, and for its own tenant only.

mod findings;
mod fixture;
mod keeping;
mod reading;

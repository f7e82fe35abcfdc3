//! The store's promises, each against a real PostgreSQL and each with somebody trying to break it.

mod append;
mod evolution;
mod group;
mod immutable;
mod isolation;
mod many_tenants;
mod model;
mod programs;
mod tally;

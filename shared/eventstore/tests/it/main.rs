//! The store's promises, each against a real PostgreSQL and each with somebody trying to break it.

mod append;
mod evolution;
mod immutable;
mod isolation;
mod programs;
mod tally;

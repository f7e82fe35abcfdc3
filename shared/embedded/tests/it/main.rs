//! The servers are real; every test has a data directory of its own and stops what it started.

#![expect(clippy::unwrap_used, reason = "clippy allows it in tests, but not in the functions that they share")]

mod helper;
mod orphans;
mod probes;
mod progress;
mod refusals;
mod restart;
mod supervision;

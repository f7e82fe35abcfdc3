//! What tests stand on: real servers, started once for a run, and a throwaway database for each test.

mod database;
pub mod servers;

pub use database::Database;

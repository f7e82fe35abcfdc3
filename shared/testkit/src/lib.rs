//! What tests stand on: real servers, started once for a run, and a throwaway database for each test.

mod database;
pub mod servers;
mod smtp;

pub use database::Database;
pub use smtp::Smtp;

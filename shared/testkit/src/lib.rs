//! What tests stand on: real servers, started once for a run, a throwaway database for each test, and recorded events.

mod copies;
mod database;
mod oidc;
mod recorded;
mod s3;
pub mod servers;
mod smtp;

pub use copies::copy_databases;
pub use database::Database;
pub use oidc::Oidc;
pub use recorded::recorded;
pub use s3::S3;
pub use smtp::Smtp;

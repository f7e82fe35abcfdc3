//! The risk service's uploads, commands and views against a real PostgreSQL.

mod bulk;
mod http;
mod imports;
mod order;
mod plans;
mod tenant;

//! The risk service's uploads, commands and views against a real PostgreSQL.

mod http;
mod imports;
mod order;
mod tenant;

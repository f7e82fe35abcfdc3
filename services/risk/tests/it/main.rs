//! The risk service's uploads, commands and views against a real PostgreSQL.

mod api;
mod bulk;
mod decisions;
mod direction;
mod files;
mod http;
mod imports;
mod lines;
mod many;
mod nameless;
mod numbers;
mod order;
mod plans;
mod quantifications;
mod tenant;
mod undo;

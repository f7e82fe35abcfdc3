//! A small service as it runs, against a real PostgreSQL and NATS.

mod evolution;
mod programs;

//! From an event of another service to a person's inbox and mailbox, over a real PostgreSQL, NATS and SMTP server.

mod contacts;
mod fixture;
mod inbox;
mod mailing;

//! The whole system, as its users and operators meet it: real processes, real PostgreSQL, NATS and SMTP.

mod altered;
mod bad_input;
mod contracts;
mod crash_points;
mod demo;
mod document;
mod export;
mod faults;
mod forgery;
mod golden;
mod house;
mod isolation;
mod lifecycle;
mod lock;
mod matrix;
mod operations;
mod portfolio;
mod proto;
mod rebuilds;
mod recovery;
mod system;
mod tidy;
mod up;
mod walk;

//! What every service has: how it is put together, its HTTP shell, reading and commanding, health, telemetry, shutdown.
//!
//! A service crate exports one function, which gives its [`Service`]: tables, views, reactions and routes. [`Running`]
//! runs any number of them in one process.

mod address;
mod admit;
mod answer;
mod body;
mod call;
mod callers;
mod cell;
mod command;
pub mod cursor;
mod dated;
mod definition;
mod ended;
mod faults;
mod grants;
mod guarded;
mod health;
mod history;
mod limits;
mod lines;
mod live;
mod openapi;
mod page;
mod position;
mod problem;
mod query;
mod read;
mod refusals;
mod remembered;
mod rosters;
mod route;
mod run;
mod settings;
mod shell;
mod strict;
mod telemetry;
mod text;
mod visitor;

pub use admit::writable;
pub use answer::{Item, Listed, Object, bytes, csv, json, with_etag};
pub use body::instant;
pub use call::Call;
pub use cell::as_written;
pub use command::{Answered, Command, Outcome};
pub use dated::{Dated, day};
pub use definition::{Service, Worker};
pub use ended::Ended;
pub use faults::{Faults, checked_refs, tidy};
pub use history::{Change, Changes, Shown, changes};
pub use limits::Rates;
pub use lines::{Line, Progress, Step};
pub use openapi::document;
pub use page::cut;
pub use problem::{FieldError, Problem, field_error};
pub use read::object_answer;
pub use route::{Dialect, Route, Routes};
pub use run::{Running, connect};
pub use settings::Settings;
pub use telemetry::{log_to, prometheus};
pub use text::{checked_day, checked_person, checked_ref, checked_text, checked_text_if_given, natural};
pub use visitor::Visitor;

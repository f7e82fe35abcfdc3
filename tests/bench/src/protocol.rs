//! What the harness and the peers' program say to each other: a line of JSON each.

use crate::drive::{Measured, Span};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Peer {
    /// A bare insert, or a bare read, through plain sqlx.
    Floor,
    PostgresEs,
    PostgresEsView,
    MessageDb,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Records on a stream that is new.
    Append,
    /// Loads a stream, decides, records.
    Command,
    /// Reads a stream of so many events.
    Load,
    /// Reads the next so many events of all of a tenant's.
    Feed,
    /// Reads the first of so many events in which a word stands that each says.
    SearchEach,
    /// The same with a word that none says.
    SearchNone,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Shape {
    pub clients: usize,
    pub tenants: usize,
    /// How many an operation records or reads.
    pub events: usize,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Request {
    pub peer: Peer,
    pub operation: Operation,
    pub shape: Shape,
    pub span: Span,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    Measured(Measured),
    /// The peer is not there, or has no such operation.
    Unavailable(String),
    Failed(String),
}

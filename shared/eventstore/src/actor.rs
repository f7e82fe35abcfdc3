use serde::{Deserialize, Serialize};
use std::fmt;

/// Who did it. A person's identifier stays theirs after they are gone; names live in tenancy only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "id", rename_all = "snake_case")]
pub enum Actor {
    Person(String),
    /// A program that came with an API key: never who created it.
    Key(String),
    /// An auditor who came with a grant, and only ever looks.
    Grant(String),
    /// A service that reacted to another service's event.
    Service(String),
    /// The operator at the command line.
    Operator(String),
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person(id) => write!(f, "{id}"),
            Self::Key(id) => write!(f, "key:{id}"),
            Self::Grant(id) => write!(f, "grant:{id}"),
            Self::Service(id) => write!(f, "service:{id}"),
            Self::Operator(id) => write!(f, "operator:{id}"),
        }
    }
}

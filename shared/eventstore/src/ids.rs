use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// A partition of the log: one ISMS, or the organisation that runs several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, sqlx::Type)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct TenantId(pub Uuid);

impl TenantId {
    pub fn random() -> Self {
        Self(Uuid::now_v7())
    }

    /// An id that the same words always give, so that a repeated request lands on the same object.
    pub fn derive(&self, kind: &str, name: &str) -> Uuid {
        Uuid::new_v5(&self.0, format!("{kind}:{name}").as_bytes())
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for TenantId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// A stream's name, `<type>-<id>`: the life of one aggregate.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Stream {
    name: String,
    dash: usize,
}

#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not a stream name: <type>-<id>, such as risk-7f3a")]
pub struct InvalidStream(String);

impl Stream {
    pub fn new(kind: &str, id: impl fmt::Display) -> Self {
        debug_assert!(!kind.is_empty() && !kind.contains('-'), "a stream type has no dash: {kind}");
        Self { name: format!("{kind}-{id}"), dash: kind.len() }
    }

    pub fn kind(&self) -> &str {
        &self.name[..self.dash]
    }

    pub fn id(&self) -> &str {
        &self.name[self.dash + 1..]
    }

    pub fn as_str(&self) -> &str {
        &self.name
    }
}

impl TryFrom<String> for Stream {
    type Error = InvalidStream;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        match name.find('-') {
            Some(dash) if dash > 0 && dash + 1 < name.len() => Ok(Self { name, dash }),
            _ => Err(InvalidStream(name)),
        }
    }
}

impl From<Stream> for String {
    fn from(stream: Stream) -> Self {
        stream.name
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

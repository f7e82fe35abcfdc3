use crate::body::Body;
use crate::tagged::untagged;
use crate::upcast::{Unreadable, ahead, next};
use crate::{Actor, EventOf, Stream, TenantId};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt::Write;
use uuid::Uuid;

/// An event as the store gives it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recorded {
    pub tenant: TenantId,
    /// Place in the tenant's log: 1, 2, 3, ... without a gap.
    pub position: i64,
    pub stream: Stream,
    /// Place in the stream: 1, 2, 3, ...
    pub version: i64,
    pub id: Uuid,
    /// `<stream type>.<what happened>`, such as `risk.accepted`.
    pub event_type: String,
    /// The schema of `data`: that of the program that recorded it, or a later one that it was brought up to since.
    pub schema: u32,
    pub occurred_at: DateTime<Utc>,
    pub recorded_at: DateTime<Utc>,
    pub data: Value,
    pub metadata: Metadata,
    /// The chain's hash at this position, in hexadecimal.
    pub hash: String,
}

/// Who, why, and what led to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    pub actor: Actor,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command_id: Option<String>,
    pub correlation_id: Uuid,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causation_id: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

impl Recorded {
    /// The event as one of `E`'s, whatever schema it is in, or nothing where its stream is of another type.
    pub fn decode<E: EventOf>(&self) -> Result<Option<E>, serde_json::Error> {
        if self.stream.kind() != E::STREAM {
            return Ok(None);
        }
        let name = self.event_type.strip_prefix(E::STREAM).and_then(|rest| rest.strip_prefix('.'));
        let name = name.unwrap_or(&self.event_type);
        let refused = serde::de::Error::custom::<Unreadable>;
        match ahead(E::upcasts(name), &self.event_type, self.schema).map_err(refused)? {
            [] => untagged(name, &self.data).map(Some),
            ahead => {
                let data =
                    ahead.iter().try_fold(self.data.clone(), |data, upcast| next(*upcast, &self.event_type, data));
                untagged(name, &data.map_err(refused)?).map(Some)
            }
        }
    }
}

impl Recorded {
    pub(crate) fn new(body: Body, position: i64, version: i64, recorded_at: DateTime<Utc>, hash: &[u8]) -> Self {
        Self {
            tenant: body.tenant,
            position,
            stream: body.stream,
            version,
            id: body.id,
            event_type: body.event_type,
            schema: body.schema,
            occurred_at: body.occurred_at,
            recorded_at,
            data: body.data,
            metadata: body.metadata,
            hash: hex(hash),
        }
    }
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

use crate::{Metadata, Stream, TenantId};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use uuid::Uuid;

/// What is stored, hashed and never written again: everything the writer says of one event.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Body {
    pub id: Uuid,
    pub tenant: TenantId,
    pub stream: Stream,
    #[serde(rename = "type")]
    pub event_type: String,
    pub schema: u32,
    #[serde(serialize_with = "micros")]
    pub occurred_at: DateTime<Utc>,
    pub data: Value,
    pub metadata: Metadata,
}

impl Body {
    /// RFC 8785: the one spelling of this event, over which its digest is taken.
    pub fn canonical(&self) -> Result<String, serde_json::Error> {
        serde_json_canonicalizer::to_string(self)
    }
}

fn micros<S: Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&at.to_rfc3339_opts(SecondsFormat::Micros, true))
}

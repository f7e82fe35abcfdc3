use crate::event::Recorded;
use crate::{Metadata, Stream, TenantId};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use uuid::Uuid;

/// What is stored, hashed and never written again: everything the writer says of one event.
#[derive(Clone, Debug, Deserialize)]
pub struct Body {
    pub id: Uuid,
    pub tenant: TenantId,
    pub stream: Stream,
    #[serde(rename = "type")]
    pub event_type: String,
    pub schema: u32,
    pub occurred_at: DateTime<Utc>,
    pub data: Value,
    pub metadata: Metadata,
}

#[derive(Serialize)]
struct Written<'a> {
    id: Uuid,
    tenant: TenantId,
    stream: &'a str,
    #[serde(rename = "type")]
    event_type: &'a str,
    schema: u32,
    #[serde(serialize_with = "micros")]
    occurred_at: DateTime<Utc>,
    data: &'a Value,
    metadata: &'a Metadata,
}

/// RFC 8785: the one spelling of this event, over which its digest is taken.
pub fn canonical(event: &Recorded) -> Result<String, serde_json::Error> {
    serde_json_canonicalizer::to_string(&Written {
        id: event.id,
        tenant: event.tenant,
        stream: event.stream.as_str(),
        event_type: &event.event_type,
        schema: event.schema,
        occurred_at: event.occurred_at,
        data: &event.data,
        metadata: &event.metadata,
    })
}

fn micros<S: Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&at.to_rfc3339_opts(SecondsFormat::Micros, true))
}

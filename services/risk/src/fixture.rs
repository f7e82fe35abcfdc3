//! What unit tests of this crate begin from.

use eventstore::{Actor, Cx, Metadata, Recorded, Stream, TenantId, tagged};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

pub fn cx() -> Cx {
    let now = "2026-03-01T09:30:00Z".parse().expect("an instant");
    Cx::new(TenantId::random(), Actor::Person("mara".to_owned()), now)
}

/// An event of `stream` as a fold or a reaction gets it.
pub fn recorded(stream: &str, event_type: &str, data: Value) -> Recorded {
    let cx = cx();
    Recorded {
        tenant: cx.tenant,
        position: 1,
        stream: Stream::try_from(stream.to_owned()).expect("a stream's name"),
        version: 1,
        id: Uuid::nil(),
        event_type: event_type.to_owned(),
        schema: 1,
        occurred_at: cx.now,
        recorded_at: cx.now,
        data,
        metadata: Metadata {
            actor: cx.actor,
            reason: Some("because".to_owned()),
            command_id: None,
            correlation_id: Uuid::nil(),
            causation_id: None,
            traceparent: None,
        },
        hash: String::new(),
    }
}

/// One of our own events as it is stored.
pub fn stored(stream: &str, event: &impl Serialize) -> Recorded {
    let (name, data) = tagged(event).expect("an event is tagged");
    let kind = stream.split('-').next().unwrap_or_default();
    recorded(stream, &format!("{kind}.{name}"), data)
}

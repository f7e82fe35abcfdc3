//! What the unit tests share.

use eventstore::{Actor, Cx, EventOf, Metadata, Recorded, Stream, TenantId, tagged};
use uuid::Uuid;

pub fn cx(tenant: TenantId) -> Cx {
    let now = "2026-03-01T09:30:00Z".parse().expect("an instant");
    Cx::new(tenant, Actor::Person("mara".to_owned()), now)
}

/// The event as the store would give it.
pub fn recorded<E: EventOf>(id: &str, version: i64, event: &E) -> Recorded {
    let (name, data) = tagged(event).expect("tagged");
    let cx = cx(TenantId(Uuid::nil()));
    Recorded {
        tenant: cx.tenant,
        position: version,
        stream: Stream::new(E::STREAM, id),
        version,
        id: Uuid::nil(),
        event_type: format!("{}.{name}", E::STREAM),
        schema: 1,
        occurred_at: cx.now,
        recorded_at: cx.now,
        data,
        metadata: Metadata {
            actor: cx.actor,
            reason: None,
            command_id: None,
            correlation_id: cx.correlation_id,
            causation_id: None,
            traceparent: None,
        },
        hash: String::new(),
    }
}

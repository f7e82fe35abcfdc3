use eventstore::{Actor, EventOf, Metadata, Recorded, Stream, TenantId, schema_of, tagged};
use uuid::Uuid;

/// The event as the store would give it, where it is the only thing that was recorded: for tests of folds.
pub fn recorded<E: EventOf>(id: &str, version: i64, event: &E) -> Recorded {
    let (name, data) = tagged(event).expect("tagged");
    let at = "2026-03-01T09:30:00Z".parse().expect("an instant");
    Recorded {
        tenant: TenantId(Uuid::nil()),
        position: version,
        stream: Stream::new(E::STREAM, id),
        version,
        id: Uuid::nil(),
        event_type: format!("{}.{name}", E::STREAM),
        schema: schema_of(event),
        occurred_at: at,
        recorded_at: at,
        data,
        metadata: Metadata {
            actor: Actor::Person("mara".to_owned()),
            reason: None,
            command_id: None,
            correlation_id: Uuid::nil(),
            causation_id: None,
            traceparent: None,
        },
        hash: String::new(),
    }
}

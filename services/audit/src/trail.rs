use chrono::{DateTime, Utc};
use eventstore::{Recorded, Session, StoreError, Work};
use messaging::{Failed, Reaction};
use serde_json::Value;
use sqlx::types::Json;
use sqlx::{Connection, PgConnection};
use std::slice;
use uuid::Uuid;

/// Keeps each event of `source`, in the transaction that takes it in: once, whatever the transport does.
pub fn when_anything_happens_then_keep_it(source: &'static str) -> Reaction {
    Reaction::to_all(move |work, events| Box::pin(keep_all(work, source, events)))
}

/// Where one of the events cannot be kept, it is found by keeping each alone.
async fn keep_all(work: &mut Work, source: &str, events: &[Recorded]) -> Result<(), Failed> {
    let first = |error: anyhow::Error| Failed { index: 0, error };
    let connection = work.connection().await.map_err(|error| first(error.into()))?;
    let mut together = connection.begin().await.map_err(|error| first(error.into()))?;
    let Err(error) = keep(&mut together, source, events).await else {
        return together.commit().await.map_err(|error| first(error.into()));
    };
    if events.len() == 1 {
        return Err(first(error.into()));
    }
    together.rollback().await.map_err(|error| first(error.into()))?;
    for (index, event) in events.iter().enumerate() {
        let kept = keep(connection, source, slice::from_ref(event)).await;
        kept.map_err(|error| Failed { index, error: error.into() })?;
    }
    Ok(())
}

/// Counting up locks the tenant's head: whoever else keeps events of the tenant waits for this transaction, and a rollback
/// gives the numbers back.
async fn keep(connection: &mut PgConnection, source: &str, events: &[Recorded]) -> Result<(), sqlx::Error> {
    let Some(first) = events.first() else { return Ok(()) };
    sqlx::query(
        "with head as (
             insert into trail_heads as h (tenant_id, number) values ($1, $3)
             on conflict (tenant_id) do update set number = h.number + $3 returning number
         )
         insert into trail (tenant_id, number, source, position, event_id, event_type, stream, version, actor, reason,
                            occurred_at, recorded_at, correlation_id, causation_id, traceparent, hash, data)
         select $1, head.number - $3 + e.place, $2, position, event_id, event_type, stream, version, actor, reason,
                occurred_at, recorded_at, correlation_id, causation_id, traceparent, hash, data
         from head, unnest($4::bigint[], $5::uuid[], $6::text[], $7::text[], $8::bigint[], $9::text[], $10::text[],
                           $11::timestamptz[], $12::timestamptz[], $13::uuid[], $14::uuid[], $15::text[], $16::text[],
                           $17::jsonb[])
             with ordinality as e(position, event_id, event_type, stream, version, actor, reason, occurred_at, recorded_at,
                                  correlation_id, causation_id, traceparent, hash, data, place)",
    )
    .bind(first.tenant)
    .bind(source)
    .bind(i64::try_from(events.len()).unwrap_or(i64::MAX))
    .bind(each(events, |event| event.position))
    .bind(each(events, |event| event.id))
    .bind(each(events, |event| event.event_type.as_str()))
    .bind(each(events, |event| event.stream.as_str()))
    .bind(each(events, |event| event.version))
    .bind(each(events, |event| event.metadata.actor.to_string()))
    .bind(each(events, |event| event.metadata.reason.as_deref()))
    .bind(each(events, |event| event.occurred_at))
    .bind(each(events, |event| event.recorded_at))
    .bind(each(events, |event| event.metadata.correlation_id))
    .bind(each(events, |event| event.metadata.causation_id))
    .bind(each(events, |event| event.metadata.traceparent.as_deref()))
    .bind(each(events, |event| event.hash.as_str()))
    .bind(each(events, |event| Json(&event.data)))
    .execute(connection)
    .await
    .map(drop)
}

fn each<'a, T>(events: &'a [Recorded], field: impl Fn(&'a Recorded) -> T) -> Vec<T> {
    events.iter().map(field).collect()
}

/// An event as the trail shows it, without its number: equal to the source's own in one of the schemas that it has had,
/// that in which it was published, or one of the two was altered.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Held {
    pub position: i64,
    event_id: Uuid,
    event_type: String,
    stream: String,
    version: i64,
    actor: String,
    reason: Option<String>,
    occurred_at: DateTime<Utc>,
    recorded_at: DateTime<Utc>,
    correlation_id: Uuid,
    causation_id: Option<Uuid>,
    traceparent: Option<String>,
    hash: String,
    data: Json<Value>,
}

impl From<&Recorded> for Held {
    fn from(event: &Recorded) -> Self {
        Self {
            position: event.position,
            event_id: event.id,
            event_type: event.event_type.clone(),
            stream: event.stream.to_string(),
            version: event.version,
            actor: event.metadata.actor.to_string(),
            reason: event.metadata.reason.clone(),
            occurred_at: event.occurred_at,
            recorded_at: event.recorded_at,
            correlation_id: event.metadata.correlation_id,
            causation_id: event.metadata.causation_id,
            traceparent: event.metadata.traceparent.clone(),
            hash: event.hash.clone(),
            data: Json(event.data.clone()),
        }
    }
}

/// The last position of a source that the trail holds; 0 where it holds none.
pub async fn last_held(session: &mut Session, source: &str) -> Result<i64, StoreError> {
    let tenant = session.tenant();
    let last = sqlx::query_scalar("select coalesce(max(position), 0) from trail where tenant_id = $1 and source = $2");
    Ok(last.bind(tenant).bind(source).fetch_one(session.connection()).await?)
}

/// What the trail holds of one source after `position`, in order, `limit` events at most.
pub async fn held(session: &mut Session, source: &str, position: i64, limit: i64) -> Result<Vec<Held>, StoreError> {
    let tenant = session.tenant();
    let held = sqlx::query_as(
        "select position, event_id, event_type, stream, version, actor, reason, occurred_at, recorded_at,
                correlation_id, causation_id, traceparent, hash, data
         from trail where tenant_id = $1 and source = $2 and position > $3 order by position limit $4",
    )
    .bind(tenant)
    .bind(source)
    .bind(position)
    .bind(limit);
    Ok(held.fetch_all(session.connection()).await?)
}

use chrono::{DateTime, Utc};
use eventstore::{Recorded, Session, StoreError};
use messaging::Reaction;
use serde_json::Value;
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

/// Keeps each event of `source`, in the transaction that takes it in: once, whatever the transport does.
pub fn when_anything_happens_then_keep_it(source: &'static str) -> Reaction {
    Reaction::to(&[""], move |work, event| {
        Box::pin(async move { Ok(keep(work.connection().await?, source, event).await?) })
    })
}

/// Counting up locks the tenant's head: whoever else keeps an event of the tenant waits for this transaction, and a
/// rollback gives the number back.
async fn keep(connection: &mut PgConnection, source: &str, event: &Recorded) -> Result<(), sqlx::Error> {
    sqlx::query(
        "with head as (
             insert into trail_heads as h (tenant_id, number) values ($1, 1)
             on conflict (tenant_id) do update set number = h.number + 1 returning number
         )
         insert into trail (tenant_id, number, source, position, event_id, event_type, stream, version, actor, reason,
                            occurred_at, recorded_at, correlation_id, causation_id, traceparent, hash, data)
         select $1, number, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16 from head",
    )
    .bind(event.tenant)
    .bind(source)
    .bind(event.position)
    .bind(event.id)
    .bind(&event.event_type)
    .bind(event.stream.as_str())
    .bind(event.version)
    .bind(event.metadata.actor.to_string())
    .bind(&event.metadata.reason)
    .bind(event.occurred_at)
    .bind(event.recorded_at)
    .bind(event.metadata.correlation_id)
    .bind(event.metadata.causation_id)
    .bind(&event.metadata.traceparent)
    .bind(&event.hash)
    .bind(Json(&event.data))
    .execute(connection)
    .await
    .map(drop)
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

use anyhow::anyhow;
use eventstore::{Recorded, Session, StoreError};
use messaging::Reaction;
use sqlx::PgConnection;
use sqlx::types::Json;
use std::sync::Arc;

/// Keeps each event of `source`, in the transaction that takes it in: once, whatever the transport does.
pub fn when_anything_happens_then_keep_it(source: &'static str) -> Reaction {
    Arc::new(move |work, event| {
        Box::pin(
            async move { keep(work.connection(), source, event).await.map_err(|error| fault(source, event, error)) },
        )
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

/// A database that does not answer is tried again. An event that it refuses parks its tenant: another attempt would be
/// refused too, as when the source was put back to an earlier state and tells another story at the same position.
fn fault(source: &str, event: &Recorded, error: sqlx::Error) -> anyhow::Error {
    let class = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    // 22: the data cannot be kept; 23: a constraint.
    if class.is_some_and(|code| code.starts_with("22") || code.starts_with("23")) {
        anyhow!("the trail cannot hold event {} at position {} of {source}: {error}", event.id, event.position)
    } else {
        StoreError::from(error).into()
    }
}

/// What the trail holds of one source's chain after `position`: positions and hashes in order, `limit` at most. Equal to
/// the source's own, or one of the two was altered.
pub async fn hashes(
    session: &mut Session,
    source: &str,
    position: i64,
    limit: i64,
) -> Result<Vec<(i64, String)>, StoreError> {
    let tenant = session.tenant();
    let held = sqlx::query_as(
        "select position, hash from trail where tenant_id = $1 and source = $2 and position > $3
         order by position limit $4",
    )
    .bind(tenant)
    .bind(source)
    .bind(position)
    .bind(limit);
    Ok(held.fetch_all(session.connection()).await?)
}

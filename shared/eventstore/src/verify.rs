use crate::chain::{Chain, Stored};
use crate::{EventStore, Session, StoreError, TenantId};
use serde::Serialize;
use uuid::Uuid;

const BATCH: i64 = 1000;

/// What recomputing one tenant's chain showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChainReport {
    pub tenant: TenantId,
    pub events: i64,
    pub fault: Option<ChainFault>,
}

/// The first thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("position {position}: {what}")]
pub struct ChainFault {
    pub position: i64,
    pub what: String,
}

#[derive(sqlx::FromRow)]
struct Row {
    #[sqlx(flatten)]
    stored: Stored,
    stream: String,
    event_id: Uuid,
    event_type: String,
}

impl EventStore {
    /// Recomputes the tenant's chain from its first event: digests, links, gapless positions and versions, the head. A page
    /// of the log is in memory at a time.
    pub async fn verify_chain(&self, tenant: TenantId) -> Result<ChainReport, StoreError> {
        let mut chain = Chain::of(tenant);
        let mut session = self.session(tenant).await?;
        let report = |chain: &Chain, fault| ChainReport { tenant, events: chain.position(), fault };
        loop {
            let rows = next(&mut session, chain.position()).await?;
            if !rows.is_empty() {
                for row in rows {
                    if let Err(what) = follow(&mut chain, &row) {
                        return Ok(report(&chain, Some(ChainFault { position: row.stored.position, what })));
                    }
                }
                continue;
            }
            let head: Option<(i64, Vec<u8>)> = sqlx::query_as("select position, hash from heads where tenant_id = $1")
                .bind(tenant)
                .fetch_optional(session.connection())
                .await?;
            let ahead = head.as_ref().is_some_and(|(position, _)| *position > chain.position());
            // Somebody may have appended between the two looks: then there is more to read.
            if ahead && !next(&mut session, chain.position()).await?.is_empty() {
                continue;
            }
            let fault = against(&chain, head);
            return Ok(report(&chain, fault));
        }
    }
}

async fn next(session: &mut Session, position: i64) -> Result<Vec<Row>, StoreError> {
    let tenant = session.tenant();
    let rows = sqlx::query_as(
        "select position, stream, version, event_id, event_type, recorded_at, body, digest, hash from events
         where tenant_id = $1 and position > $2 order by position limit $3",
    );
    Ok(rows.bind(tenant).bind(position).bind(BATCH).fetch_all(session.connection()).await?)
}

fn follow(chain: &mut Chain, row: &Row) -> Result<(), String> {
    let named = chain.follow(&row.stored)?;
    if (named.stream.as_str(), named.id, &named.event_type) != (&row.stream, row.event_id, &row.event_type) {
        return Err("the row's columns do not say what the event says".to_owned());
    }
    Ok(())
}

/// What the head says of a log that was read to its end.
fn against(chain: &Chain, head: Option<(i64, Vec<u8>)>) -> Option<ChainFault> {
    let last = chain.position();
    let (position, what) = match head {
        Some((position, hash)) if position == last && hash == chain.hash() => return None,
        Some((position, _)) if position == last => (last, "the head holds another hash than this event".to_owned()),
        Some((position, _)) if position > last => (last, format!("the log ends here, but the head says {position}")),
        Some((position, _)) => (position + 1, format!("it lies beyond the head, which says {position}")),
        None if last == 0 => return None,
        None => (last, "the tenant has events but no head".to_owned()),
    };
    Some(ChainFault { position, what })
}

use crate::body::Body;
use crate::event::hex;
use crate::{EventStore, Session, StoreError, TenantId};
use chrono::{DateTime, Utc};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use uuid::Uuid;

const BATCH: i64 = 1000;

/// What recomputing one tenant's chain showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChainReport {
    pub tenant: TenantId,
    pub events: i64,
    pub fault: Option<ChainFault>,
    /// The hash of each position, for comparison with who else holds them.
    #[serde(skip)]
    pub hashes: Vec<String>,
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
    position: i64,
    stream: String,
    version: i64,
    event_id: Uuid,
    event_type: String,
    recorded_at: DateTime<Utc>,
    body: String,
    digest: Vec<u8>,
    hash: Vec<u8>,
}

impl EventStore {
    /// Recomputes the tenant's chain from its first event: digests, links, gapless positions and versions, the head.
    pub async fn verify_chain(&self, tenant: TenantId) -> Result<ChainReport, StoreError> {
        let mut chain = Chain::of(tenant);
        let mut session = self.session(tenant).await?;
        loop {
            let rows = next(&mut session, chain.position).await?;
            if !rows.is_empty() {
                for row in rows {
                    let position = row.position;
                    if let Err(what) = chain.follow(row) {
                        return Ok(chain.report(Some(ChainFault { position, what })));
                    }
                }
                continue;
            }
            let head: Option<(i64, Vec<u8>)> = sqlx::query_as("select position, hash from heads where tenant_id = $1")
                .bind(tenant)
                .fetch_optional(session.connection())
                .await?;
            let ahead = head.as_ref().is_some_and(|(position, _)| *position > chain.position);
            // Somebody may have appended between the two looks: then there is more to read.
            if ahead && !next(&mut session, chain.position).await?.is_empty() {
                continue;
            }
            let fault = chain.against(head);
            return Ok(chain.report(fault));
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

struct Chain {
    tenant: TenantId,
    position: i64,
    hash: Vec<u8>,
    recorded_at: Option<DateTime<Utc>>,
    versions: HashMap<String, i64>,
    hashes: Vec<String>,
}

impl Chain {
    fn of(tenant: TenantId) -> Self {
        let hash = Sha256::digest(tenant.0.as_bytes()).to_vec();
        Self { tenant, position: 0, hash, recorded_at: None, versions: HashMap::new(), hashes: Vec::new() }
    }

    fn follow(&mut self, row: Row) -> Result<(), String> {
        if row.position != self.position + 1 {
            return Err(format!("position {} is missing before it", self.position + 1));
        }
        let digest = Sha256::digest(row.body.as_bytes());
        if digest.as_slice() != row.digest {
            return Err("the event's content is not what was recorded: its digest differs".to_owned());
        }
        let hash = Sha256::new()
            .chain_update(&self.hash)
            .chain_update(row.position.to_be_bytes())
            .chain_update(row.recorded_at.timestamp_micros().to_be_bytes())
            .chain_update(digest)
            .finalize();
        if hash.as_slice() != row.hash {
            return Err("the chain is broken: the hash does not follow from the event before".to_owned());
        }
        let body: Body =
            serde_json::from_str(&row.body).map_err(|error| format!("the body is not an event: {error}"))?;
        let told = (body.tenant, body.stream.as_str(), body.id, body.event_type.as_str());
        if told != (self.tenant, row.stream.as_str(), row.event_id, row.event_type.as_str()) {
            return Err("the row's columns do not say what the event says".to_owned());
        }
        let version = self.versions.entry(row.stream).or_default();
        *version += 1;
        if *version != row.version {
            return Err(format!("version {version} of its stream is expected, version {} stands there", row.version));
        }
        if self.recorded_at.is_some_and(|before| before > row.recorded_at) {
            return Err("it was recorded before the event before it".to_owned());
        }
        self.recorded_at = Some(row.recorded_at);
        self.position = row.position;
        self.hash = hash.to_vec();
        self.hashes.push(hex(&row.hash));
        Ok(())
    }

    /// What the head says of a log that was read to its end.
    fn against(&self, head: Option<(i64, Vec<u8>)>) -> Option<ChainFault> {
        let what = match head {
            Some((position, hash)) if position == self.position && hash == self.hash => return None,
            Some((position, _)) => format!("the log ends here, but the head says {position}, or another hash"),
            None if self.position == 0 => return None,
            None => "the tenant has events but no head".to_owned(),
        };
        Some(ChainFault { position: self.position, what })
    }

    fn report(self, fault: Option<ChainFault>) -> ChainReport {
        ChainReport { tenant: self.tenant, events: self.position, fault, hashes: self.hashes }
    }
}

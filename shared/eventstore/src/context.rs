use crate::{Actor, TenantId};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Who acts, where, when and why: made at the edge, given to every decision, recorded with every event.
#[derive(Clone, Debug)]
pub struct Cx {
    pub tenant: TenantId,
    pub actor: Actor,
    pub now: DateTime<Utc>,
    /// When it happened, where that was not now.
    pub occurred_at: Option<DateTime<Utc>>,
    pub reason: Option<String>,
    pub command: Option<CommandKey>,
    pub correlation_id: Uuid,
    /// The event that this reacts to; the ids of the new events are derived from it.
    pub causation_id: Option<Uuid>,
    pub traceparent: Option<String>,
}

/// A caller's Idempotency-Key and the SHA-256 of the request that it came with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandKey {
    pub id: String,
    pub request_digest: Vec<u8>,
}

impl Cx {
    pub fn new(tenant: TenantId, actor: Actor, now: DateTime<Utc>) -> Self {
        Self {
            tenant,
            actor,
            now,
            occurred_at: None,
            reason: None,
            command: None,
            correlation_id: Uuid::now_v7(),
            causation_id: None,
            traceparent: None,
        }
    }

    /// The reason, where one with words in it was given.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty())
    }
}

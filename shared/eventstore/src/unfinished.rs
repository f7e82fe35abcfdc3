use crate::{EventStore, StoreError, TenantId};
use chrono::{DateTime, Utc};

/// A rebuild of a view that has begun and not ended.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Unfinished {
    pub tenant_id: TenantId,
    pub view: String,
    /// What folds.
    pub program: String,
    /// Everything up to it is folded.
    pub position: i64,
    /// The last position of the tenant's log.
    pub head: i64,
    pub rows: i64,
    pub started_at: DateTime<Utc>,
    /// Whether a process is at it now.
    pub running: bool,
}

impl EventStore {
    /// The rebuilds of views of all tenants that are under way or were interrupted.
    pub async fn rebuilds(&self) -> Result<Vec<Unfinished>, StoreError> {
        Ok(sqlx::query_as(
            "select r.tenant_id, r.view, r.program, r.position, coalesce(h.position, 0) as head, r.rows, r.started_at,
                    exists (select from pg_locks l where l.locktype = 'advisory' and l.objsubid = 1 and l.granted
                            and l.database = (select oid from pg_database where datname = current_database())
                            and (l.classid::bigint << 32) | l.objid::bigint = rebuild_lock(r.tenant_id, r.view)) as running
             from rebuilds r left join heads h using (tenant_id) order by r.tenant_id, r.view",
        )
        .fetch_all(&self.inner().engine)
        .await?)
    }
}

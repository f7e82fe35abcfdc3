use crate::{EventStore, StoreError, TenantId};
use sqlx::AssertSqlSafe;

/// A tenant and its last position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow, serde::Serialize, serde::Deserialize)]
pub struct Head {
    pub tenant_id: TenantId,
    pub position: i64,
}

/// What the engine's role may see: which tenants there are and how far each is, never what they contain.
impl EventStore {
    /// Heads in the order of tenant ids, after `after`, `limit` at most.
    pub async fn heads(&self, after: Option<TenantId>, limit: i64) -> Result<Vec<Head>, StoreError> {
        Ok(sqlx::query_as(
            "select tenant_id, position from heads
             where position > 0 and ($1::uuid is null or tenant_id > $1) order by tenant_id limit $2",
        )
        .bind(after)
        .bind(limit)
        .fetch_all(&self.inner().engine)
        .await?)
    }

    /// Tenants with events that were not published yet.
    pub async fn unpublished(&self) -> Result<Vec<TenantId>, StoreError> {
        Ok(sqlx::query_scalar(
            "select h.tenant_id from heads h left join relay_checkpoints c using (tenant_id)
             where h.position > coalesce(c.position, 0) limit 10000",
        )
        .fetch_all(&self.inner().engine)
        .await?)
    }

    /// Tenants for which one of `views` is behind the log.
    pub async fn behind(&self, views: &[&str]) -> Result<Vec<TenantId>, StoreError> {
        Ok(sqlx::query_scalar(
            "select distinct h.tenant_id from heads h cross join unnest($1::text[]) as v(view)
             left join view_checkpoints c on c.tenant_id = h.tenant_id and c.view = v.view
             where h.position > coalesce(c.position, 0) limit 10000",
        )
        .bind(views)
        .fetch_all(&self.inner().engine)
        .await?)
    }

    /// How many events were not published yet, over all tenants.
    pub async fn relay_lag(&self) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar(
            "select coalesce(sum(h.position - coalesce(c.position, 0)), 0)::bigint
             from heads h left join relay_checkpoints c using (tenant_id)",
        )
        .fetch_one(&self.inner().engine)
        .await?)
    }

    /// How many events each of `views` has not taken yet, over all tenants.
    pub async fn view_lag(&self, views: &[&str]) -> Result<Vec<(String, i64)>, StoreError> {
        Ok(sqlx::query_as(
            "select v.view, coalesce(sum(h.position - coalesce(c.position, 0)), 0)::bigint
             from unnest($1::text[]) as v(view) left join heads h on true
             left join view_checkpoints c on c.tenant_id = h.tenant_id and c.view = v.view
             group by v.view",
        )
        .bind(views)
        .fetch_all(&self.inner().engine)
        .await?)
    }

    /// How far each tenant's events were published.
    pub async fn published(&self) -> Result<Vec<Head>, StoreError> {
        Ok(sqlx::query_as("select tenant_id, position from relay_checkpoints").fetch_all(&self.inner().engine).await?)
    }

    /// How far each tenant of `source` was taken in.
    pub async fn taken(&self, source: &str) -> Result<Vec<Head>, StoreError> {
        Ok(sqlx::query_as("select tenant_id, position from consumer_checkpoints where source = $1")
            .bind(source)
            .fetch_all(&self.inner().engine)
            .await?)
    }

    /// Parked tenants of `source` whose time to be tried again has come.
    pub async fn parked_due(&self, source: &str) -> Result<Vec<TenantId>, StoreError> {
        Ok(sqlx::query_scalar("select tenant_id from parked where source = $1 and retry_at <= now()")
            .bind(source)
            .fetch_all(&self.inner().engine)
            .await?)
    }

    /// How many tenants are parked, per source.
    pub async fn parked(&self) -> Result<Vec<(String, i64)>, StoreError> {
        Ok(sqlx::query_as("select source, count(*) from parked group by source")
            .fetch_all(&self.inner().engine)
            .await?)
    }

    /// Tenants with rows in `queue` whose time has come: a table of the service's own, of which the engine's role may see
    /// `tenant_id` and `due_at`.
    pub async fn due(&self, queue: &'static str) -> Result<Vec<TenantId>, StoreError> {
        let statement = format!("select distinct tenant_id from {queue} where due_at <= now() limit 10000");
        Ok(sqlx::query_scalar(AssertSqlSafe(statement)).fetch_all(&self.inner().engine).await?)
    }
}

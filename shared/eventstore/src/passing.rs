use crate::{EventStore, StoreError, TenantId};

/// Consecutive events of a tenant, of which none means anything to the service that hears them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passed {
    pub tenant: TenantId,
    /// The position before the first.
    pub before: i64,
    pub last: i64,
}

impl EventStore {
    /// Takes events of `source` in by noting that they are, for many tenants in one statement. Gives the tenants for which
    /// that was done: not those that are elsewhere, parked, or at work in another transaction.
    pub async fn pass_over(&self, source: &str, passed: &[Passed]) -> Result<Vec<TenantId>, StoreError> {
        let column = |of: fn(&Passed) -> i64| passed.iter().map(of).collect::<Vec<_>>();
        let tenants: Vec<TenantId> = passed.iter().map(|passed| passed.tenant).collect();
        Ok(sqlx::query_scalar(
            "with free as (
                 select c.tenant_id, p.last
                 from unnest($2::uuid[], $3::bigint[], $4::bigint[]) as p(tenant_id, before, last)
                 join consumer_checkpoints c on c.tenant_id = p.tenant_id and c.source = $1 and c.position = p.before
                 where not exists (select from parked w where w.tenant_id = p.tenant_id and w.source = $1)
                 order by c.tenant_id for update of c skip locked
             )
             update consumer_checkpoints c set position = free.last from free
             where c.tenant_id = free.tenant_id and c.source = $1
             returning c.tenant_id",
        )
        .bind(source)
        .bind(tenants)
        .bind(column(|passed| passed.before))
        .bind(column(|passed| passed.last))
        .fetch_all(&self.inner().many)
        .await?)
    }
}

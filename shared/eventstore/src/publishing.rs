use crate::store::{Row, current};
use crate::{EventStore, Head, Recorded, StoreError, TenantId};
use sqlx::{Postgres, Transaction};

/// What of several tenants was not published yet; nobody else publishes those tenants meanwhile.
pub struct Unpublished {
    transaction: Transaction<'static, Postgres>,
    /// Tenant by tenant, each in order.
    pub events: Vec<Recorded>,
    /// Those that somebody else publishes just now.
    pub elsewhere: Vec<TenantId>,
}

impl EventStore {
    /// Reads what is not published of these tenants, of each `most` at most.
    pub async fn claim_unpublished(&self, tenants: &[TenantId], most: i64) -> Result<Unpublished, StoreError> {
        let mut transaction = self.inner().many.begin().await?;
        let mut claimed: Vec<Head> = sqlx::query_as(
            "select tenant_id, position from relay_checkpoints where tenant_id = any($1) order by tenant_id
             for update skip locked",
        )
        .bind(tenants)
        .fetch_all(&mut *transaction)
        .await?;
        if claimed.len() < tenants.len() {
            let begun: Vec<Head> = sqlx::query_as(
                "insert into relay_checkpoints select t, 0 from unnest($1::uuid[]) t order by t
                 on conflict do nothing returning tenant_id, position",
            )
            .bind(tenants)
            .fetch_all(&mut *transaction)
            .await?;
            claimed.extend(begun);
        }
        let (ids, positions): (Vec<TenantId>, Vec<i64>) =
            claimed.iter().map(|head| (head.tenant_id, head.position)).unzip();
        let rows: Vec<Row> = sqlx::query_as(
            "select e.position, e.version, e.recorded_at, e.body, e.hash
             from unnest($1::uuid[], $2::bigint[]) with ordinality as c(tenant_id, position, number)
             cross join lateral (
                 select * from events e where e.tenant_id = c.tenant_id and e.position > c.position
                 order by e.position limit $3
             ) e
             order by c.number, e.position",
        )
        .bind(&ids)
        .bind(positions)
        .bind(most)
        .fetch_all(&mut *transaction)
        .await?;
        let elsewhere = tenants.iter().filter(|tenant| !ids.contains(tenant)).copied().collect();
        Ok(Unpublished { transaction, events: current(&self.schemas(), rows)?, elsewhere })
    }
}

impl Unpublished {
    /// They are published. Gives the tenants that have more already.
    pub async fn published(mut self) -> Result<Vec<TenantId>, StoreError> {
        let mut last: Vec<Head> = Vec::new();
        for event in &self.events {
            match last.last_mut() {
                Some(head) if head.tenant_id == event.tenant => head.position = event.position,
                Some(_) | None => last.push(Head { tenant_id: event.tenant, position: event.position }),
            }
        }
        let (tenants, positions): (Vec<TenantId>, Vec<i64>) =
            last.into_iter().map(|head| (head.tenant_id, head.position)).unzip();
        let more: Vec<Option<TenantId>> = sqlx::query_scalar(
            "update relay_checkpoints c set position = p.position
             from unnest($1::uuid[], $2::bigint[]) as p(tenant_id, position) where c.tenant_id = p.tenant_id
             returning (select h.tenant_id from heads h where h.tenant_id = p.tenant_id and h.position > p.position)",
        )
        .bind(tenants)
        .bind(positions)
        .fetch_all(&mut *self.transaction)
        .await?;
        self.transaction.commit().await?;
        Ok(more.into_iter().flatten().collect())
    }
}

use crate::bus::{Bus, refused};
use crate::envelope::headers;
use anyhow::Context;
use bytes::Bytes;
use eventstore::{EventStore, TenantId, crash_point};
use futures::StreamExt;
use futures::future::try_join_all;
use sqlx::PgConnection;
use std::collections::BTreeSet;
use std::future::IntoFuture;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;

const BATCH: i64 = 500;

/// Tenants that are published side by side.
const AT_ONCE: usize = 4;

/// How often every tenant is looked at: what a killed process had appended is found here.
const SWEEP: Duration = Duration::from_secs(2);

/// How long a tenant that another process publishes is left to it.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Publishes a service's events to JetStream, each tenant's in order, at least once.
pub struct Relay {
    pub store: EventStore,
    pub bus: Bus,
}

impl Relay {
    /// Publishes for as long as the caller lets it run.
    pub async fn run(&self) {
        let mut appended = self.store.appended();
        loop {
            match self.store.unpublished().await {
                Ok(tenants) => self.publish_all(tenants.into_iter().collect()).await,
                Err(error) => tracing::warn!(%error, "cannot see what is unpublished; trying again"),
            }
            let deadline = tokio::time::sleep(SWEEP);
            tokio::pin!(deadline);
            loop {
                tokio::select! {
                    () = &mut deadline => break,
                    tenant = appended.recv() => match tenant {
                        Ok(tenant) => {
                            // Whatever was appended meanwhile, each tenant once.
                            let mut tenants = BTreeSet::from([tenant]);
                            while let Ok(tenant) = appended.try_recv() {
                                tenants.insert(tenant);
                            }
                            self.publish_all(tenants).await;
                        }
                        Err(RecvError::Lagged(_)) => break,
                        Err(RecvError::Closed) => return,
                    },
                }
            }
        }
    }

    async fn publish_all(&self, tenants: BTreeSet<TenantId>) {
        let publishing = tenants.into_iter().map(|tenant| async move {
            if let Err(error) = self.publish(tenant).await {
                self.bus.forget_stream(self.store.service());
                tracing::warn!(tenant.id = %tenant, error = format!("{error:#}"), "events wait to be published; trying again");
            }
        });
        futures::stream::iter(publishing).buffer_unordered(AT_ONCE).collect::<()>().await;
    }

    /// Publishes what the tenant has and nobody published. Another process that is at it already is left to it, after a
    /// second look: it may have ended before it saw the last.
    pub async fn publish(&self, tenant: TenantId) -> anyhow::Result<()> {
        self.bus.ensure_stream_once(self.store.service()).await?;
        let mut waited = false;
        loop {
            match self.publish_next(tenant).await? {
                Published::All => return Ok(()),
                Published::Some => {}
                Published::ByAnother if waited => return Ok(()),
                Published::ByAnother => {
                    waited = true;
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
            }
        }
    }

    async fn publish_next(&self, tenant: TenantId) -> anyhow::Result<Published> {
        let service = self.store.service();
        let mut session = self.store.session(tenant).await?;
        let Some(position) = claim(session.connection(), tenant).await? else { return Ok(Published::ByAnother) };
        let events = session.events_after(position, BATCH).await?;
        let Some(last) = events.last().map(|event| event.position) else { return Ok(Published::All) };
        let mut published = Vec::with_capacity(events.len());
        for event in &events {
            let subject = self.bus.subject(service, tenant, &event.event_type);
            let data = Bytes::from(serde_json::to_vec(&event.data)?);
            let acknowledged = self.bus.jetstream.publish_with_headers(subject, headers(service, event)?, data).await;
            published.push(acknowledged.map_err(refused)?.into_future());
        }
        try_join_all(published).await.map_err(refused).context("JetStream did not acknowledge")?;
        crash_point(service, "published");
        let more: bool = sqlx::query_scalar(
            "update relay_checkpoints set position = $2 where tenant_id = $1
             returning (select h.position > $2 from heads h where h.tenant_id = $1)",
        )
        .bind(tenant)
        .bind(last)
        .fetch_one(session.connection())
        .await?;
        session.commit().await?;
        Ok(if more { Published::Some } else { Published::All })
    }
}

/// How much of what a tenant has is published.
enum Published {
    All,
    Some,
    ByAnother,
}

/// Locks how far the tenant was published, and gives it; nothing where somebody else has it.
async fn claim(connection: &mut PgConnection, tenant: TenantId) -> Result<Option<i64>, sqlx::Error> {
    let locked = "select position from relay_checkpoints where tenant_id = $1 for update skip locked";
    let position = sqlx::query_scalar(locked).bind(tenant).fetch_optional(&mut *connection).await?;
    if position.is_some() {
        return Ok(position);
    }
    let begun = "insert into relay_checkpoints values ($1, 0) on conflict do nothing returning position";
    sqlx::query_scalar(begun).bind(tenant).fetch_optional(connection).await
}

use crate::bus::{Bus, refused};
use crate::envelope::headers;
use anyhow::Context;
use bytes::Bytes;
use eventstore::{EventStore, TenantId, crash_point};
use futures::future::try_join_all;
use std::future::IntoFuture;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;

const BATCH: i64 = 500;

/// How often every tenant is looked at: what a killed process had appended is found here.
const SWEEP: Duration = Duration::from_secs(2);

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
                Ok(tenants) => {
                    for tenant in tenants {
                        self.try_publish(tenant).await;
                    }
                }
                Err(error) => tracing::warn!(%error, "cannot see what is unpublished; trying again"),
            }
            let deadline = tokio::time::sleep(SWEEP);
            tokio::pin!(deadline);
            loop {
                tokio::select! {
                    () = &mut deadline => break,
                    tenant = appended.recv() => match tenant {
                        Ok(tenant) => self.try_publish(tenant).await,
                        Err(RecvError::Lagged(_)) => break,
                        Err(RecvError::Closed) => return,
                    },
                }
            }
        }
    }

    async fn try_publish(&self, tenant: TenantId) {
        if let Err(error) = self.publish(tenant).await {
            tracing::warn!(tenant.id = %tenant, error = format!("{error:#}"), "events wait to be published; trying again");
        }
    }

    /// Publishes what the tenant has and nobody published. Another process that is at it already is left to it.
    pub async fn publish(&self, tenant: TenantId) -> anyhow::Result<()> {
        let service = self.store.service();
        self.bus.ensure_stream(service).await?;
        loop {
            let mut session = self.store.session(tenant).await?;
            sqlx::query("insert into relay_checkpoints values ($1, 0) on conflict do nothing")
                .bind(tenant)
                .execute(session.connection())
                .await?;
            let position: Option<i64> = sqlx::query_scalar(
                "select position from relay_checkpoints where tenant_id = $1 for update skip locked",
            )
            .bind(tenant)
            .fetch_optional(session.connection())
            .await?;
            let Some(position) = position else { return Ok(()) };
            let events = session.events_after(position, BATCH).await?;
            let Some(last) = events.last().map(|event| event.position) else { return Ok(()) };
            let mut published = Vec::with_capacity(events.len());
            for event in &events {
                let subject = self.bus.subject(service, tenant, &event.event_type);
                let data = Bytes::from(serde_json::to_vec(&event.data)?);
                let acknowledged =
                    self.bus.jetstream.publish_with_headers(subject, headers(service, event)?, data).await;
                published.push(acknowledged.map_err(refused)?.into_future());
            }
            try_join_all(published).await.map_err(refused).context("JetStream did not acknowledge")?;
            crash_point(service, "published");
            sqlx::query("update relay_checkpoints set position = $2 where tenant_id = $1")
                .bind(tenant)
                .bind(last)
                .execute(session.connection())
                .await?;
            session.commit().await?;
        }
    }
}

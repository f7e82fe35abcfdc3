use crate::bus::{Bus, refused};
use crate::envelope::headers;
use anyhow::Context;
use bytes::Bytes;
use eventstore::{EventStore, StoreError, TenantId, crash_point};
use futures::StreamExt;
use futures::future::try_join_all;
use std::collections::BTreeSet;
use std::future::IntoFuture;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;

/// Events that are published at once, in equal parts of the tenants; of each a few at least.
const BATCH: usize = 500;
const FEWEST: usize = 20;

/// Tenants whose events are read together, and how many such groups are published side by side.
const TOGETHER: usize = 32;
const AT_ONCE: usize = 2;

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
        let tenants: Vec<TenantId> = tenants.into_iter().collect();
        let groups: Vec<Vec<TenantId>> = tenants.chunks(TOGETHER).map(<[TenantId]>::to_vec).collect();
        let publishing = groups.into_iter().map(|together| async move {
            match self.publish(&together).await {
                // One that cannot be read holds up no other.
                Err(error)
                    if together.len() > 1 && matches!(error.downcast_ref(), Some(StoreError::Unreadable { .. })) =>
                {
                    for tenant in together {
                        self.told(&[tenant], self.publish(&[tenant]).await);
                    }
                }
                published => self.told(&together, published),
            }
        });
        futures::stream::iter(publishing).buffer_unordered(AT_ONCE).collect::<()>().await;
    }

    fn told(&self, tenants: &[TenantId], published: anyhow::Result<()>) {
        if let Err(error) = published {
            self.bus.forget_stream(self.store.service());
            let error = format!("{error:#}");
            tracing::warn!(tenants = tenants.len(), tenant.id = %tenants[0], error, "events wait to be published; trying again");
        }
    }

    /// Publishes what these tenants have and nobody published. One that another process is at already is left to it, after
    /// a second look: it may have ended before it saw the last.
    pub async fn publish(&self, tenants: &[TenantId]) -> anyhow::Result<()> {
        self.bus.ensure_stream_once(self.store.service()).await?;
        let (mut waiting, mut waited) = (tenants.to_vec(), false);
        while !waiting.is_empty() {
            let (more, elsewhere) = self.publish_next(&waiting).await?;
            waiting = more;
            if waiting.is_empty() && !waited && !elsewhere.is_empty() {
                waited = true;
                waiting = elsewhere;
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        }
        Ok(())
    }

    /// Gives the tenants that have more, and those that another process is at.
    async fn publish_next(&self, tenants: &[TenantId]) -> anyhow::Result<(Vec<TenantId>, Vec<TenantId>)> {
        let service = self.store.service();
        let each = (BATCH / tenants.len()).max(FEWEST);
        let mut unpublished = self.store.claim_unpublished(tenants, i64::try_from(each)?).await?;
        let elsewhere = std::mem::take(&mut unpublished.elsewhere);
        if unpublished.events.is_empty() {
            return Ok((Vec::new(), elsewhere));
        }
        let mut published = Vec::with_capacity(unpublished.events.len());
        for event in &unpublished.events {
            let subject = self.bus.subject(service, event.tenant, &event.event_type);
            let data = Bytes::from(serde_json::to_vec(&event.data)?);
            let acknowledged = self.bus.jetstream.publish_with_headers(subject, headers(service, event)?, data).await;
            published.push(acknowledged.map_err(refused)?.into_future());
        }
        try_join_all(published).await.map_err(refused).context("JetStream did not acknowledge")?;
        crash_point(service, "published");
        Ok((unpublished.published().await?, elsewhere))
    }
}

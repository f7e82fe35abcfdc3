use crate::bus::{Bus, BusError, refused};
use crate::envelope::recorded;
use crate::take::{Reaction, Taken, take};
use anyhow::Context;
use async_nats::jetstream::Message;
use eventstore::{EventStore, Recorded, TenantId};
use futures::StreamExt;
use metrics::gauge;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// How often the source is asked what there is: a message that was the last and was lost leaves no gap to notice.
const SWEEP: Duration = Duration::from_secs(5);
const BATCH: usize = 256;

/// Tenants whose events are taken side by side.
const AT_ONCE: usize = 4;

const PAUSE: Duration = Duration::from_secs(1);

/// Takes in the events of one source, each tenant's exactly once and in order.
pub struct Consumer {
    pub store: EventStore,
    pub bus: Bus,
    pub source: &'static str,
    pub reactions: Vec<Reaction>,
}

impl Consumer {
    /// Listens and catches up for as long as the caller lets it run.
    pub async fn run(&self) {
        tokio::join!(self.listen(), self.sweep());
    }

    async fn listen(&self) {
        loop {
            if let Err(error) = self.listen_once().await {
                tracing::warn!(source = self.source, %error, "not listening; trying again");
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn listen_once(&self) -> Result<(), BusError> {
        let consumer = self.bus.ensure_consumer(self.store.service(), self.source).await?;
        let messages = consumer.messages().await.map_err(refused)?;
        let mut batches = messages.ready_chunks(BATCH);
        while let Some(batch) = batches.next().await {
            let mut messages = Vec::with_capacity(batch.len());
            for message in batch {
                messages.push(message.map_err(refused)?);
            }
            self.hear(messages).await;
        }
        Ok(())
    }

    /// A message is acknowledged when its event is taken, was taken before, or will be asked for again.
    async fn hear(&self, messages: Vec<Message>) {
        let mut by_tenant: BTreeMap<TenantId, Vec<(Recorded, Message)>> = BTreeMap::new();
        for message in messages {
            match recorded(message.headers.as_ref(), &message.payload) {
                Ok(event) => by_tenant.entry(event.tenant).or_default().push((event, message)),
                Err(error) => {
                    tracing::error!(source = self.source, subject = %message.subject, %error, "a message is left out");
                    acknowledge(&message).await;
                }
            }
        }
        let taking = by_tenant.into_iter().map(|(tenant, heard)| self.hear_of(tenant, heard));
        futures::stream::iter(taking).buffer_unordered(AT_ONCE).collect::<()>().await;
    }

    async fn hear_of(&self, tenant: TenantId, mut heard: Vec<(Recorded, Message)>) {
        heard.sort_by_key(|(event, _)| event.position);
        let (events, messages): (Vec<Recorded>, Vec<Message>) = heard.into_iter().unzip();
        match self.take_with_replay(tenant, &events).await {
            Ok(()) => {
                for message in &messages {
                    acknowledge(message).await;
                }
            }
            Err(error) => {
                tracing::warn!(tenant.id = %tenant, source = self.source, error = format!("{error:#}"), "events wait; trying again");
            }
        }
    }

    async fn take_with_replay(&self, tenant: TenantId, events: &[Recorded]) -> anyhow::Result<()> {
        match take(&self.store, self.source, &self.reactions, tenant, events, false).await? {
            Taken::UpTo(_) | Taken::Parked => Ok(()),
            Taken::Gap { after } => {
                tracing::info!(tenant.id = %tenant, source = self.source, after, "events are missing and are asked for again");
                self.catch_up(tenant, after, false).await
            }
        }
    }

    /// Asks the source for everything after a position, and takes it.
    async fn catch_up(&self, tenant: TenantId, after: i64, retry: bool) -> anyhow::Result<()> {
        let mut after = after;
        loop {
            let events = self.bus.ask_events(self.source, tenant, after).await.context("asking for a replay")?;
            if events.is_empty() {
                return Ok(());
            }
            match take(&self.store, self.source, &self.reactions, tenant, &events, retry).await? {
                Taken::UpTo(position) if position > after => after = position,
                Taken::Gap { after: there } if there != after => after = there,
                Taken::Parked => return Ok(()),
                Taken::UpTo(_) | Taken::Gap { .. } => anyhow::bail!("the source has a gap after position {after}"),
            }
        }
    }

    async fn sweep(&self) {
        loop {
            if let Err(error) = self.sweep_once().await {
                tracing::warn!(
                    source = self.source,
                    error = format!("{error:#}"),
                    "cannot compare with the source; trying again"
                );
            }
            tokio::time::sleep(SWEEP).await;
        }
    }

    /// Compares every tenant with its source, and tries those again that were parked and whose time has come.
    pub async fn sweep_once(&self) -> anyhow::Result<()> {
        let taken: HashMap<TenantId, i64> =
            self.store.taken(self.source).await?.into_iter().map(|head| (head.tenant_id, head.position)).collect();
        let position = |tenant: TenantId| taken.get(&tenant).copied().unwrap_or(0);
        for tenant in self.store.parked_due(self.source).await? {
            self.look_after(tenant, position(tenant), true).await;
        }
        let mut lag = 0;
        let mut page = None;
        loop {
            let heads = self.bus.ask_heads(self.source, page).await?;
            let Some(last) = heads.last() else { break };
            page = Some(last.tenant_id);
            for head in heads {
                let behind = head.position - position(head.tenant_id);
                lag += behind.max(0);
                if behind > 0 {
                    self.look_after(head.tenant_id, position(head.tenant_id), false).await;
                }
            }
        }
        let lag = f64::from(u32::try_from(lag).unwrap_or(u32::MAX));
        gauge!("stele_consumer_lag_events", "service" => self.store.service(), "source" => self.source).set(lag);
        Ok(())
    }

    /// What fails for one tenant is told, and holds up no other.
    async fn look_after(&self, tenant: TenantId, after: i64, retry: bool) {
        if let Err(error) = self.catch_up(tenant, after, retry).await {
            tracing::warn!(tenant.id = %tenant, source = self.source, error = format!("{error:#}"), "a tenant is behind its source; trying again");
        }
    }
}

async fn acknowledge(message: &Message) {
    // One that is lost comes again and is recognised by its position.
    if let Err(error) = message.ack().await {
        tracing::debug!(%error, "an acknowledgement was not sent");
    }
}

use crate::bus::{Bus, BusError, refused};
use crate::checkpoint;
use crate::envelope::recorded;
use crate::reaction::{Errand, Reaction};
use crate::take::Taken;
use anyhow::Context;
use async_nats::jetstream::Message;
use async_nats::jetstream::message::Info;
use eventstore::{EventStore, Head, Passed, Recorded, StoreError, TenantId};
use futures::{StreamExt, stream};
use metrics::gauge;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

/// How often the source is asked what there is: a message that was the last and was lost leaves no gap to notice.
const SWEEP: Duration = Duration::from_secs(5);
const BATCH: usize = 256;

/// Tenants whose events are taken side by side.
const AT_ONCE: usize = 4;

const PAUSE: Duration = Duration::from_secs(1);

/// How long it is waited for more of what is in no hurry.
const GATHER: Duration = Duration::from_millis(200);

/// So many messages at once are enough to begin with: there are more.
const MANY: usize = 100;

/// Takes in the events of one source, each tenant's exactly once and in order.
pub struct Consumer {
    pub store: EventStore,
    pub bus: Bus,
    pub source: &'static str,
    pub errands: Vec<Errand>,
    pub reactions: Vec<Reaction>,
    /// Nobody waits for what follows: after what was just taken more is waited for, to take it all at once.
    pub patient: bool,
}

impl Consumer {
    /// Listens and catches up for as long as the caller lets it run.
    pub async fn run(&self) {
        let (queue, waiting) = mpsc::unbounded_channel();
        let behind = Behind { queue, tenants: Mutex::default() };
        tokio::join!(self.listen(&behind), self.catch_up_those(&behind, waiting), self.sweep(&behind));
    }

    async fn listen(&self, behind: &Behind) {
        loop {
            if let Err(error) = self.listen_once(behind).await {
                tracing::warn!(source = self.source, %error, "not listening; trying again");
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn listen_once(&self, behind: &Behind) -> Result<(), BusError> {
        let (consumer, before) = self.bus.ensure_consumer(self.store.service(), self.source).await?;
        let messages = consumer.messages().await.map_err(refused)?;
        let mut batches = messages.ready_chunks(BATCH);
        while let Some(batch) = batches.next().await {
            let mut messages = Vec::with_capacity(batch.len());
            for message in batch {
                messages.push(message.map_err(refused)?);
            }
            let heard = messages.len();
            self.hear(messages, before, behind).await;
            if self.patient && heard < MANY {
                tokio::time::sleep(GATHER).await;
            }
        }
        Ok(())
    }

    /// A message is acknowledged when its event is taken, was taken before, or will be asked for again.
    ///
    /// What the stream held `before` anybody listened, and what could not be taken at once, only tells that there was
    /// something: the source may since have been restored to an earlier moment, and its positions given out again.
    async fn hear(&self, messages: Vec<Message>, before: u64, behind: &Behind) {
        let mut by_tenant = ByTenant::new();
        let mut in_doubt: BTreeSet<TenantId> = BTreeSet::new();
        for message in messages {
            match recorded(message.headers.as_ref(), &message.payload) {
                Ok(event) => {
                    let is_new = |info: Info<'_>| info.stream_sequence > before && info.delivered == 1;
                    if !message.info().is_ok_and(is_new) {
                        in_doubt.insert(event.tenant);
                    }
                    by_tenant.entry(event.tenant).or_default().push((event, message));
                }
                Err(error) => {
                    tracing::error!(source = self.source, subject = %message.subject, %error, "a message is left out");
                    acknowledge(&message).await;
                }
            }
        }
        for heard in by_tenant.values_mut() {
            heard.sort_by_key(|(event, _)| event.position);
        }
        let passed = self.pass_over(&by_tenant, &in_doubt).await;
        let taking = by_tenant.into_iter().map(|(tenant, heard)| {
            let (passed, doubted) = (passed.contains(&tenant), in_doubt.contains(&tenant));
            self.hear_of(tenant, heard, passed, doubted, behind)
        });
        stream::iter(taking).buffer_unordered(AT_ONCE).collect::<()>().await;
    }

    /// Takes those tenants' events at once of which nothing is heard; gives for which that could be done.
    async fn pass_over(&self, heard: &ByTenant, in_doubt: &BTreeSet<TenantId>) -> HashSet<TenantId> {
        let unheard: Vec<Passed> = heard
            .iter()
            .filter(|(tenant, _)| !in_doubt.contains(tenant))
            .filter(|(_, heard)| !heard.iter().any(|(event, _)| self.hears(event)))
            .filter_map(|(tenant, heard)| {
                let (before, last) = run(heard.iter().map(|(event, _)| event))?;
                Some(Passed { tenant: *tenant, before, last })
            })
            .collect();
        if unheard.is_empty() {
            return HashSet::new();
        }
        match self.store.pass_over(self.source, &unheard).await {
            Ok(passed) => passed.into_iter().collect(),
            Err(error) => {
                tracing::warn!(source = self.source, %error, "events are taken one tenant after the other");
                HashSet::new()
            }
        }
    }

    fn hears(&self, event: &Recorded) -> bool {
        self.reactions.iter().any(|reaction| reaction.hears(event))
            || self.errands.iter().any(|errand| errand.hears(event))
    }

    async fn hear_of(
        &self,
        tenant: TenantId,
        heard: Vec<(Recorded, Message)>,
        passed: bool,
        doubted: bool,
        behind: &Behind,
    ) {
        let (mut events, messages): (Vec<Recorded>, Vec<Message>) = heard.into_iter().unzip();
        // What came twice at once is taken once, and acknowledged twice.
        events.dedup_by_key(|event| event.position);
        let taken = if passed { Ok(()) } else { self.take_or_ask(tenant, &events, doubted, behind).await };
        match taken {
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

    async fn take_or_ask(
        &self,
        tenant: TenantId,
        events: &[Recorded],
        doubted: bool,
        behind: &Behind,
    ) -> anyhow::Result<()> {
        if behind.is_at_work_on(tenant) {
            // It takes these too; who took them beside it would wait for it, and hold a connection.
            behind.add(tenant);
            return Ok(());
        }
        if doubted {
            let after = self.taken(tenant).await?;
            if events.iter().any(|event| event.position > after) {
                behind.add(tenant);
            }
            return Ok(());
        }
        match self.take(tenant, events, false).await? {
            Taken::UpTo(_) | Taken::Parked => {}
            Taken::Gap { after } => {
                tracing::info!(tenant.id = %tenant, source = self.source, after, "events are missing and are asked for again");
                behind.add(tenant);
            }
        }
        Ok(())
    }

    async fn taken(&self, tenant: TenantId) -> Result<i64, StoreError> {
        let mut session = self.store.session(tenant).await?;
        Ok(checkpoint::position(session.connection(), tenant, self.source).await?)
    }

    /// However much a tenant lacks, what is heard of the others goes on meanwhile.
    async fn catch_up_those(&self, behind: &Behind, waiting: UnboundedReceiver<TenantId>) {
        let tenants = stream::unfold(waiting, async |mut waiting| Some((waiting.recv().await?, waiting)));
        let catching_up = tenants.map(|tenant| async move {
            behind.begin(tenant);
            match self.taken(tenant).await {
                Ok(after) => self.look_after(tenant, after, false).await,
                // The sweep finds it again.
                Err(error) => tracing::warn!(tenant.id = %tenant, source = self.source, %error, "a tenant is behind its source; trying again"),
            }
            behind.end(tenant);
        });
        catching_up.buffer_unordered(AT_ONCE).collect::<()>().await;
    }

    /// Asks the source for everything after a position, and takes it.
    async fn catch_up(&self, tenant: TenantId, after: i64, retry: bool) -> anyhow::Result<()> {
        let mut after = after;
        loop {
            let events = self.bus.ask_events(self.source, tenant, after).await.context("asking for a replay")?;
            if events.is_empty() {
                return Ok(());
            }
            match self.take(tenant, &events, retry).await? {
                Taken::UpTo(position) if position > after => after = position,
                Taken::Gap { after: there } if there != after => after = there,
                Taken::Parked => return Ok(()),
                Taken::UpTo(_) | Taken::Gap { .. } => anyhow::bail!("the source has a gap after position {after}"),
            }
        }
    }

    async fn sweep(&self, behind: &Behind) {
        loop {
            if let Err(error) = self.sweep_once(behind).await {
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
    async fn sweep_once(&self, behind: &Behind) -> anyhow::Result<()> {
        let taken: HashMap<TenantId, i64> =
            self.store.taken(self.source).await?.into_iter().map(|head| (head.tenant_id, head.position)).collect();
        let position = |tenant: TenantId| taken.get(&tenant).copied().unwrap_or(0);
        for tenant in self.store.parked_due(self.source).await? {
            self.look_after(tenant, position(tenant), true).await;
        }
        let (mut lag, mut lost) = (0, 0);
        let mut page = None;
        let mut unseen = taken.clone();
        loop {
            let heads = self.bus.ask_heads(self.source, page).await?;
            let Some(final_head) = heads.last() else { break };
            page = Some(final_head.tenant_id);
            for Head { tenant_id, position: there } in heads {
                unseen.remove(&tenant_id);
                let here = position(tenant_id);
                lag += (there - here).max(0);
                if there > here {
                    behind.add(tenant_id);
                }
                lost += self.lost(tenant_id, here, there);
            }
        }
        lost += unseen.into_iter().map(|(tenant, here)| self.lost(tenant, here, 0)).sum::<i64>();
        self.tell("stele_consumer_lag_events", lag);
        self.tell("stele_consumer_lost_events", lost);
        Ok(())
    }

    /// How many events were taken in that the source does not have any more: it was restored to an earlier moment than
    /// this service, and new events will be taken for those.
    fn lost(&self, tenant: TenantId, here: i64, there: i64) -> i64 {
        if here > there {
            tracing::error!(
                tenant.id = %tenant, source = self.source, position = there, taken = here,
                "the source does not have what was taken in of it: restore both to one moment; `stele verify` tells what differs"
            );
        }
        (here - there).max(0)
    }

    fn tell(&self, name: &'static str, events: i64) {
        let events = f64::from(u32::try_from(events).unwrap_or(u32::MAX));
        gauge!(name, "service" => self.store.service(), "source" => self.source).set(events);
    }

    /// What fails for one tenant is told, and holds up no other.
    async fn look_after(&self, tenant: TenantId, after: i64, retry: bool) {
        if let Err(error) = self.catch_up(tenant, after, retry).await {
            tracing::warn!(tenant.id = %tenant, source = self.source, error = format!("{error:#}"), "a tenant is behind its source; trying again");
        }
    }
}

/// What was heard of each tenant.
type ByTenant = BTreeMap<TenantId, Vec<(Recorded, Message)>>;

/// The position before events that have no gap, and that of the last.
pub fn run<'a>(events: impl Iterator<Item = &'a Recorded>) -> Option<(i64, i64)> {
    let positions: Vec<i64> = events.map(|event| event.position).collect();
    let is_gapless = positions.windows(2).all(|pair| pair[1] == pair[0] + 1);
    positions.first().zip(positions.last()).filter(|_| is_gapless).map(|(first, last)| (first - 1, *last))
}

/// Tenants of which something is missing, each once until it is begun with, and none begun with twice at a time.
struct Behind {
    queue: UnboundedSender<TenantId>,
    tenants: Mutex<Tenants>,
}

#[derive(Default)]
struct Tenants {
    waiting: HashSet<TenantId>,
    at_work: HashSet<TenantId>,
    /// Something was missing again, or still, while they were at work.
    again: HashSet<TenantId>,
}

impl Behind {
    fn add(&self, tenant: TenantId) {
        let mut tenants = self.tenants();
        if tenants.at_work.contains(&tenant) {
            tenants.again.insert(tenant);
        } else if tenants.waiting.insert(tenant) {
            // It is received for as long as the consumer runs.
            let _ = self.queue.send(tenant);
        }
    }

    fn is_at_work_on(&self, tenant: TenantId) -> bool {
        self.tenants().at_work.contains(&tenant)
    }

    fn begin(&self, tenant: TenantId) {
        let mut tenants = self.tenants();
        tenants.waiting.remove(&tenant);
        tenants.at_work.insert(tenant);
    }

    fn end(&self, tenant: TenantId) {
        let is_missed_again = {
            let mut tenants = self.tenants();
            tenants.at_work.remove(&tenant);
            tenants.again.remove(&tenant)
        };
        if is_missed_again {
            self.add(tenant);
        }
    }

    fn tenants(&self) -> MutexGuard<'_, Tenants> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn acknowledge(message: &Message) {
    // One that is lost comes again and is recognised by its position.
    if let Err(error) = message.ack().await {
        tracing::debug!(%error, "an acknowledgement was not sent");
    }
}

#[cfg(test)]
mod tests {
    use super::Behind;
    use eventstore::TenantId;
    use std::sync::Mutex;
    use tokio::sync::mpsc;

    #[test]
    fn a_tenant_is_caught_up_on_once_at_a_time_and_again_where_more_was_missed() {
        let (queue, mut waiting) = mpsc::unbounded_channel();
        let behind = Behind { queue, tenants: Mutex::default() };
        let (one, other) = (TenantId::random(), TenantId::random());
        for tenant in [one, one, other] {
            behind.add(tenant);
        }
        assert_eq!([waiting.try_recv().ok(), waiting.try_recv().ok()], [Some(one), Some(other)]);
        behind.begin(one);
        assert!(behind.is_at_work_on(one) && !behind.is_at_work_on(other));
        behind.add(one);
        behind.add(one);
        assert_eq!(waiting.try_recv().ok(), None, "it is at work");
        behind.end(one);
        assert_eq!(waiting.try_recv().ok(), Some(one));
        behind.begin(one);
        behind.end(one);
        assert_eq!(waiting.try_recv().ok(), None, "nothing more was missed");
    }
}

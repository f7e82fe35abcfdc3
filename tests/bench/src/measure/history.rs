//! A tenant of a million events: what a command costs there, and how fast all of it is read in order.

use crate::bench::{Bench, MESSAGE_DB};
use crate::drive::{Client, Measured, drive};
use crate::protocol::{Operation, Peer, Shape};
use crate::rounds::Contender;
use crate::row::{Aim, FLOOR, OURS, Row};
use crate::stores::{Commanding, Kept, fill};
use crate::walk::Walk;
use eventstore::{EventStore, TenantId};

const FEED: &str = "tenant feed";
const FEED_SHAPE: &str = "a tenant's events in order, decoded, pages of 1,000, 1 client";
const FEED_FLOOR: &str = "rows of 600 bytes in the order of one index, pages of 1,000, not decoded";
const COST: &str = "cost with a long history";
const COST_SHAPE: &str = "time of a command with view, 1,000,000 events against 1,000, 16 clients";
const COST_FLOOR: &str = "one bare insert a commit, as many clients, against the rate after 1,000,000";
const CLIENTS: usize = 16;
const PAGE: usize = 1000;
const SHORT: &str = "short";

pub async fn measure(bench: &Bench) -> anyhow::Result<()> {
    if !bench.wants(FEED, FEED_SHAPE) && !bench.wants(COST, COST_SHAPE) {
        return Ok(());
    }
    let short = Kept::with_view(bench, "short").await?;
    let long = Kept::with_view(bench, "long").await?;
    let measured = both(bench, &short, &long).await;
    short.close().await;
    long.close().await;
    measured
}

async fn both(bench: &Bench, short: &Kept, long: &Kept) -> anyhow::Result<()> {
    let short = House::fill(bench, short, 1000).await?;
    let long = House::fill(bench, long, bench.options.amount(1_000_000)).await?;
    if bench.wants(FEED, FEED_SHAPE) {
        feed(bench, &long).await?;
    }
    if bench.wants(COST, COST_SHAPE) {
        cost(bench, &short, &long).await?;
    }
    Ok(())
}

async fn feed(bench: &Bench, long: &House) -> anyhow::Result<()> {
    let shape = Shape { clients: 1, tenants: 1, events: PAGE };
    let ours = Contender::new(OURS, || {
        drive(bench.span(), vec![Feeding { store: long.store.clone(), tenant: long.tenant, after: 0 }])
    });
    let compared = bench
        .interleaved(vec![
            bench.contender(Peer::Floor, Operation::Feed, shape),
            ours,
            bench.contender(Peer::MessageDb, Operation::Feed, shape),
        ])
        .await?;
    let page = crate::bench::float(PAGE);
    let rate = compared.median(OURS, |measured| measured.rate() * page).unwrap_or_default();
    let row = Row::new(FEED, FEED_SHAPE, rate, "events/s");
    let row = row.against(FEED_FLOOR, compared.ratio(OURS, FLOOR, Measured::rate));
    bench.keep(row.beside(&compared, &[MESSAGE_DB], Measured::rate).aims(&[Aim::AtLeast(100_000.0)]));
    Ok(())
}

async fn cost(bench: &Bench, short: &House, long: &House) -> anyhow::Result<()> {
    let contenders = vec![bench.floor(CLIENTS), short.contender(bench, SHORT), long.contender(bench, OURS)];
    let compared = bench.interleaved(contenders).await?;
    let cost = compared.ratio(SHORT, OURS, Measured::rate).unwrap_or_default();
    let row = Row::new(COST, COST_SHAPE, cost, "x").against(COST_FLOOR, compared.ratio(OURS, FLOOR, Measured::rate));
    bench.keep(row.aims(&[Aim::AtMost(1.2)]));
    Ok(())
}

/// A store of one tenant.
struct House {
    store: EventStore,
    tenant: TenantId,
}

impl House {
    async fn fill(bench: &Bench, kept: &Kept, events: u32) -> anyhow::Result<Self> {
        let (store, tenant) = (kept.store.clone(), TenantId::random());
        fill(&store, tenant, events).await?;
        bench.settle(store.service()).await?;
        bench.tell(&format!("{events} events are there"));
        Ok(Self { store, tenant })
    }

    fn contender<'a>(&'a self, bench: &'a Bench, name: &'static str) -> Contender<'a> {
        Contender::new(name, || {
            let client = |_| Commanding {
                store: self.store.clone(),
                tenants: [self.tenant].into(),
                walk: Walk::of_commands(1),
                events: 1,
            };
            drive(bench.span(), (0..CLIENTS).map(client).collect())
        })
    }
}

struct Feeding {
    store: EventStore,
    tenant: TenantId,
    after: i64,
}

impl Client for Feeding {
    async fn operate(&mut self) -> anyhow::Result<()> {
        let mut session = self.store.session(self.tenant).await?;
        let events = session.events_after(self.after, i64::try_from(PAGE)?).await?;
        anyhow::ensure!(events.len() == PAGE, "{} events after {}: there should be a page", events.len(), self.after);
        let last = session.head().await?;
        let reached = events.last().map_or(0, |event| event.position);
        self.after = if reached + i64::try_from(PAGE)? > last { 0 } else { reached };
        Ok(())
    }
}

//! From the log to JetStream, and from there into another service's log.

use crate::bench::Bench;
use crate::content::TEXT;
use crate::drive::{Measured, micros};
use crate::rounds::Contender;
use crate::row::{FLOOR, OURS, Row};
use crate::stores::{Kept, fill, tenants};
use crate::tally::{Add, Tally};
use anyhow::Context;
use async_nats::jetstream;
use eventstore::{EventStore, TenantId};
use futures::future::try_join_all;
use messaging::{Bus, Consumer, Reaction, Relay, serve_replay};
use std::future::IntoFuture;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

const RELAY: &str = "relay";
const CONSUME: &str = "relay and consume";
const RELAY_FLOOR: &str = "messages of 600 bytes published to JetStream, 500 under way, nothing read or recorded";
const CONSUME_FLOOR: &str = "one bare insert a commit, 1 client: a consumer that commits each message alone";
const TENANTS: usize = 50;
const EVENTS: u32 = 10_000;
const PREFIX: &str = "pipe";
const PATIENCE: Duration = Duration::from_secs(120);
const WINDOW: usize = 500;

pub async fn measure(bench: &Bench) -> anyhow::Result<()> {
    let events = bench.options.amount(EVENTS);
    let told = crate::table::figure(f64::from(events));
    let relay_shape = format!("{told} events of {TENANTS} tenants that were waiting");
    let consume_shape = format!("{told} events of {TENANTS} tenants, each taken as a command with view");
    let bus = Bus::connect(&bench.pair.nats.url(), PREFIX).await?;
    let tenants = tenants(TENANTS);
    if bench.wants(RELAY, &relay_shape) {
        let compared = relay(bench, &bus, &tenants, events).await?;
        let rate = compared.median(OURS, Measured::rate).unwrap_or_default();
        let row = Row::new(RELAY, &relay_shape, rate, "events/s");
        bench.keep(row.against(RELAY_FLOOR, compared.ratio(OURS, FLOOR, Measured::rate)));
    }
    if bench.wants(CONSUME, &consume_shape) {
        let compared = consume(bench, &bus, &tenants, events).await?;
        let rate = compared.median(OURS, Measured::rate).unwrap_or_default();
        let row = Row::new(CONSUME, &consume_shape, rate, "events/s");
        bench.keep(row.against(CONSUME_FLOOR, compared.ratio(OURS, FLOOR, Measured::rate)));
    }
    Ok(())
}

type Compared = crate::rounds::Compared;

async fn relay(bench: &Bench, bus: &Bus, tenants: &Arc<[TenantId]>, events: u32) -> anyhow::Result<Compared> {
    let source = Kept::without_view(bench, "relayed").await?;
    let compared = relay_from(bench, bus, &source, (tenants, events)).await;
    source.close().await;
    compared
}

async fn relay_from(
    bench: &Bench,
    bus: &Bus,
    source: &Kept,
    (tenants, events): (&Arc<[TenantId]>, u32),
) -> anyhow::Result<Compared> {
    let context = jetstream(bench).await?;
    let floor = Contender::new(FLOOR, || publish(&context, events));
    let ours = Contender::new(OURS, || async {
        wait_with(&source.store, tenants, events).await?;
        let mut tasks = JoinSet::new();
        let relay = Relay { store: source.store.clone(), bus: bus.clone() };
        let started = Instant::now();
        tasks.spawn(async move { relay.run().await });
        until(async || Ok(source.store.relay_lag().await? == 0)).await.context("the relay does not end")?;
        Ok(took(events, started.elapsed()))
    });
    bench.interleaved(vec![floor, ours]).await
}

async fn consume(bench: &Bench, bus: &Bus, tenants: &Arc<[TenantId]>, events: u32) -> anyhow::Result<Compared> {
    let source = Kept::without_view(bench, "source").await?;
    let sink = Kept::with_view(bench, "sink").await?;
    let mut listening = JoinSet::new();
    let consumer = Consumer {
        store: sink.store.clone(),
        bus: bus.clone(),
        source: "source",
        errands: Vec::new(),
        reactions: vec![echo()],
        patient: false,
    };
    listening.spawn(async move { consumer.run().await });
    let (replayed, replays) = (source.store.clone(), bus.clone());
    listening.spawn(async move {
        // It ends with its task; what it cannot do the wait below would miss.
        let _ = serve_replay(&replayed, &replays).await;
    });
    let ours = Contender::new(OURS, || async {
        wait_with(&source.store, tenants, events).await?;
        let mut tasks = JoinSet::new();
        let relay = Relay { store: source.store.clone(), bus: bus.clone() };
        let started = Instant::now();
        tasks.spawn(async move { relay.run().await });
        let taken = async || Ok(sum(&sink.store.taken("source").await?) == sum(&source.store.heads(None, 1000).await?));
        until(taken).await.context("the consumer does not end")?;
        Ok(took(events, started.elapsed()))
    });
    let compared = bench.interleaved(vec![bench.floor(1), ours]).await;
    listening.shutdown().await;
    source.close().await;
    sink.close().await;
    compared
}

fn sum(heads: &[eventstore::Head]) -> i64 {
    heads.iter().map(|head| head.position).sum()
}

/// Lets so many events wait to be published.
async fn wait_with(store: &EventStore, tenants: &Arc<[TenantId]>, events: u32) -> anyhow::Result<()> {
    for tenant in tenants.iter() {
        fill(store, *tenant, events.div_ceil(u32::try_from(TENANTS)?)).await?;
    }
    Ok(())
}

/// Records an event of its own for each that is heard.
fn echo() -> Reaction {
    Reaction::to(&[""], |work, event| {
        Box::pin(async move {
            work.execute::<Tally>(event.stream.id(), None, Add(1)).await?;
            Ok(())
        })
    })
}

async fn until(done: impl AsyncFn() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let waiting = async {
        while !done().await? {
            sleep(Duration::from_millis(5)).await;
        }
        anyhow::Ok(())
    };
    timeout(PATIENCE, waiting).await.context("it took too long")?
}

fn took(events: u32, took: Duration) -> Measured {
    let latency = f64::from(micros(took));
    Measured { operations: events, seconds: took.as_secs_f64(), p50_us: latency, p99_us: latency }
}

async fn jetstream(bench: &Bench) -> anyhow::Result<jetstream::Context> {
    let address: async_nats::ServerAddr = bench.pair.nats.url().parse()?;
    let user = address.username().unwrap_or_default().to_owned();
    let password = address.password().unwrap_or_default().to_owned();
    let client = async_nats::ConnectOptions::with_user_and_password(user, password).connect(address).await?;
    let context = jetstream::new(client);
    let config = jetstream::stream::Config {
        name: "FLOOR".to_owned(),
        subjects: vec!["floor.>".to_owned()],
        ..jetstream::stream::Config::default()
    };
    context.get_or_create_stream(config).await?;
    Ok(context)
}

async fn publish(context: &jetstream::Context, events: u32) -> anyhow::Result<Measured> {
    let body = bytes::Bytes::from(TEXT.chars().cycle().take(600).collect::<String>());
    let started = Instant::now();
    let mut left = usize::try_from(events)?;
    while left > 0 {
        let some = left.min(WINDOW);
        let mut published = Vec::with_capacity(some);
        for _ in 0..some {
            published.push(context.publish("floor.event", body.clone()).await?.into_future());
        }
        try_join_all(published).await?;
        left -= some;
    }
    Ok(took(events, started.elapsed()))
}

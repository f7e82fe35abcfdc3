//! Stores of their own for what is measured without a service, and clients that use them.

use crate::bench::{Bench, now};
use crate::drive::Client;
use crate::tally::{Add, Broken, Shelf, Tally};
use crate::walk::Walk;
use anyhow::Context;
use eventstore::{Actor, CommandKey, Cx, EventStore, Never, Refused, Stream, TenantId};
use futures::{StreamExt, TryStreamExt};
use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use std::sync::Arc;
use tokio::task::JoinHandle;
use uuid::Uuid;
use views::ViewSet;

/// Connections for requests, as a service has where nothing else is set.
pub const CONNECTIONS: u32 = 16;

/// How many events a filled stream has.
const A_STREAM: u32 = 10;
/// How many streams are filled by one append.
const STREAMS: u32 = 200;

/// A store, and what keeps its view up to the log as it does in a service.
pub struct Kept {
    pub store: EventStore,
    keeping: Option<JoinHandle<()>>,
}

impl Kept {
    pub async fn without_view(bench: &Bench, name: &'static str) -> anyhow::Result<Self> {
        bench.migrate(name, &migrations()).await?;
        let store = EventStore::connect(name, &bench.login(name), CONNECTIONS, Arc::new(Never)).await?;
        Ok(Self { store, keeping: None })
    }

    pub async fn with_view(bench: &Bench, name: &'static str) -> anyhow::Result<Self> {
        bench.migrate(name, &migrations()).await?;
        let views = Arc::new(ViewSet::new().with::<Shelf>());
        let store = EventStore::connect(name, &bench.login(name), CONNECTIONS, views.clone()).await?;
        let kept = store.clone();
        let keeping = Some(tokio::spawn(async move { views.keep_up(&kept).await }));
        Ok(Self { store, keeping })
    }

    pub async fn close(self) {
        if let Some(keeping) = self.keeping {
            keeping.abort();
        }
        self.store.close().await;
    }
}

/// The table of the view, which is there also where nothing writes it.
fn migrations() -> Migrator {
    let table = "select create_view('shelf');
                 alter table view_shelf add column total bigint generated always as ((data->>'total')::bigint) stored;";
    let migration = Migration::new(1001, "shelf".into(), MigrationType::Simple, table.into_sql_str(), false);
    Migrator::with_migrations(vec![migration])
}

pub fn tenants(count: usize) -> Arc<[TenantId]> {
    (0..count).map(|_| TenantId::random()).collect()
}

pub fn cx(tenant: TenantId) -> Cx {
    Cx::new(tenant, Actor::Person("mara".to_owned()), now())
}

/// As a request comes that may be sent again.
fn keyed(tenant: TenantId) -> Cx {
    let id = Uuid::now_v7();
    let request_digest = id.as_bytes().repeat(2);
    Cx { command: Some(CommandKey { id: id.to_string(), request_digest }), ..cx(tenant) }
}

/// Gives commands: each loads its stream, decides, and records.
pub struct Commanding {
    pub store: EventStore,
    pub tenants: Arc<[TenantId]>,
    pub walk: Walk,
    /// How many events a command records.
    pub events: u32,
}

impl Client for Commanding {
    async fn operate(&mut self) -> anyhow::Result<()> {
        let step = self.walk.step();
        let tenant = self.tenants[step.tenant];
        let (id, add) = (step.stream.to_string(), Add(self.events));
        let lane = format!("tally-{id}");
        let done = self
            .store
            .perform(&keyed(tenant), &lane, move |work| {
                let id = id.clone();
                Box::pin(async move { Ok::<_, Refused<Broken>>(work.execute::<Tally>(&id, None, add).await?.version) })
            })
            .await?;
        let expected = i64::from((step.before + 1) * self.events);
        anyhow::ensure!(done.answer == expected && !done.repeated, "version {} instead of {expected}", done.answer);
        Ok(())
    }
}

/// Records so many events for the tenant, ten a stream, in large appends: one is made ready while another is written.
pub async fn fill(store: &EventStore, tenant: TenantId, events: u32) -> anyhow::Result<()> {
    let streams = events.div_ceil(A_STREAM);
    let sizes = (0..streams.div_ceil(STREAMS)).map(|append| STREAMS.min(streams - append * STREAMS));
    let appends = sizes.map(|size| {
        let ids = (0..size).map(|_| Uuid::now_v7().to_string()).collect();
        record(store, tenant, ids, A_STREAM)
    });
    futures::stream::iter(appends).buffer_unordered(2).try_collect().await
}

/// Records so many events on each of the streams, in one append.
pub async fn record(store: &EventStore, tenant: TenantId, ids: Arc<[String]>, events: u32) -> anyhow::Result<()> {
    let cx = cx(tenant);
    // Appends to other streams of the tenant need not wait for this one.
    let lane = ids.first().cloned().unwrap_or_default();
    let done = store.perform(&cx, &lane, move |work| {
        let ids = ids.clone();
        Box::pin(async move {
            work.preload(ids.iter().map(|id| Stream::new("tally", id)).collect()).await?;
            for id in ids.iter() {
                work.execute::<Tally>(id, None, Add(events)).await?;
            }
            Ok::<_, Refused<Broken>>(())
        })
    });
    done.await.map(drop).context("filling a tenant")
}

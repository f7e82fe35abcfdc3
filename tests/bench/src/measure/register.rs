//! A register of ten thousand risks: read page by page, now and as of, and rebuilt.

use super::import::upload;
use crate::bench::{Bench, float};
use crate::drive::{Client, Measured, drive, micros};
use crate::protocol::{Operation, Peer, Shape};
use crate::rounds::{Compared, Contender};
use crate::row::{Aim, FLOOR, OURS, Row};
use crate::served::{Served, published};
use eventstore::{EventStore, TenantId};
use risk::RegisteredRisk;
use std::time::Instant;
use views::{Column, Listing, View, ViewSet, list, shown};

const PAGE: &str = "register page";
const AS_OF: &str = "register page as of";
const REBUILD: &str = "rebuild";
const PAGE_FLOOR: &str = "50 rows of 600 bytes by a range of one index, not decoded; 1 client";
const REBUILD_FLOOR: &str = "rows of 600 bytes in the order of one index, pages of 1,000, not decoded";

/// Smaller files than could be: how long an import takes is measured elsewhere.
const A_FILE: u32 = 1000;

const RISKS: u32 = 10_000;
const FIRST: usize = 50;

/// What is asked of the register, and how it is told.
const QUERIES: [(&str, bool); 2] = [("first 50 in order", false), ("first 50 of a state, highest score first", true)];
/// How far back: after the first of three imports, and after the second.
const BACK: [(&str, usize); 2] = [("a third of history", 0), ("two thirds of history", 1)];

pub async fn measure(bench: &Bench) -> anyhow::Result<()> {
    let shapes = Shapes::new(bench.options.amount(RISKS));
    if !shapes.all().any(|(row, shape)| bench.wants(row, &shape)) {
        return Ok(());
    }
    let served = Served::start(bench, "bench", |_| vec![risk::service()]).await?;
    let measured = each(bench, &served, &shapes).await;
    served.stop().await;
    measured
}

async fn each(bench: &Bench, served: &Served, shapes: &Shapes) -> anyhow::Result<()> {
    let store = &served.stores().await[0];
    let register = Register::fill(served, store, shapes.risks).await?;
    published(store).await?;
    bench.settle("risk").await?;
    pages(bench, &register).await?;
    if bench.wants(REBUILD, &shapes.rebuild) {
        rebuild(bench, &register, shapes).await?;
    }
    Ok(())
}

struct Shapes {
    risks: u32,
    rebuild: String,
}

impl Shapes {
    fn new(risks: u32) -> Self {
        let told = crate::table::figure(f64::from(risks));
        Self { risks, rebuild: format!("the register of {told} risks, swapped in") }
    }

    fn all(&self) -> impl Iterator<Item = (&'static str, String)> {
        let pages = QUERIES.iter().map(|(query, _)| (PAGE, page(query)));
        let back = QUERIES.iter().flat_map(|(query, _)| BACK.map(|(back, _)| (AS_OF, as_of(query, back))));
        pages.chain(back).chain([(REBUILD, self.rebuild.clone())])
    }
}

fn page(query: &str) -> String {
    format!("{query}, now")
}

fn as_of(query: &str, back: &str) -> String {
    format!("{query}: time at {back} against now")
}

/// A tenant whose every risk was imported and then changed twice.
struct Register {
    store: EventStore,
    tenant: TenantId,
    /// After each import.
    positions: Vec<i64>,
}

impl Register {
    async fn fill(served: &Served, store: &EventStore, risks: u32) -> anyhow::Result<Self> {
        let tenant = served.tenant_of_risk(store).await?;
        let mut positions = Vec::new();
        for edition in 0..3 {
            upload(&served.http, tenant, risks, edition, A_FILE).await?;
            positions.push(store.session(tenant).await?.head().await?);
        }
        Ok(Self { store: store.clone(), tenant, positions })
    }
}

async fn pages(bench: &Bench, register: &Register) -> anyhow::Result<()> {
    for (query, filtered) in QUERIES {
        let back = BACK.iter().filter(|(back, _)| bench.wants(AS_OF, &as_of(query, back)));
        let back: Vec<(&'static str, usize)> = back.copied().collect();
        if back.is_empty() && !bench.wants(PAGE, &page(query)) {
            continue;
        }
        let reading = |at: Option<i64>| Paging { store: register.store.clone(), tenant: register.tenant, filtered, at };
        let shape = Shape { clients: 1, tenants: 1, events: FIRST };
        let mut contenders = vec![
            bench.contender(Peer::Floor, Operation::Load, shape),
            Contender::new(OURS, move || drive(bench.span(), vec![reading(None)])),
        ];
        for (name, import) in &back {
            let at = Some(register.positions[*import]);
            contenders.push(Contender::new(name, move || drive(bench.span(), vec![reading(at)])));
        }
        let compared = bench.interleaved(contenders).await?;
        keep(bench, &compared, query, &back);
    }
    Ok(())
}

fn keep(bench: &Bench, compared: &Compared, query: &str, back: &[(&str, usize)]) {
    let latency = compared.median(OURS, |measured| measured.p50_us / 1000.0).unwrap_or_default();
    let row = Row::new(PAGE, &page(query), latency, "ms");
    bench.keep(row.against(PAGE_FLOOR, compared.ratio(OURS, FLOOR, crate::bench::p50)));
    for (name, _) in back {
        let cost = compared.ratio(name, OURS, crate::bench::p50).unwrap_or_default();
        let floor = compared.ratio(name, FLOOR, crate::bench::p50);
        let row = Row::new(AS_OF, &as_of(query, name), cost, "x").against(PAGE_FLOOR, floor);
        bench.keep(row.aims(&[Aim::AtMost(1.5)]));
    }
}

#[derive(Clone)]
struct Paging {
    store: EventStore,
    tenant: TenantId,
    filtered: bool,
    /// Now where it is not given.
    at: Option<i64>,
}

impl Client for Paging {
    async fn operate(&mut self) -> anyhow::Result<()> {
        let mut session = self.store.session(self.tenant).await?;
        let position = match self.at {
            Some(position) => position,
            None => shown::<RegisteredRisk>(&mut session).await?,
        };
        let limit = i64::try_from(FIRST)?;
        let listing = if self.filtered {
            let filters = vec![(Column::text("state"), "assessed".to_owned()).into()];
            Listing { filters, sort: Some(Column::int("score")), descending: true, after: None, limit }
        } else {
            Listing { filters: vec![], sort: RegisteredRisk::ORDER, descending: false, after: None, limit }
        };
        let page = list::<RegisteredRisk>(&mut session, position, &listing).await?;
        anyhow::ensure!(page.rows.len() == FIRST && page.next.is_some(), "{} rows", page.rows.len());
        Ok(())
    }
}

async fn rebuild(bench: &Bench, register: &Register, shapes: &Shapes) -> anyhow::Result<()> {
    let views: ViewSet = risk::service().views;
    let shape = Shape { clients: 1, tenants: 1, events: 1000 };
    let ours = Contender::new(OURS, || async {
        let started = Instant::now();
        let names = [RegisteredRisk::NAME];
        let rebuilt = views.rebuild(&register.store, register.tenant, &names, "bench", &mut |_| ()).await?;
        let took = started.elapsed();
        let events: i64 = rebuilt.iter().map(|rebuilt| rebuilt.events).sum();
        let (operations, latency) = (u32::try_from(events)?, f64::from(micros(took)));
        Ok(Measured { operations, seconds: took.as_secs_f64(), p50_us: latency, p99_us: latency })
    });
    let floor = bench.contender(Peer::Floor, Operation::Feed, shape);
    let compared = bench.interleaved(vec![floor, ours]).await?;
    let rate = compared.median(OURS, Measured::rate).unwrap_or_default();
    let ratio = compared.ratio(OURS, FLOOR, Measured::rate).map(|ratio| ratio / float(shape.events));
    let row = Row::new(REBUILD, &shapes.rebuild, rate, "events/s").against(REBUILD_FLOOR, ratio);
    bench.keep(row.aims(&[Aim::AtLeast(30_000.0)]));
    Ok(())
}

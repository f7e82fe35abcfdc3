//! The same command in a database of few and of many tenants.

use crate::bench::Bench;
use crate::drive::{Measured, drive};
use crate::rounds::{Compared, Contender};
use crate::row::{Aim, FLOOR, OURS, Row};
use crate::stores::{Commanding, Kept, fill, tenants};
use crate::walk::Walk;
use eventstore::{EventStore, TenantId};
use futures::StreamExt;
use std::sync::Arc;

const ROW: &str = "cost with many tenants";
const FLOOR_IS: &str = "one bare insert a commit, as many clients, against the rate with many";
const CLIENTS: usize = 16;
const FEW: &str = "few";

pub async fn measure(bench: &Bench) -> anyhow::Result<()> {
    let shape = "time of a command with view, 10,000 tenants against 10, 16 clients";
    if !bench.wants(ROW, shape) {
        return Ok(());
    }
    let few = Kept::with_view(bench, "few").await?;
    let many = Kept::with_view(bench, "many").await?;
    let measured = compare(bench, &few, &many).await;
    few.close().await;
    many.close().await;
    let compared = measured?;
    let cost = compared.ratio(FEW, OURS, Measured::rate).unwrap_or_default();
    let row = Row::new(ROW, shape, cost, "x").against(FLOOR_IS, compared.ratio(OURS, FLOOR, Measured::rate));
    bench.keep(row.aims(&[Aim::AtMost(1.2)]));
    Ok(())
}

async fn compare(bench: &Bench, few: &Kept, many: &Kept) -> anyhow::Result<Compared> {
    let few = House::fill(bench, few, 10).await?;
    let many = House::fill(bench, many, bench.options.amount(10_000)).await?;
    bench.interleaved(vec![bench.floor(CLIENTS), few.contender(bench, FEW), many.contender(bench, OURS)]).await
}

struct House {
    store: EventStore,
    tenants: Arc<[TenantId]>,
}

impl House {
    async fn fill(bench: &Bench, kept: &Kept, count: u32) -> anyhow::Result<Self> {
        let store = kept.store.clone();
        let tenants = tenants(usize::try_from(count)?);
        let filling = tenants.iter().map(|tenant| fill(&store, *tenant, 10));
        let mut filled = futures::stream::iter(filling).buffer_unordered(64);
        while let Some(filled) = filled.next().await {
            filled?;
        }
        drop(filled);
        bench.settle(store.service()).await?;
        Ok(Self { store, tenants })
    }

    fn contender<'a>(&'a self, bench: &'a Bench, name: &'static str) -> Contender<'a> {
        Contender::new(name, || {
            let client = |_| Commanding {
                store: self.store.clone(),
                tenants: self.tenants.clone(),
                walk: Walk::of_commands(self.tenants.len()),
                events: 1,
            };
            drive(bench.span(), (0..CLIENTS).map(client).collect())
        })
    }
}

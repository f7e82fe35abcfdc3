//! Loading an aggregate of so many events, alone.

use crate::bench::{Bench, MESSAGE_DB, POSTGRES_ES};
use crate::drive::{Client, Measured, drive};
use crate::protocol::{Operation, Peer, Shape};
use crate::rounds::Contender;
use crate::row::{FLOOR, OURS, Row};
use crate::stores::{Kept, cx, record};
use crate::tally::Tally;
use eventstore::{EventStore, TenantId};

const ROW: &str = "load of an aggregate";
const FLOOR_IS: &str = "as many rows of 600 bytes by a range of one index, not decoded; 1 client";

pub async fn measure(bench: &Bench) -> anyhow::Result<()> {
    let sizes: Vec<u32> = [10, 100, 1000].into_iter().filter(|size| bench.wants(ROW, &told(*size))).collect();
    if sizes.is_empty() {
        return Ok(());
    }
    let kept = Kept::without_view(bench, "load").await?;
    let measured = each(bench, &kept, sizes).await;
    kept.close().await;
    measured
}

fn told(events: u32) -> String {
    format!("{} events", crate::table::figure(f64::from(events)).trim_end_matches(".0"))
}

async fn each(bench: &Bench, kept: &Kept, sizes: Vec<u32>) -> anyhow::Result<()> {
    for events in sizes {
        let loading = Loading { store: kept.store.clone(), tenant: TenantId::random(), id: "one".to_owned(), events };
        record(&loading.store, loading.tenant, [loading.id.clone()].into(), events).await?;
        let shape = Shape { clients: 1, tenants: 1, events: usize::try_from(events)? };
        let compared = bench
            .interleaved(vec![
                bench.contender(Peer::Floor, Operation::Load, shape),
                Contender::new(OURS, || drive(bench.span(), vec![loading.clone()])),
                bench.contender(Peer::PostgresEs, Operation::Load, shape),
                bench.contender(Peer::MessageDb, Operation::Load, shape),
            ])
            .await?;
        let rate = compared.median(OURS, Measured::rate).unwrap_or_default();
        let row = Row::new(ROW, &told(events), rate, "loads/s");
        let row = row.against(FLOOR_IS, compared.ratio(OURS, FLOOR, Measured::rate));
        bench.keep(row.beside(&compared, &[POSTGRES_ES, MESSAGE_DB], Measured::rate));
    }
    Ok(())
}

#[derive(Clone)]
struct Loading {
    store: EventStore,
    tenant: TenantId,
    id: String,
    events: u32,
}

impl Client for Loading {
    async fn operate(&mut self) -> anyhow::Result<()> {
        let mut work = self.store.work(cx(self.tenant));
        let (tally, version) = work.load::<Tally>(&self.id).await?;
        anyhow::ensure!(tally.total == self.events && version == i64::from(self.events), "loaded {}", tally.total);
        Ok(())
    }
}

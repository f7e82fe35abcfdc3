//! Whole commands: load, decide, append, and the view in the same transaction.

use super::append::told;
use crate::bench::{Bench, MESSAGE_DB, POSTGRES_ES_VIEW};
use crate::drive::{Measured, drive};
use crate::protocol::{Operation, Peer, Shape};
use crate::rounds::Contender;
use crate::row::{Aim, FLOOR, OURS, Row};
use crate::stores::{Commanding, Kept, tenants};
use crate::walk::Walk;

const ROW: &str = "command with view";
const FLOOR_IS: &str = "one bare insert a commit, as many clients; message-db: its bare write, no load and no view";

pub async fn measure(bench: &Bench) -> anyhow::Result<()> {
    let shapes: Vec<Shape> = [1000, 1]
        .into_iter()
        .flat_map(|tenants| [1, 16, 64, 256].map(|clients| Shape { clients, tenants, events: 1 }))
        .filter(|shape| bench.wants(ROW, &told(*shape)))
        .collect();
    if shapes.is_empty() {
        return Ok(());
    }
    let kept = Kept::with_view(bench, "command").await?;
    let measured = each(bench, &kept, shapes).await;
    kept.close().await;
    measured
}

async fn each(bench: &Bench, kept: &Kept, shapes: Vec<Shape>) -> anyhow::Result<()> {
    for shape in shapes {
        one(bench, kept, shape).await?;
    }
    Ok(())
}

async fn one(bench: &Bench, kept: &Kept, shape: Shape) -> anyhow::Result<()> {
    let tenants = tenants(shape.tenants);
    let ours = Contender::new(OURS, || {
        let client = |_| Commanding {
            store: kept.store.clone(),
            tenants: tenants.clone(),
            walk: Walk::of_commands(shape.tenants),
            events: 1,
        };
        drive(bench.span(), (0..shape.clients).map(client).collect())
    });
    let compared = bench
        .interleaved(vec![
            bench.floor(shape.clients),
            ours,
            bench.contender(Peer::PostgresEsView, Operation::Command, shape),
            bench.contender(Peer::MessageDb, Operation::Command, shape),
        ])
        .await?;
    let rate = compared.median(OURS, Measured::rate).unwrap_or_default();
    let row = Row::new(ROW, &told(shape), rate, "commands/s");
    let row = row.against(FLOOR_IS, compared.ratio(OURS, FLOOR, Measured::rate));
    bench.keep(row.beside(&compared, &[POSTGRES_ES_VIEW, MESSAGE_DB], Measured::rate).aims(aims(shape)));
    Ok(())
}

fn aims(shape: Shape) -> &'static [Aim] {
    match (shape.clients, shape.tenants) {
        (64, 1000) => &[Aim::Floor(0.9), Aim::Peer(POSTGRES_ES_VIEW, 5.0), Aim::Peer(MESSAGE_DB, 2.0)],
        (1, 1000) => &[Aim::Floor(0.4)],
        _ => &[],
    }
}

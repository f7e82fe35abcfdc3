//! Appends to new streams: order, chain and idempotency, no view.

use crate::bench::{Bench, MESSAGE_DB, POSTGRES_ES};
use crate::drive::{Measured, drive};
use crate::protocol::{Operation, Peer, Shape};
use crate::rounds::Contender;
use crate::row::{Aim, FLOOR, OURS, Row};
use crate::stores::{Commanding, Kept, tenants};
use crate::table::figure;
use crate::walk::Walk;

const ROW: &str = "append";
const FLOOR_IS: &str = "events of 600 bytes, one bare insert a commit, as many clients";

pub async fn measure(bench: &Bench) -> anyhow::Result<()> {
    let shapes: Vec<Shape> = [1000, 1]
        .into_iter()
        .flat_map(|tenants| [1, 10].map(|events| (tenants, events)))
        .flat_map(|(tenants, events)| [1, 16, 64, 256].map(|clients| Shape { clients, tenants, events }))
        .filter(|shape| bench.wants(ROW, &told(*shape)))
        .collect();
    if shapes.is_empty() {
        return Ok(());
    }
    let kept = Kept::without_view(bench, "append").await?;
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

pub fn told(Shape { clients, tenants, events }: Shape) -> String {
    let some = |count: usize, what: &str| {
        format!(
            "{} {what}{}",
            figure(crate::bench::float(count)).trim_end_matches(".00").trim_end_matches(".0"),
            if count == 1 { "" } else { "s" }
        )
    };
    format!("{}, {}, {}", some(clients, "client"), some(tenants, "tenant"), some(events, "event"))
}

async fn one(bench: &Bench, kept: &Kept, shape: Shape) -> anyhow::Result<()> {
    let tenants = tenants(shape.tenants);
    let events = u32::try_from(shape.events)?;
    let ours = Contender::new(OURS, || {
        let client = |_| Commanding {
            store: kept.store.clone(),
            tenants: tenants.clone(),
            walk: Walk::of_appends(shape.tenants),
            events,
        };
        drive(bench.span(), (0..shape.clients).map(client).collect())
    });
    let compared = bench
        .interleaved(vec![
            bench.floor(shape.clients),
            ours,
            bench.contender(Peer::PostgresEs, Operation::Append, shape),
            bench.contender(Peer::MessageDb, Operation::Append, shape),
        ])
        .await?;
    let a_append = f64::from(events);
    let rate = compared.median(OURS, |measured| measured.rate() * a_append).unwrap_or_default();
    let floor = compared.ratio(OURS, FLOOR, Measured::rate).map(|ratio| ratio * a_append);
    let row = Row::new(ROW, &told(shape), rate, "events/s").against(FLOOR_IS, floor);
    bench.keep(row.beside(&compared, &[POSTGRES_ES, MESSAGE_DB], Measured::rate).aims(aims(shape)));
    Ok(())
}

fn aims(shape: Shape) -> &'static [Aim] {
    match (shape.clients, shape.tenants, shape.events) {
        (64, 1000, 1) => &[Aim::Floor(1.6)],
        (256, 1000, 1) => &[Aim::Floor(2.0)],
        (64, 1, 1) => &[Aim::Floor(1.4)],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::{Shape, told};

    #[test]
    fn a_shape_is_told_in_words() {
        assert_eq!(told(Shape { clients: 64, tenants: 1000, events: 1 }), "64 clients, 1,000 tenants, 1 event");
        assert_eq!(told(Shape { clients: 1, tenants: 1, events: 10 }), "1 client, 1 tenant, 10 events");
    }
}

//! What a tenant feels while another is flooded with commands.

use crate::bench::{Bench, p99};
use crate::drive::{Measured, drive};
use crate::rounds::{Compared, Contender};
use crate::row::{FLOOR, OURS, Row};
use crate::stores::{Commanding, Kept, tenants};
use crate::walk::Walk;

const ROW: &str = "another tenant is flooded";
const FLOOR_IS: &str = "one bare insert a commit, 1 client: its p99";
const ALONE: &str = "alone";
const FLOODING: usize = 64;

pub async fn measure(bench: &Bench) -> anyhow::Result<()> {
    let beside = format!("p99 of 1 client's commands beside {FLOODING} clients of another tenant");
    let against = "the same against its p99 alone".to_owned();
    if !bench.wants(ROW, &beside) && !bench.wants(ROW, &against) {
        return Ok(());
    }
    let kept = Kept::with_view(bench, "flood").await?;
    let measured = compare(bench, &kept).await;
    kept.close().await;
    let compared = measured?;
    let latency = compared.median(OURS, |measured: &Measured| measured.p99_us / 1000.0).unwrap_or_default();
    let floor = compared.ratio(OURS, FLOOR, p99);
    bench.keep(Row::new(ROW, &beside, latency, "ms").against(FLOOR_IS, floor));
    let ratio = compared.ratio(OURS, ALONE, p99).unwrap_or_default();
    bench.keep(Row::new(ROW, &against, ratio, "x").against(FLOOR_IS, floor));
    Ok(())
}

async fn compare(bench: &Bench, kept: &Kept) -> anyhow::Result<Compared> {
    let client =
        |tenant| Commanding { store: kept.store.clone(), tenants: tenant, walk: Walk::of_commands(1), events: 1 };
    let (quiet, loud) = (tenants(1), tenants(1));
    let alone = Contender::new(ALONE, || drive(bench.span(), vec![client(quiet.clone())]));
    let flooded = Contender::new(OURS, || {
        let flooding = drive(bench.span(), (0..FLOODING).map(|_| client(loud.clone())).collect());
        let quiet = drive(bench.span(), vec![client(quiet.clone())]);
        async {
            let (quiet, flooding) = tokio::join!(quiet, flooding);
            flooding?;
            quiet
        }
    });
    bench.interleaved(vec![bench.floor(1), alone, flooded]).await
}

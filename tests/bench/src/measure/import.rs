//! A whole register brought in at once.

use crate::bench::Bench;
use crate::content::TEXT;
use crate::drive::{Measured, micros};
use crate::rounds::{Compared, Contender};
use crate::row::{FLOOR, OURS, Row};
use crate::served::{Http, Served, published};
use eventstore::TenantId;
use std::fmt::Write;
use std::time::Instant;

const ROW: &str = "import";
const FLOOR_IS: &str = "one bare insert a commit, 1 client, in events/s";
const RISKS: u32 = 10_000;

pub async fn measure(bench: &Bench) -> anyhow::Result<()> {
    let risks = bench.options.amount(RISKS);
    let shape = format!("{} risks in one file over HTTP, with views", crate::table::figure(f64::from(risks)));
    if !bench.wants(ROW, &shape) {
        return Ok(());
    }
    let served = Served::start(bench, "bench", |_| vec![risk::service()]).await?;
    let measured = compare(bench, &served, risks).await;
    served.stop().await;
    let compared = measured?;
    let rate = compared.median(OURS, Measured::rate).unwrap_or_default();
    let row = Row::new(ROW, &shape, rate, "events/s");
    bench.keep(row.against(FLOOR_IS, compared.ratio(OURS, FLOOR, Measured::rate)));
    Ok(())
}

async fn compare(bench: &Bench, served: &Served, risks: u32) -> anyhow::Result<Compared> {
    let store = &served.stores().await[0];
    let ours = Contender::new(OURS, || async {
        let tenant = served.tenant_of_risk(store).await?;
        let before = store.session(tenant).await?.head().await?;
        let started = Instant::now();
        upload(&served.http, tenant, risks, 0, risks).await?;
        let took = started.elapsed();
        let events = store.session(tenant).await?.head().await? - before;
        published(store).await?;
        let (operations, latency) = (u32::try_from(events)?, f64::from(micros(took)));
        Ok(Measured { operations, seconds: took.as_secs_f64(), p50_us: latency, p99_us: latency })
    });
    bench.interleaved(vec![bench.floor(1), ours]).await
}

/// Brings a register in, in files of so many rows or of as many as are taken.
pub async fn upload(http: &Http, tenant: TenantId, risks: u32, edition: u32, a_file: u32) -> anyhow::Result<()> {
    let path = format!("/v1/tenants/{tenant}/imports/risks");
    let mut from = 1;
    let mut most = a_file;
    while from <= risks {
        let until = risks.min(from + most - 1);
        match http.upload(&path, table(from, until, edition)).await {
            Ok(_) => from = until + 1,
            Err(error) if error.to_string().contains("split it") && most > 1 => most = most.div_ceil(2),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Each edition assesses every risk otherwise.
fn table(from: u32, until: u32, edition: u32) -> String {
    let mut table = "ref_id,name,description,current_proba,current_impact,treatment\n".to_owned();
    for n in from..=until {
        let (likelihood, impact) = ((n + edition) % 5 + 1, (n / 5 + edition) % 5 + 1);
        let treatment = if n % 3 == 0 { "accept" } else { "" };
        let _ = writeln!(table, "R-{n},Risk {n},\"{TEXT}\",{likelihood},{impact},{treatment}");
    }
    table
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn every_risk_is_rated_otherwise_in_each_edition() {
        let lines = |edition| table(1, 10, edition).lines().skip(1).map(ToOwned::to_owned).collect::<Vec<_>>();
        let (first, second) = (lines(0), lines(1));
        assert_eq!(first.len(), 10);
        assert!(first.iter().zip(&second).all(|(one, other)| one != other));
        assert!(first[2].starts_with("R-3,Risk 3,\"") && first[2].ends_with(",4,1,accept"), "{}", first[2]);
    }
}

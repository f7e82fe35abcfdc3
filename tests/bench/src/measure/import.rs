//! A whole register brought in at once, as it would be, and again, and taken back.

use crate::bench::Bench;
use crate::content::TEXT;
use crate::drive::{Measured, micros};
use crate::memory;
use crate::rounds::{Compared, Contender};
use crate::row::{FLOOR, OURS, Row};
use crate::served::{Http, Served, published};
use anyhow::Context;
use eventstore::{EventStore, TenantId};
use reqwest::Method;
use serde_json::{Value, json};
use std::cell::Cell;
use std::fmt::Write;
use std::time::{Duration, Instant};
use tokio::time::sleep;

const ROW: &str = "import";
pub const FLOOR_IS: &str = "one bare insert a commit, 1 client, in events/s";
pub const RISKS: u32 = 10_000;

/// Between two commands of who works on meanwhile.
const CALM: Duration = Duration::from_millis(12);

/// As other programs export it: seven or eight events a risk.
const FULL: &str = "the same with every column filled";
/// What else is done with the file, in this order around the upload itself.
const DRY_RUN: &str = "its dry run, before";
const AGAIN: &str = "the same file again: nothing changes";
const UNDO: &str = "the upload taken back";
/// While the full one is recorded.
const MEANWHILE: &str = "meanwhile another command of the same tenant waits at most";
const MEMORY: &str = "meanwhile the process holds at its peak";

pub async fn measure(bench: &Bench) -> anyhow::Result<()> {
    let risks = bench.options.amount(RISKS);
    let shape = format!("{} risks in one file over HTTP, with views", crate::table::figure(f64::from(risks)));
    let more = [(FULL, "events/s"), (DRY_RUN, "rows/s"), (AGAIN, "rows/s"), (UNDO, "events/s")];
    let more: Vec<_> = more.into_iter().filter(|(shape, _)| bench.wants(ROW, shape)).collect();
    if !bench.wants(ROW, &shape) && more.is_empty() {
        return Ok(());
    }
    let served = Served::start(bench, "bench", |_| vec![risk::service()]).await?;
    let peak = Cell::new(0.0);
    let measured = compare(bench, &served, risks, !more.is_empty(), &peak).await;
    served.stop().await;
    let compared = measured?;
    let keep = |name: &str, shape: &str, unit: &str| {
        let rate = compared.median(name, Measured::rate).unwrap_or_default();
        let row = Row::new(ROW, shape, rate, unit);
        bench.keep(row.against(FLOOR_IS, compared.ratio(name, FLOOR, Measured::rate)));
    };
    keep(OURS, &shape, "events/s");
    for (shape, unit) in more {
        keep(shape, shape, unit);
    }
    if let Some(longest) = compared.median(FULL, |measured| measured.p99_us / 1000.0) {
        bench.keep(Row::new(ROW, MEANWHILE, longest, "ms").against(FLOOR_IS, None));
        bench.keep(Row::new(ROW, MEMORY, peak.get(), "MB").against(FLOOR_IS, None));
    }
    Ok(())
}

/// Each round has a tenant of its own.
async fn compare(bench: &Bench, served: &Served, risks: u32, more: bool, peak: &Cell<f64>) -> anyhow::Result<Compared> {
    let (store, http) = (&served.stores().await[0], &served.http);
    let tenant = Cell::new(served.tenant_of_risk(store).await?);
    let at = |tail: &str| format!("/v1/tenants/{}/imports/risks{tail}", tenant.get());
    let ours = Contender::new(OURS, || async {
        if !more {
            tenant.set(served.tenant_of_risk(store).await?);
        }
        let measured = events(store, tenant.get(), upload(http, tenant.get(), risks, 0, risks)).await?;
        published(store).await?;
        Ok(measured)
    });
    if !more {
        return bench.interleaved(vec![bench.floor(1), ours]).await;
    }
    let dry_run = Contender::new(DRY_RUN, || async {
        tenant.set(served.tenant_of_risk(store).await?);
        rows(risks, http.upload(&at("?dry_run=true"), table(1, risks, 0))).await
    });
    let again = Contender::new(AGAIN, || rows(risks, upload(http, tenant.get(), risks, 0, risks)));
    let undo = Contender::new(UNDO, || async {
        let kept: Value = serde_json::from_slice(&http.get(&at("")).await?)?;
        let id = kept["items"][0]["id"].as_str().context("the upload is kept")?;
        let (path, why) = (at(&format!("/{id}/undo")), json!({"reason": "another client's"}));
        let measured = events(store, tenant.get(), http.command(Method::POST, &path, &why)).await?;
        published(store).await?;
        Ok(measured)
    });
    let full = Contender::new(FULL, || async {
        tenant.set(served.tenant_of_risk(store).await?);
        let table = full_table(risks);
        memory::forget_peak();
        let (path, waiting) = (at(""), Cell::new((Duration::ZERO, Instant::now())));
        let uploading = async {
            tokio::select! {
                done = http.upload(&path, table) => done,
                never = asking(http, tenant.get(), &waiting) => never,
            }
        };
        let measured = events(store, tenant.get(), uploading).await?;
        let (longest, last) = waiting.get();
        let longest = longest.max(last.elapsed());
        peak.set(memory::peak_mb().unwrap_or_default().max(peak.get()));
        published(store).await?;
        Ok(Measured { p99_us: f64::from(micros(longest)), ..measured })
    });
    bench.interleaved(vec![bench.floor(1), dry_run, ours, again, undo, full]).await
}

/// Identifies one risk after another, and keeps how long one waited at most, and since when the last one waits.
async fn asking(http: &Http, tenant: TenantId, waiting: &Cell<(Duration, Instant)>) -> anyhow::Result<Value> {
    let path = format!("/v1/tenants/{tenant}/risks");
    for number in 1_u32.. {
        let started = Instant::now();
        waiting.set((waiting.get().0, started));
        http.command(Method::POST, &path, &json!({"ref": format!("X-{number}"), "name": "Leak"})).await?;
        waiting.set((waiting.get().0.max(started.elapsed()), started));
        sleep(CALM).await;
    }
    anyhow::bail!("more requests than there are numbers")
}

/// How many events came of it, and how long it took.
pub async fn events<T>(
    store: &EventStore,
    tenant: TenantId,
    doing: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<Measured> {
    let before = store.session(tenant).await?.head().await?;
    let started = Instant::now();
    doing.await?;
    let took = started.elapsed();
    let events = store.session(tenant).await?.head().await? - before;
    Ok(done(u32::try_from(events)?, took))
}

async fn rows<T>(rows: u32, doing: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<Measured> {
    let started = Instant::now();
    doing.await?;
    Ok(done(rows, started.elapsed()))
}

fn done(operations: u32, took: Duration) -> Measured {
    let latency = f64::from(micros(took));
    Measured { operations, seconds: took.as_secs_f64(), p50_us: latency, p99_us: latency }
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

fn full_table(risks: u32) -> String {
    let mut table =
        "ref_id,name,description,inherent_proba,inherent_impact,existing_controls,current_proba,current_impact,\
                     additional_controls,residual_proba,residual_impact,treatment,treatment_reason,category,threat,\
                     vulnerability,owner\n"
            .to_owned();
    for n in 1..=risks {
        let (likelihood, impact) = (n % 5 + 1, n / 5 % 5 + 1);
        let _ = writeln!(
            table,
            "R-{n},Risk {n},\"{TEXT}\",5,5,A.5.1|A.8.3,{likelihood},{impact},A.8.13|A.5.23,1,1,mitigate,It was found \
             twice,Safety,A fault,One copy,person-{}",
            n % 20
        );
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

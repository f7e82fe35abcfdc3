//! The same said of all risks of a register at once, those that a filter finds.

use super::import::{FLOOR_IS, RISKS, events, upload};
use crate::bench::Bench;
use crate::drive::Measured;
use crate::rounds::Contender;
use crate::row::{FLOOR, OURS, Row};
use crate::served::{Served, published};
use reqwest::Method;
use serde_json::json;
use std::cell::Cell;

const ROW: &str = "change of many";

pub async fn measure(bench: &Bench) -> anyhow::Result<()> {
    let risks = bench.options.amount(RISKS);
    let shape =
        format!("another owner of {} risks by a filter over HTTP, with views", crate::table::figure(risks.into()));
    if !bench.wants(ROW, &shape) {
        return Ok(());
    }
    let served = Served::start(bench, "bench", |_| vec![risk::service()]).await?;
    let measured = compare(bench, &served, risks, &shape).await;
    served.stop().await;
    measured
}

async fn compare(bench: &Bench, served: &Served, risks: u32, shape: &str) -> anyhow::Result<()> {
    let store = &served.stores().await[0];
    let tenant = served.tenant_of_risk(store).await?;
    upload(&served.http, tenant, risks, 0, risks).await?;
    published(store).await?;
    let path = format!("/v1/tenants/{tenant}/risks/changes");
    let owner = Cell::new(0_u32);
    let ours = Contender::new(OURS, || async {
        owner.set(owner.get() + 1);
        let body = json!({"filter": {}, "owner": format!("person-{}", owner.get()), "reason": "they take over"});
        let changed = events(store, tenant, served.http.command(Method::POST, &path, &body)).await?;
        anyhow::ensure!(changed.operations == risks, "{} events", changed.operations);
        Ok(changed)
    });
    let compared = bench.interleaved(vec![bench.floor(1), ours]).await?;
    let rate = compared.median(OURS, Measured::rate).unwrap_or_default();
    let row = Row::new(ROW, shape, rate, "events/s");
    bench.keep(row.against(FLOOR_IS, compared.ratio(OURS, FLOOR, Measured::rate)));
    Ok(())
}

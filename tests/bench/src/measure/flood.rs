//! What a tenant feels while another is flooded with commands: in the store, which refuses nobody, and over HTTP, where a
//! service answers everybody within its limits.

use crate::bench::{Bench, p99};
use crate::drive::{Client, Measured, drive};
use crate::rounds::{Compared, Contender};
use crate::row::{Aim, FLOOR, OURS, Row};
use crate::served::{Http, Served, published};
use crate::stores::{Commanding, Kept, tenants};
use crate::walk::Walk;
use anyhow::Context;
use eventstore::TenantId;
use futures::future::try_join_all;
use reqwest::Method;
use serde_json::json;
use service::Rates;
use std::time::Duration;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

const ROW: &str = "another tenant is flooded";
const FLOOR_IS: &str = "one bare insert a commit, 1 client: its p99";
const ALONE: &str = "alone";
const FLOODING: usize = 64;
const PATIENCE: Duration = Duration::from_secs(60);

/// How often somebody asks who does not flood.
const CALM: Duration = Duration::from_millis(12);

/// How long a flooding client, that is told to come back in a second or more, waits before it asks again.
const IMPATIENCE: Duration = Duration::from_millis(20);

pub async fn measure(bench: &Bench) -> anyhow::Result<()> {
    in_the_store(bench).await?;
    within_limits(bench).await
}

async fn in_the_store(bench: &Bench) -> anyhow::Result<()> {
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

async fn within_limits(bench: &Bench) -> anyhow::Result<()> {
    let beside =
        format!("over HTTP, within limits: p99 of 1 client's commands beside {FLOODING} clients of another tenant");
    let against = "over HTTP, within limits: the same against its p99 alone".to_owned();
    if !bench.wants(ROW, &beside) && !bench.wants(ROW, &against) {
        return Ok(());
    }
    let served = Served::start_within(bench, "bench", Rates::default(), |_| vec![risk::service()]).await?;
    let measured = compare_within_limits(bench, &served).await;
    served.stop().await;
    let compared = measured?;
    let latency = compared.median(OURS, |measured: &Measured| measured.p99_us / 1000.0).unwrap_or_default();
    let floor = compared.ratio(OURS, FLOOR, p99);
    bench.keep(Row::new(ROW, &beside, latency, "ms").against(FLOOR_IS, floor));
    let ratio = compared.ratio(OURS, ALONE, p99).unwrap_or_default();
    bench.keep(Row::new(ROW, &against, ratio, "x").against(FLOOR_IS, floor).aims(&[Aim::AtMost(2.0)]));
    Ok(())
}

async fn compare_within_limits(bench: &Bench, served: &Served) -> anyhow::Result<Compared> {
    let risk = &served.stores().await[0];
    let (calm, flooded) = (served.tenant_of_risk(risk).await?, served.tenant_of_risk(risk).await?);
    let calm = Calm { http: served.http.clone(), tenant: calm };
    let flood = Flood { http: served.http.with(served.admin.colleague()?), tenant: flooded };
    let alone = Contender::new(ALONE, || drive(bench.span(), vec![calm.clone()]));
    let beside = Contender::new(OURS, || async {
        // What it may ask for at once is not what a flood is made of.
        timeout(PATIENCE, flood.exhaust()).await.context("the flood is never limited")??;
        let flooding = drive(bench.span(), vec![flood.clone(); FLOODING]);
        let (calm, flooding) = tokio::join!(drive(bench.span(), vec![calm.clone()]), flooding);
        flooding?;
        published(risk).await?;
        calm
    });
    bench.interleaved(vec![bench.floor(1), alone, beside]).await
}

/// Identifies risks, seldom enough to be always answered.
#[derive(Clone)]
struct Calm {
    http: Http,
    tenant: TenantId,
}

/// Identifies risks, and is told most of the time to come back later.
#[derive(Clone)]
struct Flood {
    http: Http,
    tenant: TenantId,
}

impl Client for Calm {
    async fn operate(&mut self) -> anyhow::Result<()> {
        let done = identify(&self.http, self.tenant).await?;
        anyhow::ensure!(done, "who asks seldom was refused");
        Ok(())
    }

    async fn rest(&self) {
        sleep(CALM).await;
    }
}

impl Client for Flood {
    async fn operate(&mut self) -> anyhow::Result<()> {
        if !identify(&self.http, self.tenant).await? {
            sleep(IMPATIENCE).await;
        }
        Ok(())
    }
}

impl Flood {
    /// Asks until it is refused.
    async fn exhaust(&self) -> anyhow::Result<()> {
        let asking = (0..FLOODING).map(|_| async {
            while identify(&self.http, self.tenant).await? {}
            anyhow::Ok(())
        });
        try_join_all(asking).await.map(drop)
    }
}

async fn identify(http: &Http, tenant: TenantId) -> anyhow::Result<bool> {
    let body = json!({"ref": Uuid::now_v7().simple().to_string(), "name": "Export"});
    http.unless_limited(Method::POST, &format!("/v1/tenants/{tenant}/risks"), &body).await
}

//! Whole commands over HTTP: token, roster, rule, append, views, answer, while the relay publishes what was recorded.

use crate::bench::{Bench, LATENCIES};
use crate::content::TEXT;
use crate::drive::{Client, Measured, drive};
use crate::rounds::{Compared, Contender};
use crate::row::{Aim, FLOOR, OURS, Row};
use crate::served::{Http, Served, published};
use crate::stores::{Commanding, Kept, tenants};
use crate::walk::Walk;
use eventstore::{EventStore, TenantId};
use reqwest::Method;
use serde_json::json;
use std::sync::Arc;

const ROW: &str = "HTTP command with views";
const FLOOR_IS: &str = "one bare insert a commit, as many clients: its rate, p50 and p99";
/// A command of the same kind, given to a store in this process: its view, no HTTP, no relay.
const STORE: &str = "store";
const TENANTS: usize = 100;
const FIGURES: [&str; 3] = ["rate", "p50", "p99"];

pub async fn measure(bench: &Bench) -> anyhow::Result<()> {
    let sizes: Vec<usize> = [1, 16, 64]
        .into_iter()
        .filter(|clients| FIGURES.iter().any(|figure| bench.wants(ROW, &told(*clients, figure))))
        .collect();
    if sizes.is_empty() {
        return Ok(());
    }
    let kept = Kept::with_view(bench, "command").await?;
    let served = Served::start(bench, "bench", |_| vec![risk::service()]).await?;
    let measured = each(bench, &kept, &served, sizes).await;
    served.stop().await;
    kept.close().await;
    measured
}

async fn each(bench: &Bench, kept: &Kept, served: &Served, sizes: Vec<usize>) -> anyhow::Result<()> {
    let risk = &served.stores().await[0];
    let mut open = Vec::new();
    for _ in 0..TENANTS {
        open.push(served.tenant_of_risk(risk).await?);
    }
    let open: Arc<[TenantId]> = open.into();
    for clients in sizes {
        let compared = one(bench, kept, (&served.http, risk), &open, clients).await?;
        keep(bench, &compared, clients);
    }
    Ok(())
}

fn told(clients: usize, figure: &str) -> String {
    format!("{figure}, {clients} client{}, {TENANTS} tenants", if clients == 1 { "" } else { "s" })
}

async fn one(
    bench: &Bench,
    kept: &Kept,
    (http, risk): (&Http, &EventStore),
    open: &Arc<[TenantId]>,
    clients: usize,
) -> anyhow::Result<Compared> {
    let own = tenants(TENANTS);
    let store = Contender::new(STORE, || {
        let client = |_| Commanding {
            store: kept.store.clone(),
            tenants: own.clone(),
            walk: Walk::of_commands(TENANTS),
            events: 1,
        };
        drive(bench.span(), (0..clients).map(client).collect())
    });
    let ours = Contender::new(OURS, || async {
        let client = |_| Requesting { http: http.clone(), tenants: open.clone(), walk: Walk::of_commands(TENANTS) };
        let measured = drive(bench.span(), (0..clients).map(client).collect()).await?;
        published(risk).await?;
        Ok(measured)
    });
    bench.interleaved(vec![bench.floor(clients), store, ours]).await
}

fn keep(bench: &Bench, compared: &Compared, clients: usize) {
    let rate = compared.median(OURS, Measured::rate).unwrap_or_default();
    let row = Row::new(ROW, &told(clients, "rate"), rate, "commands/s");
    let row = row.against(FLOOR_IS, compared.ratio(OURS, FLOOR, Measured::rate));
    bench.keep(row.beside(compared, &[STORE], Measured::rate).aims(&[Aim::Peer(STORE, 0.5)]));
    for (figure, of) in LATENCIES {
        let latency = compared.median(OURS, |measured| of(measured) / 1000.0).unwrap_or_default();
        let row = Row::new(ROW, &told(clients, figure), latency, "ms");
        bench.keep(row.against(FLOOR_IS, compared.ratio(OURS, FLOOR, of)).beside(compared, &[STORE], of));
    }
}

/// Identifies risks and describes each anew a few times.
struct Requesting {
    http: Http,
    tenants: Arc<[TenantId]>,
    walk: Walk,
}

impl Client for Requesting {
    async fn operate(&mut self) -> anyhow::Result<()> {
        let step = self.walk.step();
        let tenant = self.tenants[step.tenant];
        let id = step.stream.simple();
        let description = format!("{TEXT} {}", step.before);
        let answer = if step.before == 0 {
            let body = json!({"ref": id.to_string(), "name": "Export", "description": description});
            self.http.command(Method::POST, &format!("/v1/tenants/{tenant}/risks"), &body).await?
        } else {
            let body = json!({"name": "Export", "description": description});
            self.http.command(Method::PUT, &format!("/v1/tenants/{tenant}/risks/{id}/description"), &body).await?
        };
        anyhow::ensure!(answer["version"] == step.before + 1 && answer["changed"] == true, "{answer}");
        Ok(())
    }
}

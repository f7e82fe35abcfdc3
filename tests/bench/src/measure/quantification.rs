//! What a risk may cost: 100,000 years, over HTTP.

use crate::bench::{Bench, p50};
use crate::drive::{Client, drive};
use crate::rounds::{Contender, Outcome};
use crate::row::{Aim, FLOOR, OURS, Row};
use crate::served::{Http, Served, published};
use eventstore::TenantId;
use reqwest::Method;
use serde_json::{Value, json};
use std::f64::consts::TAU;
use std::hint::black_box;
use tokio::task::spawn_blocking;

const ROW: &str = "quantified risk over HTTP";
const FLOOR_IS: &str = "a plain loop of as many years and lognormal losses, by Knuth and Box-Muller; 1 client";
const YEARS: u32 = 100_000;

/// How it is told, how often it happens a year, and how it is asked for.
struct Model {
    shape: &'static str,
    frequency: f64,
    /// It is compared with what was before controls, so that both are drawn.
    compared: bool,
}

const MODELS: [Model; 2] = [
    Model { shape: "100,000 years, twice a year", frequency: 2.0, compared: false },
    Model { shape: "100,000 years, 20 times a year, beside as many before controls", frequency: 20.0, compared: true },
];

pub async fn measure(bench: &Bench) -> anyhow::Result<()> {
    let models: Vec<&Model> = MODELS.iter().filter(|model| bench.wants(ROW, model.shape)).collect();
    if models.is_empty() {
        return Ok(());
    }
    let served = Served::start(bench, "bench", |_| vec![risk::service()]).await?;
    let measured = each(bench, &served, models).await;
    served.stop().await;
    measured
}

async fn each(bench: &Bench, served: &Served, models: Vec<&Model>) -> anyhow::Result<()> {
    let store = &served.stores().await[0];
    let tenant = served.tenant_of_risk(store).await?;
    for (number, model) in (1..).zip(models) {
        let asking = Asking::of(&served.http, tenant, number, model).await?;
        published(store).await?;
        let floor = Contender::new(FLOOR, || {
            let (span, plain) = (bench.span(), Plain { frequency: model.frequency, twice: model.compared });
            async move { drive(span, vec![plain]).await.map(Outcome::from) }
        });
        let ours = Contender::new(OURS, || drive(bench.span(), vec![asking.clone()]));
        let compared = bench.interleaved(vec![floor, ours]).await?;
        let latency = compared.median(OURS, |measured| measured.p50_us / 1_000_000.0).unwrap_or_default();
        let row = Row::new(ROW, model.shape, latency, "s").against(FLOOR_IS, compared.ratio(OURS, FLOOR, p50));
        bench.keep(row.aims(&[Aim::Below(1.0)]));
    }
    Ok(())
}

/// Quantifies a risk over and over, each time with other random numbers.
#[derive(Clone)]
struct Asking {
    http: Http,
    path: String,
    body: Value,
}

impl Asking {
    async fn of(http: &Http, tenant: TenantId, number: u32, model: &Model) -> anyhow::Result<Self> {
        let risk = format!("R-{number}");
        let path = |tail: &str| format!("/v1/tenants/{tenant}/{tail}");
        http.command(Method::POST, &path("risks"), &json!({"ref": risk, "name": "Leak"})).await?;
        let body = json!({"risk": risk, "stage": "inherent", "currency": "EUR", "frequency": model.frequency,
            "loss": {"distribution": "lognormal", "low": 1000, "high": 50000}});
        let mut asking = Self { http: http.clone(), path: path("quantifications"), body };
        if model.compared {
            asking.operate().await?;
            asking.body["stage"] = json!("residual");
        }
        Ok(asking)
    }
}

impl Client for Asking {
    async fn operate(&mut self) -> anyhow::Result<()> {
        self.body["seed"] = json!(fastrand::u32(..));
        let answer = self.http.command(Method::POST, &self.path, &self.body).await?;
        anyhow::ensure!(answer["changed"] == true, "{answer}");
        Ok(())
    }
}

/// The least that could be done.
#[derive(Clone, Copy)]
struct Plain {
    frequency: f64,
    twice: bool,
}

impl Client for Plain {
    async fn operate(&mut self) -> anyhow::Result<()> {
        let Self { frequency, twice } = *self;
        let years = if twice { 2 * YEARS } else { YEARS };
        spawn_blocking(move || black_box((0..years).map(|_| year(frequency)).sum::<f64>())).await?;
        Ok(())
    }
}

fn year(frequency: f64) -> f64 {
    let (mut loss, mut chance, least) = (0.0, fastrand::f64(), (-frequency).exp());
    while chance > least {
        let normal = (-2.0 * (1.0 - fastrand::f64()).ln()).sqrt() * (TAU * fastrand::f64()).cos();
        loss += (8.86 + 1.19 * normal).exp();
        chance *= fastrand::f64();
    }
    loss
}

use crate::live::Live;
use crate::telemetry::prometheus;
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures::future::join_all;
use metrics::gauge;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(2);

/// What each service of the process still waits for; nothing where it is ready.
#[derive(Clone)]
pub struct Readiness(Arc<watch::Sender<State>>);

#[derive(Default)]
struct State {
    waits: BTreeMap<&'static str, String>,
    draining: bool,
}

impl Readiness {
    pub fn waiting(services: impl Iterator<Item = &'static str>) -> Self {
        let waits = services.map(|name| (name, "starting".to_owned())).collect();
        Self(Arc::new(watch::Sender::new(State { waits, draining: false })))
    }

    pub fn waits(&self, service: &'static str, what: String) {
        self.0.send_modify(|state| {
            state.waits.insert(service, what);
        });
    }

    pub fn ready(&self, service: &'static str) {
        self.0.send_modify(|state| {
            state.waits.remove(service);
        });
    }

    pub fn drain(&self) {
        self.0.send_modify(|state| state.draining = true);
    }

    pub async fn all_ready(&self) {
        let _ = self.0.subscribe().wait_for(|state| state.waits.is_empty()).await;
    }

    pub fn waits_for(&self) -> Vec<String> {
        let state = self.0.borrow();
        let draining = state.draining.then(|| "stopping: requests are being drained".to_owned());
        state.waits.iter().map(|(service, what)| format!("{service}: {what}")).chain(draining).collect()
    }
}

/// What a supervisor asks: is it alive, can it answer, how does it fare.
#[derive(Clone)]
pub struct Vitals {
    readiness: Readiness,
    live: Arc<OnceLock<Vec<Arc<Live>>>>,
}

impl Vitals {
    pub fn new(readiness: Readiness) -> Self {
        Self { readiness, live: Arc::default() }
    }

    pub fn watch(&self, live: Vec<Arc<Live>>) {
        let _ = self.live.set(live);
    }

    fn live(&self) -> impl Iterator<Item = &Arc<Live>> {
        self.live.get().into_iter().flatten()
    }

    /// 200 where every service can answer now; else 503 and what is waited for.
    pub async fn readyz(&self) -> Response {
        let mut waits = self.readiness.waits_for();
        waits.extend(join_all(self.live().map(|live| missing(live))).await.into_iter().flatten());
        let status = if waits.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        (status, Json(json!({ "ready": waits.is_empty(), "waits_for": waits }))).into_response()
    }

    /// The text format of Prometheus. Lags are looked up now, in events.
    pub async fn metrics(&self) -> Response {
        join_all(self.live().map(|live| timeout(PATIENCE, measure(live)))).await;
        prometheus().render().into_response()
    }
}

async fn missing(live: &Live) -> Vec<String> {
    let name = live.service.name;
    let mut waits = Vec::new();
    match timeout(PATIENCE, live.store.ping()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => waits.push(format!("{name}: PostgreSQL: {error}")),
        Err(_) => waits.push(format!("{name}: PostgreSQL does not answer")),
    }
    match timeout(PATIENCE, live.bus.ping()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => waits.push(format!("{name}: NATS: {error}")),
        Err(_) => waits.push(format!("{name}: NATS does not answer")),
    }
    waits
}

async fn measure(live: &Live) {
    let service = live.service.name;
    let whole = |number: i64| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
    let views = live.views.names();
    if let Ok(lags) = live.store.view_lag(&views).await {
        for (view, lag) in lags {
            gauge!("stele_view_lag_events", "service" => service, "view" => view).set(whole(lag));
        }
    }
    if let Ok(rebuilds) = live.store.rebuilds().await {
        for view in &views {
            let of_view = || rebuilds.iter().filter(|rebuild| rebuild.view == *view);
            let (done, total) = (of_view().map(|one| one.position).sum(), of_view().map(|one| one.head).sum());
            gauge!("stele_rebuild_done_events", "service" => service, "view" => *view).set(whole(done));
            gauge!("stele_rebuild_total_events", "service" => service, "view" => *view).set(whole(total));
        }
    }
    if let Ok(lag) = live.store.relay_lag().await {
        gauge!("stele_relay_lag_events", "service" => service).set(whole(lag));
    }
    if let Ok(parked) = live.store.parked().await {
        for source in &live.service.sources {
            let tenants = parked.iter().find(|(name, _)| name == source.name).map_or(0, |(_, count)| *count);
            gauge!("stele_parked_events", "service" => service, "source" => source.name).set(whole(tenants));
        }
    }
}

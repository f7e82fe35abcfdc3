use axum::extract::{MatchedPath, Request};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::Response;
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};
use std::sync::OnceLock;
use std::time::Instant;
use tracing::Instrument;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// What is told where nobody asks for anything else.
const USUAL: &str = "info,sqlx::postgres::notice=warn";

/// A library that tells what passes through it: contents of tenants. It stays at this, whatever is asked for.
const BOUNDED: &str = "async_nats=info";

/// How much of a path is logged.
const LONGEST_PATH: usize = 300;

/// The trace that a request belongs to: its caller's, or one that begins here.
#[derive(Clone, Debug)]
pub struct Trace(SpanContext);

impl Trace {
    fn of(headers: &HeaderMap) -> Self {
        let context = TraceContextPropagator::new().extract(&Headers(headers));
        let caller = context.span().span_context().clone();
        let ids = RandomIdGenerator::default();
        let trace = if caller.is_valid() { caller.trace_id() } else { ids.new_trace_id() };
        Self(SpanContext::new(trace, ids.new_span_id(), TraceFlags::SAMPLED, false, TraceState::NONE))
    }

    pub fn trace_id(&self) -> TraceId {
        self.0.trace_id()
    }

    fn span_id(&self) -> SpanId {
        self.0.span_id()
    }

    /// As it is kept with each event and sent with each message.
    pub fn traceparent(&self) -> String {
        format!("00-{}-{}-{:02x}", self.trace_id(), self.span_id(), self.0.trace_flags().to_u8())
    }
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(axum::http::HeaderName::as_str).collect()
    }
}

/// One line and one measurement for each request; the trace id goes back to the caller.
pub async fn observe(mut request: Request, next: Next) -> Response {
    let trace = Trace::of(request.headers());
    let method = request.method().clone();
    let path: String = request.uri().path().chars().take(LONGEST_PATH).collect();
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!("request", trace_id = %trace.trace_id(), span_id = %trace.span_id(), %method, path);
    request.extensions_mut().insert(trace.clone());
    let started = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    let (status, took) = (response.status().as_u16(), started.elapsed());
    let labels = [("method", method.to_string()), ("route", route), ("status", status.to_string())];
    histogram!("stele_http_request_seconds", &labels).record(took.as_secs_f64());
    span.in_scope(|| tracing::info!(status, took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX), "answered"));
    if let Ok(value) = trace.trace_id().to_string().parse() {
        response.headers_mut().insert("trace-id", value);
    }
    response
}

/// Counts a request that may change something.
pub fn count(service: &'static str, status: u16) {
    let outcome = match status {
        ..300 => "done",
        300..500 => "refused",
        500.. => "failed",
    };
    counter!("stele_commands_total", "service" => service, "outcome" => outcome).increment(1);
}

/// JSON lines with the trace id of the request that they belong to. `STELE_LOG` sets what is told, `info` by default.
pub fn log_to<W>(writer: W)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let asked = std::env::var("STELE_LOG").ok().and_then(|asked| EnvFilter::try_new(format!("{asked},{BOUNDED}")).ok());
    let filter = asked.unwrap_or_else(|| EnvFilter::new(format!("{USUAL},{BOUNDED}")));
    let subscriber = tracing_subscriber::fmt().json().flatten_event(true).with_span_list(false).with_env_filter(filter);
    // A second call, as tests make in one process, leaves the first in place.
    let _ = subscriber.with_writer(writer).try_init();
}

/// The process's metrics.
pub fn prometheus() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
        let builder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &buckets)
            .unwrap_or_else(|_| PrometheusBuilder::new());
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("another recorder of metrics is in place: ours stays empty");
        }
        describe_counter!("stele_commands_total", "Requests that may change something, by outcome");
        describe_counter!(
            "stele_limited_requests_total",
            "Requests that were refused because their caller, their tenant or their address sent too many"
        );
        describe_counter!("stele_appends_total", "Appends to the event store");
        describe_counter!("stele_appended_events_total", "Events appended");
        describe_gauge!("stele_view_lag_events", "Events that a view has not taken yet, over all tenants");
        describe_gauge!(
            "stele_rebuild_done_events",
            "Events folded by unfinished rebuilds of a view, over all tenants"
        );
        describe_gauge!(
            "stele_rebuild_total_events",
            "Events that unfinished rebuilds of a view have to fold, over all tenants"
        );
        describe_gauge!("stele_relay_lag_events", "Events that were not published yet, over all tenants");
        describe_gauge!("stele_consumer_lag_events", "Events of a source that were not taken in yet, over all tenants");
        describe_gauge!(
            "stele_parked_events",
            "Events of a source that cannot be taken; each holds up its tenant, and no other"
        );
        describe_histogram!("stele_http_request_seconds", "Time to answer a request");
        handle
    })
}

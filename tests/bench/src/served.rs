//! Services that run in this process, as `stele serve` runs them, and requests to them.

use crate::bench::{Administrator, Bench};
use crate::stores::cx;
use access::Admission;
use anyhow::{Context, bail};
use bytes::Bytes;
use eventstore::{EventStore, Metadata, Recorded, Refused, Stream, TenantId};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use service::{Rates, Running, Service};
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

const PATIENCE: Duration = Duration::from_secs(300);

pub struct Served {
    pub running: Running,
    pub admin: Administrator,
    pub http: Http,
}

/// Requests of the organisation's administrator, over connections that stay open.
#[derive(Clone)]
pub struct Http {
    client: Client,
    address: String,
    token: String,
}

impl Served {
    /// `make` is given the keys: tenancy signs with them. No request is limited: what is measured is what it can, not what
    /// it allows.
    pub async fn start(
        bench: &Bench,
        prefix: &str,
        make: impl FnOnce(&Administrator) -> Vec<Service>,
    ) -> anyhow::Result<Self> {
        Self::start_within(bench, prefix, Rates::NONE, make).await
    }

    /// The same, with these limits.
    pub async fn start_within(
        bench: &Bench,
        prefix: &str,
        rates: Rates,
        make: impl FnOnce(&Administrator) -> Vec<Service>,
    ) -> anyhow::Result<Self> {
        let admin = Administrator::new()?;
        let services = make(&admin);
        for service in &services {
            bench.migrate_with(prefix, service.name, &service.migrations).await?;
        }
        let settings = bench.settings(prefix, rates, admin.verifier.clone())?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let running = Running::start(services, settings, listener)?;
        if timeout(PATIENCE, running.ready()).await.is_err() {
            bail!("the services do not start: {}", running.waits_for().join("; "));
        }
        let address = format!("http://{}", running.address);
        let http = Http { client: Client::new(), address, token: admin.token.clone() };
        Ok(Self { running, admin, http })
    }

    /// The stores of the services, in the order in which they were made.
    pub async fn stores(&self) -> &[EventStore] {
        self.running.ready().await
    }

    pub async fn stop(self) {
        self.running.stop().await;
    }

    /// A tenant of the risk service, without tenancy: what would have come from there is told by hand.
    pub async fn tenant_of_risk(&self, risk: &EventStore) -> anyhow::Result<TenantId> {
        let tenant = TenantId::random();
        let organisation = self.admin.organisation;
        let cx = cx(tenant);
        let opened = risk.perform(&cx, "open", |work| {
            Box::pin(async move {
                let open = access::Command::Open { organisation, name: "Larkspur".to_owned() };
                work.execute::<Admission>(&tenant.to_string(), None, open).await?;
                Ok::<_, Refused<access::Broken>>(())
            })
        });
        opened.await.context("opening a tenant")?;
        let created = created(tenant);
        let adopt = risk::when_tenant_created_then_adopt_methodology();
        let mut work = risk.work(cx);
        adopt.react(&mut work, &created).await?;
        work.finish().await?;
        Ok(tenant)
    }
}

/// Waits until the relay is done, which would otherwise be at work while the next is measured.
pub async fn published(store: &EventStore) -> anyhow::Result<()> {
    let waiting = async {
        while store.relay_lag().await? > 0 {
            sleep(Duration::from_millis(20)).await;
        }
        anyhow::Ok(())
    };
    timeout(PATIENCE, waiting).await.context("the relay does not catch up")?
}

/// Tenancy's event that the tenant was created.
fn created(tenant: TenantId) -> Recorded {
    let cx = cx(tenant);
    Recorded {
        tenant,
        position: 1,
        stream: Stream::new("tenant", tenant),
        version: 1,
        id: Uuid::now_v7(),
        event_type: "tenant.created".to_owned(),
        schema: 1,
        occurred_at: cx.now,
        recorded_at: cx.now,
        data: json!({"organisation": Uuid::nil(), "name": "Larkspur", "baseline": "iso27001_2022"}),
        metadata: Metadata {
            actor: cx.actor,
            reason: None,
            command_id: None,
            correlation_id: cx.correlation_id,
            causation_id: None,
            traceparent: None,
        },
        hash: String::new(),
    }
}

impl Http {
    /// The same as another person.
    pub fn with(&self, token: String) -> Self {
        Self { token, ..self.clone() }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.address)).bearer_auth(&self.token)
    }

    /// A request that may be sent again, and its answer, which must be a success.
    pub async fn command(&self, method: Method, path: &str, body: &Value) -> anyhow::Result<Value> {
        let request = self.request(method, path).header("idempotency-key", Uuid::now_v7().to_string());
        answered(request.json(body), path).await
    }

    /// The same, where the service may also refuse it for there being too many; gives whether it was done.
    pub async fn unless_limited(&self, method: Method, path: &str, body: &Value) -> anyhow::Result<bool> {
        let request = self.request(method, path).header("idempotency-key", Uuid::now_v7().to_string());
        let response = request.json(body).send().await.with_context(|| format!("{path} is not answered"))?;
        let (status, body) = (response.status(), response.text().await?);
        anyhow::ensure!(status.is_success() || status == StatusCode::TOO_MANY_REQUESTS, "{path}: {status} {body}");
        Ok(status.is_success())
    }

    /// Uploads a table.
    pub async fn upload(&self, path: &str, table: String) -> anyhow::Result<Value> {
        answered(self.request(Method::POST, path).header("content-type", "text/csv").body(table), path).await
    }

    /// What stands there, whole.
    pub async fn get(&self, path: &str) -> anyhow::Result<Bytes> {
        whole(self.request(Method::GET, path), path).await
    }
}

async fn answered(request: RequestBuilder, path: &str) -> anyhow::Result<Value> {
    Ok(serde_json::from_slice(&whole(request, path).await?)?)
}

async fn whole(request: RequestBuilder, path: &str) -> anyhow::Result<Bytes> {
    let response = request.send().await.with_context(|| format!("{path} is not answered"))?;
    let status = response.status();
    let body = response.bytes().await?;
    anyhow::ensure!(status.is_success(), "{path}: {status} {}", String::from_utf8_lossy(&body));
    Ok(body)
}

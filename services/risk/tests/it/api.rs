//! The service as it runs, and a client of it.

use crate::tenant::{cx, heard, when};
use access::{Admission, Caller, Issuer};
use chrono::Duration;
use eventstore::{EventStore, TenantId};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use service::{Rates, Running, Settings};
use std::net::Ipv4Addr;
use testkit::{Database, servers};
use tokio::net::TcpListener;
use uuid::Uuid;

pub const ASSETS: &str = include_str!("../../../../examples/assets.csv");
pub const RISKS: &str = include_str!("../../../../examples/risks.csv");
pub const MISTAKEN: &str = include_str!("../../../../examples/risks-with-errors.csv");

pub struct Api {
    pub running: Running,
    pub tenant: TenantId,
    issuer: Issuer,
    organisation: Uuid,
    token: String,
    client: Client,
}

impl Api {
    /// The service with one tenant, whose organisation's administrator asks.
    pub async fn start() -> Self {
        let service = risk::service();
        let database = Database::new("risk", &service.migrations).await.expect("a database");
        let (postgres, password) = database.server();
        let (issuer, verifier) = Issuer::from_seed(&"7".repeat(64)).expect("keys");
        let prefix = format!("t{}", Uuid::new_v4().simple());
        let settings = Settings {
            postgres,
            password: Some(password),
            connections: 8,
            nats: servers::nats_url(),
            prefix,
            verifier,
            rates: Rates::default(),
            proxies: 0,
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("an address");
        let running = Running::start(vec![service], settings, listener).expect("started");

        let (tenant, organisation) = (TenantId::random(), Uuid::new_v4());
        let caller = Caller { person: "mara".to_owned(), organisation, administrator: true };
        let token = issuer.issue(&caller, when(), Duration::days(36_500)).expect("a token");
        let api = Self { running, tenant, issuer, organisation, token, client: Client::new() };
        let mut work = api.store().await.work(cx(tenant));
        let open = access::Command::Open { organisation, name: "Larkspur".to_owned() };
        work.execute::<Admission>(&tenant.to_string(), None, open).await.expect("opened");
        let created = json!({"name": "Larkspur", "baseline": "iso27001_2022"});
        let created = heard(tenant, &format!("tenant-{tenant}"), "tenant.created", created);
        risk::when_tenant_created_then_adopt_methodology().react(&mut work, &created).await.expect("taken");
        work.finish().await.expect("recorded");
        api
    }

    pub async fn store(&self) -> &EventStore {
        &self.running.ready().await[0]
    }

    pub async fn control(&self, id: &str, event_type: &str, data: Value) {
        let mut work = self.store().await.work(cx(self.tenant));
        let event = heard(self.tenant, &format!("control-{id}"), event_type, data);
        risk::when_a_control_changes_then_note_it().react(&mut work, &event).await.expect("taken");
        work.finish().await.expect("recorded");
    }

    pub fn request(&self, method: Method, tail: &str) -> RequestBuilder {
        let address = format!("http://{}/v1/tenants/{}{tail}", self.running.address, self.tenant);
        self.client.request(method, address).bearer_auth(&self.token)
    }

    /// What somebody else of the organisation is answered, who may do all that mara may.
    pub async fn by(&self, person: &str, method: Method, tail: &str, body: Value) -> (u16, Value) {
        let caller = Caller { person: person.to_owned(), organisation: self.organisation, administrator: true };
        let token = self.issuer.issue(&caller, when(), Duration::days(36_500)).expect("a token");
        let address = format!("http://{}/v1/tenants/{}{tail}", self.running.address, self.tenant);
        json_of(self.client.request(method, address).bearer_auth(token).json(&body)).await
    }

    pub async fn delete(&self, tail: &str, body: Value) -> (u16, Value) {
        json_of(self.request(Method::DELETE, tail).json(&body)).await
    }

    pub async fn get(&self, tail: &str) -> Value {
        let (status, answer) = json_of(self.request(Method::GET, tail)).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    pub async fn put(&self, tail: &str, body: Value) -> (u16, Value) {
        json_of(self.request(Method::PUT, tail).json(&body)).await
    }

    pub async fn post(&self, tail: &str, body: Value) -> (u16, Value) {
        json_of(self.request(Method::POST, tail).json(&body)).await
    }

    pub async fn upload(&self, tail: &str, file: &str) -> (u16, Value) {
        json_of(self.request(Method::POST, tail).body(file.to_owned())).await
    }

    pub async fn with_examples() -> Self {
        let api = Self::start().await;
        assert_eq!(api.upload("/imports/assets", ASSETS).await.0, 200);
        assert_eq!(api.upload("/imports/risks?reason=From+the+old+register", RISKS).await.0, 200);
        api
    }
}

pub async fn json_of(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.expect("an answer");
    let status = response.status().as_u16();
    (status, response.json().await.expect("json"))
}

/// A register of so many risks, like those of the example.
pub fn risks(count: usize) -> String {
    let mut example = csv::Reader::from_reader(RISKS.as_bytes());
    let heading = example.headers().expect("a heading").clone();
    let rows: Vec<csv::StringRecord> = example.records().map(|row| row.expect("a row")).collect();
    let mut file = csv::Writer::from_writer(Vec::new());
    file.write_record(&heading).expect("written");
    for (number, row) in (1..=count).zip(rows.iter().cycle()) {
        let id = format!("R-{number}");
        file.write_record(std::iter::once(id.as_str()).chain(row.iter().skip(1))).expect("written");
    }
    String::from_utf8(file.into_inner().expect("written")).expect("text")
}

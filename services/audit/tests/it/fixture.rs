//! The audit service as it runs, and three others that only say things.

use access::{Admission, Caller, Command, Issuer, Role, Term};
use async_nats::jetstream;
use chrono::{DateTime, TimeDelta, Utc};
use eventstore::{Actor, Cx, EventStore, Never, TenantId, aggregate};
use messaging::{Bus, Relay, serve_replay};
use reqwest::{Method, RequestBuilder};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use service::{Rates, Running, Settings};
use sqlx::migrate::Migrator;
use std::sync::Arc;
use std::time::Duration;
use testkit::{Database, servers};
use tokio::net::TcpListener;
use uuid::Uuid;

#[derive(Default, Serialize, Deserialize)]
pub struct Thing;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    Noted { what: String },
}

#[derive(Debug, thiserror::Error)]
#[error("never")]
pub struct Broken;

impl Thing {
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "the shape of every decision")]
    fn decide(&self, what: String, _: &Cx) -> Result<Vec<Event>, Broken> {
        Ok(vec![Event::Noted { what }])
    }

    #[expect(clippy::unused_self, reason = "the shape of every fold; this state decides nothing")]
    fn apply(&mut self, _: Event) {}
}

aggregate!(Thing, "thing", String, Event, Broken);

/// The events with which a tenant begins: opened and a role granted, at tenancy and copied here.
pub const BEGINNING: i64 = 4;

pub struct House {
    pub database: Database,
    pub audit: EventStore,
    pub risk: EventStore,
    pub controls: EventStore,
    tenancy: EventStore,
    organisation: Uuid,
    bus: Bus,
    issuer: Issuer,
    address: String,
    _running: Running,
}

impl House {
    pub async fn new() -> Self {
        let prefix = format!("t{}", Uuid::new_v4().simple());
        let database = Database::new("audit", &audit::service().migrations).await.expect("a database");
        let bus = Bus::connect(&servers::nats_url(), &prefix).await.expect("a bus");
        let (issuer, verifier) = Issuer::from_seed(&"a".repeat(64)).expect("a key");
        let (postgres, password) = database.server();
        let nats = servers::nats_url();
        let settings = Settings {
            postgres,
            password: Some(password),
            connections: 6,
            nats,
            prefix,
            verifier,
            rates: Rates::default(),
            proxies: 0,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let running = Running::start(vec![audit::service()], settings, listener).expect("started");
        Self {
            audit: running.ready().await[0].clone(),
            risk: source("risk", &bus).await,
            controls: source("controls", &bus).await,
            tenancy: source("tenancy", &bus).await,
            organisation: Uuid::new_v4(),
            database,
            bus,
            issuer,
            address: format!("http://{}", running.address),
            _running: running,
        }
    }

    /// A tenant in which `person` has one role.
    pub async fn tenant(&self, person: &str, role: Role) -> TenantId {
        let tenant = TenantId::random();
        let mut work = self.tenancy.work(cx(tenant, "admin"));
        let open = Command::Open { organisation: self.organisation, name: "Larkspur".to_owned() };
        work.execute::<Admission>(&tenant.to_string(), None, open).await.expect("opened");
        let assign = Command::Assign {
            person: person.to_owned(),
            roles: [(role.into(), Term::ALWAYS)].into(),
            administrator: true,
        };
        work.execute::<Admission>(&tenant.to_string(), None, assign).await.expect("granted");
        work.finish().await.expect("recorded");
        self.until_held(tenant, BEGINNING).await;
        tenant
    }

    /// Waits, a minute at most, until the trail holds so much.
    pub async fn until_held(&self, tenant: TenantId, count: i64) {
        for _ in 0..600 {
            if self.numbers(tenant).await.len() >= usize::try_from(count).expect("a count") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the trail holds only {:?}", self.numbers(tenant).await);
    }

    pub async fn numbers(&self, tenant: TenantId) -> Vec<i64> {
        let mut session = self.audit.session(tenant).await.expect("a session");
        let numbers = sqlx::query_scalar("select number from trail where tenant_id = $1 order by number").bind(tenant);
        numbers.fetch_all(session.connection()).await.expect("read")
    }

    /// Publishes what a source has recorded once more, as messages that JetStream does not recognise.
    pub async fn publish_again(&self, source: &EventStore, tenant: TenantId) {
        let jetstream = jetstream::new(client().await);
        let mut session = source.session(tenant).await.expect("a session");
        for event in session.events_after(0, 1000).await.expect("read") {
            let mut headers = messaging::headers(source.service(), &event).expect("headers");
            headers.insert("Nats-Msg-Id", Uuid::new_v4().to_string());
            let subject = self.bus.subject(source.service(), tenant, &event.event_type);
            let data = serde_json::to_vec(&event.data).expect("json");
            let sent = jetstream.publish_with_headers(subject, headers, data.into()).await.expect("sent");
            sent.await.expect("acknowledged");
        }
    }

    /// `GET /trail` as `person` sees it: status and body.
    pub async fn get(&self, person: &str, tenant: TenantId, query: &[(&str, &str)]) -> (u16, Value) {
        answered(self.request(Method::GET, person, tenant, "/trail").query(query)).await
    }

    /// What `person` asks below the tenant: status and body.
    pub async fn ask(&self, person: &str, tenant: TenantId, path: &str) -> (u16, Value) {
        answered(self.request(Method::GET, person, tenant, path)).await
    }

    pub async fn post(&self, person: &str, tenant: TenantId, path: &str, body: String) -> (u16, Value) {
        answered(self.request(Method::POST, person, tenant, path).body(body)).await
    }

    fn request(&self, method: Method, person: &str, tenant: TenantId, path: &str) -> RequestBuilder {
        let caller = Caller { person: person.to_owned(), organisation: self.organisation, administrator: false };
        let token = self.issuer.issue(&caller, now(), TimeDelta::hours(1)).expect("signed");
        let url = format!("{}/v1/tenants/{tenant}{path}", self.address);
        reqwest::Client::new().request(method, url).bearer_auth(token)
    }

    /// Every page of a listing, one after the other; `between` runs after each.
    pub async fn pages(&self, tenant: TenantId, query: &[(&str, &str)], between: impl AsyncFn()) -> Vec<Value> {
        let mut items = Vec::new();
        let mut next: Option<String> = None;
        loop {
            let mut query = query.to_vec();
            query.extend(next.as_deref().map(|cursor| ("cursor", cursor)));
            let (status, page) = self.get("mara", tenant, &query).await;
            assert_eq!(status, 200, "{page}");
            items.extend(page["items"].as_array().expect("items").clone());
            next = page["next"].as_str().map(ToOwned::to_owned);
            if next.is_none() {
                return items;
            }
            between().await;
        }
    }
}

async fn answered(request: RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.expect("an answer");
    (answer.status().as_u16(), answer.json().await.expect("json"))
}

/// Another service's store, with its relay and its replay.
async fn source(service: &'static str, bus: &Bus) -> EventStore {
    let database = Database::new(service, &Migrator::with_migrations(Vec::new())).await.expect("a database");
    let store = database.store(Arc::new(Never)).await.expect("a store");
    let relay = Relay { store: store.clone(), bus: bus.clone() };
    tokio::spawn(async move { relay.run().await });
    let (replayed, bus) = (store.clone(), bus.clone());
    tokio::spawn(async move { serve_replay(&replayed, &bus).await });
    store
}

async fn client() -> async_nats::Client {
    let address: async_nats::ServerAddr = servers::nats_url().parse().expect("an address");
    let (user, password) = (address.username().expect("a user"), address.password().expect("a password"));
    let options = async_nats::ConnectOptions::with_user_and_password(user.to_owned(), password.to_owned());
    options.connect(address).await.expect("a client")
}

#[expect(clippy::disallowed_methods, reason = "tokens are checked by the real clock")]
pub fn now() -> DateTime<Utc> {
    Utc::now()
}

pub fn cx(tenant: TenantId, person: &str) -> Cx {
    Cx::new(tenant, Actor::Person(person.to_owned()), now())
}

pub async fn note(store: &EventStore, cx: Cx, id: &str, what: &str) {
    let mut work = store.work(cx);
    work.execute::<Thing>(id, None, what.to_owned()).await.expect("decided");
    work.finish().await.expect("recorded");
}

//! The notifications service as it runs, beside services that only say what it reacts to.

use access::{Admission, Caller, Command, Issuer, Lockout, Role, Term, lockout};
use chrono::{DateTime, TimeDelta, Utc};
use eventstore::{Actor, Cx, EventStore, Never, TenantId, aggregate};
use mail::Mail;
use messaging::{Bus, Relay, serve_replay};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use service::{Rates, Running, Settings};
use sqlx::migrate::Migrator;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use testkit::{Database, servers};
use tokio::net::TcpListener;
use uuid::Uuid;

#[derive(Debug, thiserror::Error)]
#[error("never")]
pub struct Broken;

/// An aggregate that says whatever it is asked to.
macro_rules! says {
    ($aggregate:ident, $stream:literal, $event:ident { $($variant:ident { $($field:ident: $type:ty),* }),* }) => {
        #[derive(Default, Serialize, Deserialize)]
        pub struct $aggregate;

        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "type", content = "data", rename_all = "snake_case")]
        pub enum $event {
            $($variant { $($field: $type),* }),*
        }

        impl $aggregate {
            fn decide(&self, event: $event, _: &Cx) -> Result<Vec<$event>, Broken> {
                Ok(vec![event])
            }

            fn apply(&mut self, _: $event) {}
        }

        aggregate!($aggregate, $stream, $event, $event, Broken);
    };
}

says!(Risk, "risk", RiskEvent {
    OwnerAssigned { owner: String },
    TreatmentDecided { option: String, controls: Vec<String>, released_controls: Vec<String> }
});
says!(Control, "control", ControlEvent {
    OwnerAssigned { owner: String },
    Required { risk: String, option: String }
});
says!(Finding, "finding", FindingEvent {
    Raised { title: String, owner: Option<String> },
    Described { title: String, owner: Option<String> }
});
says!(Erasure, "erasure", ErasureEvent { Noted { person: String } });

pub struct House {
    pub database: Database,
    pub store: EventStore,
    risk: EventStore,
    controls: EventStore,
    audit: EventStore,
    tenancy: EventStore,
    organisation: Uuid,
    issuer: Issuer,
    address: String,
    settings: Settings,
    running: Vec<Running>,
}

/// A mail server at this address, without encryption.
pub fn mail(address: SocketAddr) -> Mail {
    Mail::new(&format!("smtp://{address}"), "Stele <stele@example.org>").expect("valid")
}

impl House {
    pub async fn new(mail: Option<Mail>) -> Self {
        let prefix = format!("t{}", Uuid::new_v4().simple());
        let database = Database::new("notifications", &notifications::service(None).migrations).await;
        let database = database.expect("a database");
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
        let running = start(mail, &settings).await;
        Self {
            store: running.ready().await[0].clone(),
            risk: source("risk", &bus).await,
            controls: source("controls", &bus).await,
            audit: source("audit", &bus).await,
            tenancy: source("tenancy", &bus).await,
            organisation: Uuid::new_v4(),
            database,
            issuer,
            address: format!("http://{}", running.address),
            settings,
            running: vec![running],
        }
    }

    /// The same service once more, as a second process.
    pub async fn start_another(&mut self, mail: Option<Mail>) {
        self.running.push(start(mail, &self.settings).await);
    }

    /// A tenant with these people.
    pub async fn tenant(&self, people: &[(&str, Role)]) -> TenantId {
        let tenant = TenantId::random();
        let open = Command::Open { organisation: self.organisation, name: "Larkspur".to_owned() };
        let assigned = people.iter().map(|(person, role)| assign(person, &[*role]));
        self.decide_access(tenant, std::iter::once(open).chain(assigned)).await;
        for (person, _) in people {
            self.until_told(person, tenant, 1).await;
        }
        tenant
    }

    /// The person has these roles from now on.
    pub async fn assign(&self, tenant: TenantId, person: &str, roles: &[Role]) {
        self.decide_access(tenant, [assign(person, roles)]).await;
    }

    /// Decides about the tenant's roles as tenancy would.
    pub async fn decide_access(&self, tenant: TenantId, commands: impl IntoIterator<Item = Command>) {
        let mut work = self.tenancy.work(cx(tenant, "admin"));
        for command in commands {
            work.execute::<Admission>(&tenant.to_string(), None, command).await.expect("decided");
        }
        work.finish().await.expect("recorded");
    }

    /// The organisation's identity provider switched the person off, as tenancy says it.
    pub async fn lock_out(&self, person: &str) {
        let mut work = self.tenancy.work(cx(TenantId(self.organisation), "admin"));
        work.execute::<Lockout>(person, None, lockout::Command::Begin).await.expect("decided");
        work.finish().await.expect("recorded");
    }

    pub async fn say_of_risk(&self, tenant: TenantId, by: &str, id: &str, event: RiskEvent) {
        let mut work = self.risk.work(cx(tenant, by));
        work.execute::<Risk>(id, None, event).await.expect("decided");
        work.finish().await.expect("recorded");
    }

    pub async fn say_of_control(&self, tenant: TenantId, by: &str, id: &str, event: ControlEvent) {
        let mut work = self.controls.work(cx(tenant, by));
        work.execute::<Control>(id, None, event).await.expect("decided");
        work.finish().await.expect("recorded");
    }

    pub async fn say_of_finding(&self, tenant: TenantId, by: &str, id: &str, event: FindingEvent) {
        let mut work = self.audit.work(cx(tenant, by));
        work.execute::<Finding>(id, None, event).await.expect("decided");
        work.finish().await.expect("recorded");
    }

    /// Somebody of the tenant's organisation was erased, as tenancy says it.
    pub async fn erase(&self, tenant: TenantId, person: &str) {
        let mut work = self.tenancy.work(cx(tenant, "admin"));
        let noted = ErasureEvent::Noted { person: person.to_owned() };
        work.execute::<Erasure>(&Uuid::new_v4().to_string(), None, noted).await.expect("decided");
        work.finish().await.expect("recorded");
    }

    /// A request as `person` makes it: status and body.
    pub async fn ask(&self, person: &str, method: Method, tenant: TenantId, path: &str, body: Value) -> (u16, Value) {
        let caller = Caller { person: person.to_owned(), organisation: self.organisation, administrator: false };
        let token = self.issuer.issue(&caller, now(), TimeDelta::hours(1)).expect("signed");
        let url = format!("{}/v1/tenants/{tenant}{path}", self.address);
        let request = reqwest::Client::new().request(method, url).bearer_auth(token).json(&body);
        let answer = request.send().await.expect("an answer");
        (answer.status().as_u16(), answer.json().await.expect("json"))
    }

    pub async fn get(&self, person: &str, tenant: TenantId, path: &str) -> (u16, Value) {
        self.ask(person, Method::GET, tenant, path, Value::Null).await
    }

    pub async fn set_email(&self, person: &str, tenant: TenantId, email: &str) {
        let body = serde_json::json!({ "email": email });
        let (status, answer) = self.ask(person, Method::PUT, tenant, &format!("/contacts/{person}"), body).await;
        assert_eq!(status, 200, "{answer}");
    }

    /// The person's notifications, newest first; none where the tenant does not know them yet.
    pub async fn told(&self, person: &str, tenant: TenantId) -> Vec<Value> {
        let (_, listed) = self.get(person, tenant, "/notifications").await;
        listed["items"].as_array().cloned().unwrap_or_default()
    }

    /// Waits, a minute at most, until the person was told so much, and gives it.
    pub async fn until_told(&self, person: &str, tenant: TenantId, count: usize) -> Vec<Value> {
        self.until(person, tenant, |told| told.len() >= count).await
    }

    /// Waits, a minute at most, until the mail of the person's newest notification is `state`.
    pub async fn until_email(&self, person: &str, tenant: TenantId, state: &str) {
        self.until(person, tenant, |told| told.first().is_some_and(|newest| newest["email"] == state)).await;
    }

    async fn until(&self, person: &str, tenant: TenantId, enough: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        for _ in 0..600 {
            let told = self.told(person, tenant).await;
            if enough(&told) {
                return told;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{person} was told only {:?}", self.told(person, tenant).await);
    }

    /// How often each mail that waits was tried.
    pub async fn attempts(&self, tenant: TenantId) -> Vec<i32> {
        let mut session = self.store.session(tenant).await.expect("a session");
        let attempts = sqlx::query_scalar("select attempts from deliveries where tenant_id = $1").bind(tenant);
        attempts.fetch_all(session.connection()).await.expect("read")
    }
}

fn assign(person: &str, roles: &[Role]) -> Command {
    let roles = roles.iter().map(|role| ((*role).into(), Term::ALWAYS)).collect();
    Command::Assign { person: person.to_owned(), roles, administrator: true }
}

pub fn risk_owner(owner: &str) -> RiskEvent {
    RiskEvent::OwnerAssigned { owner: owner.to_owned() }
}

async fn start(mail: Option<Mail>, settings: &Settings) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let running = Running::start(vec![notifications::service(mail)], settings.clone(), listener).expect("started");
    running.ready().await;
    running
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

#[expect(clippy::disallowed_methods, reason = "tokens are checked by the real clock")]
fn now() -> DateTime<Utc> {
    Utc::now()
}

fn cx(tenant: TenantId, person: &str) -> Cx {
    Cx::new(tenant, Actor::Person(person.to_owned()), now())
}

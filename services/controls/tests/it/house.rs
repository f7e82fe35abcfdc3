//! The service behind its HTTP shell, and a client in one tenant.

use access::{Admission, Caller, Issuer, RoleName, Term};
use chrono::{DateTime, Duration, Utc};
use eventstore::{Actor, Cx, EventStore, Metadata, Recorded, Server, Stream, TenantId, migrate};
use files::Files;
use messaging::Reaction;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use service::{Rates, Running, Settings};
use tempfile::TempDir;
use testkit::servers;
use tokio::net::TcpListener;
use uuid::Uuid;

const PASSWORD: &str = "throwaway";
const SEED: &str = "5e";
/// That a file may have.
pub const MOST_BYTES: u64 = 3 << 20;

pub struct House {
    pub store: EventStore,
    running: Running,
    organisation: Uuid,
    issuer: Issuer,
    /// Where files are kept.
    pub folder: TempDir,
}

impl House {
    pub async fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("stele-files-").tempdir().expect("a folder");
        let files = Files::at(folder.path().to_str().expect("text"), MOST_BYTES).expect("a place");
        Self::keeping(Some(files), folder).await
    }

    pub async fn without_files() -> Self {
        Self::keeping(None, TempDir::new().expect("a folder")).await
    }

    async fn keeping(files: Option<Files>, folder: TempDir) -> Self {
        let prefix = format!("t{}", Uuid::new_v4().simple());
        let server = Server::new(&servers::postgres_admin_url(), &prefix).expect("an address");
        let service = controls::service(files);
        migrate(&server, "controls", PASSWORD, &service.migrations).await.expect("migrated");
        let (issuer, verifier) = Issuer::from_seed(&SEED.repeat(32)).expect("a key");
        let settings = Settings {
            postgres: server,
            password: Some(PASSWORD.to_owned()),
            connections: 8,
            nats: servers::nats_url(),
            prefix,
            verifier,
            rates: Rates::default(),
            proxies: 0,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let running = Running::start(vec![service], settings, listener).expect("started");
        let store = running.ready().await.first().expect("a store").clone();
        Self { store, running, organisation: Uuid::new_v4(), issuer, folder }
    }

    fn token(&self, person: &str) -> String {
        let caller = Caller { person: person.to_owned(), organisation: self.organisation, administrator: true };
        self.issuer.issue(&caller, now(), Duration::hours(1)).expect("a token")
    }

    /// A tenant that tenancy told of: it is open to the organisation's administrator, and has the 93 controls.
    pub async fn tenant(&self) -> Tenant<'_> {
        let tenant = self.empty_tenant().await;
        let created = json!({
            "organisation": self.organisation, "name": "Nordwind", "language": "en", "time_zone": "Europe/Berlin",
            "baseline": "iso27001_2022",
        });
        let stream = Stream::new("tenant", tenant.id);
        let hears = controls::when_tenant_created_then_add_annex_a();
        tenant.hears(&hears, stream, "tenant.created", created).await.expect("added");
        tenant
    }

    pub async fn empty_tenant(&self) -> Tenant<'_> {
        let id = TenantId::random();
        let mut work = self.store.work(cx(id));
        let open = access::Command::Open { organisation: self.organisation, name: "Larkspur".to_owned() };
        work.execute::<Admission>(&id.to_string(), None, open).await.expect("opened");
        work.finish().await.expect("recorded");
        Tenant { house: self, id, token: self.token("mara") }
    }
}

pub struct Tenant<'a> {
    house: &'a House,
    pub id: TenantId,
    token: String,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub etag: Option<String>,
    pub location: Option<String>,
    pub text: String,
}

impl Answer {
    pub async fn of(response: reqwest::Response) -> Self {
        let header = |name: &str| response.headers().get(name).map(|value| value.to_str().expect("text").to_owned());
        let (etag, location) = (header("etag"), header("location"));
        Self { status: response.status(), etag, location, text: response.text().await.expect("a body") }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// The code and the sentence of a problem.
    pub fn problem(&self) -> (u16, String, String) {
        let problem = self.json();
        let text = |name: &str| problem[name].as_str().expect("a text").to_owned();
        (self.status.as_u16(), text("type").replace("urn:stele:problem:", ""), text("detail"))
    }
}

impl Tenant<'_> {
    /// The same, for another administrator.
    pub fn by(&self, person: &str) -> Self {
        Self { house: self.house, id: self.id, token: self.house.token(person) }
    }

    /// The reaction's work on an event of another service; gives the tenant's position after it.
    pub async fn hears(
        &self,
        reaction: &Reaction,
        stream: Stream,
        event_type: &str,
        data: Value,
    ) -> anyhow::Result<i64> {
        let event = Recorded {
            tenant: self.id,
            position: 1,
            stream,
            version: 1,
            id: Uuid::new_v4(),
            event_type: event_type.to_owned(),
            schema: 1,
            occurred_at: now(),
            recorded_at: now(),
            data,
            metadata: Metadata {
                actor: Actor::Person("mara".to_owned()),
                reason: None,
                command_id: None,
                correlation_id: Uuid::new_v4(),
                causation_id: None,
                traceparent: None,
            },
            hash: String::new(),
        };
        let cx = Cx { causation_id: Some(event.id), ..Cx::new(self.id, Actor::Service("controls".to_owned()), now()) };
        let mut work = self.house.store.work(cx);
        reaction.react(&mut work, &event).await?;
        work.finish().await?;
        Ok(self.house.store.session(self.id).await?.head().await?)
    }

    /// Risk says how a risk is treated, and with which controls.
    pub async fn treat(&self, risk: &str, controls: &[&str], released: &[&str]) -> anyhow::Result<i64> {
        self.treat_by("mitigate", risk, controls, released).await
    }

    pub async fn treat_by(
        &self,
        option: &str,
        risk: &str,
        controls: &[&str],
        released: &[&str],
    ) -> anyhow::Result<i64> {
        let data = json!({"option": option, "controls": controls, "released_controls": released});
        let hears = controls::when_a_treatment_changes_then_link_controls();
        self.hears(&hears, Stream::new("risk", risk), "risk.treatment_decided", data).await
    }

    /// Risk says that a risk is closed, or reopened, with what that says of its treatment.
    pub async fn told(&self, risk: &str, happened: &str, data: Value) -> anyhow::Result<i64> {
        let hears = controls::when_a_treatment_changes_then_link_controls();
        self.hears(&hears, Stream::new("risk", risk), happened, data).await
    }

    /// Gives a person exactly these roles, as tenancy would.
    pub async fn assign(&self, person: &str, roles: &[(&str, Term)]) {
        let roles = roles.iter().map(|(role, term)| (RoleName::from((*role).to_owned()), *term)).collect();
        let assign = access::Command::Assign { person: person.to_owned(), roles, administrator: true };
        let mut work = self.house.store.work(cx(self.id));
        work.execute::<Admission>(&self.id.to_string(), None, assign).await.expect("assigned");
        work.finish().await.expect("recorded");
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PUT, path, Some((body, None))).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Some((body, None))).await
    }

    pub async fn post_once(&self, path: &str, body: Value, key: &str) -> Answer {
        self.send(Method::POST, path, Some((body, Some(key)))).await
    }

    pub async fn upload(&self, path: &str, file: &'static str) -> Answer {
        let address = format!("http://{}/v1/tenants/{}{path}", self.house.running.address, self.id);
        let request = reqwest::Client::new().post(address).bearer_auth(&self.token).body(file);
        Answer::of(request.send().await.expect("an answer")).await
    }

    /// The request itself, for what is no JSON.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let address = format!("http://{}/v1/tenants/{}{path}", self.house.running.address, self.id);
        reqwest::Client::new().request(method, address).bearer_auth(&self.token)
    }

    async fn send(&self, method: Method, path: &str, body: Option<(Value, Option<&str>)>) -> Answer {
        let address = format!("http://{}/v1/tenants/{}{path}", self.house.running.address, self.id);
        let mut request = reqwest::Client::new().request(method, address).bearer_auth(&self.token);
        if let Some((body, key)) = body {
            request = request.json(&body);
            if let Some(key) = key {
                request = request.header("idempotency-key", key);
            }
        }
        Answer::of(request.send().await.expect("an answer")).await
    }
}

fn cx(tenant: TenantId) -> Cx {
    Cx::new(tenant, Actor::Operator("test".to_owned()), now())
}

#[expect(clippy::disallowed_methods, reason = "tokens are compared with the real clock")]
fn now() -> DateTime<Utc> {
    Utc::now()
}

//! Tenancy behind its HTTP shell, beside stand-ins for the other services that only copy access, as the real ones do.

use access::{Caller, Issuer, when_access_changes_then_copy_it};
use eventstore::{Actor, Cx, EventStore, Server, TenantId, migrate};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use service::{Rates, Routes, Running, Service, Settings};
use sqlx::migrate::Migrator;
use tenancy::{Kind, OTHER_SERVICES, found};
use testkit::servers;
use uuid::Uuid;

const PASSWORD: &str = "throwaway";

pub struct House {
    pub running: Running,
    store: EventStore,
    pub organisation: TenantId,
    issuer: Issuer,
    client: reqwest::Client,
}

pub struct Answer {
    pub status: StatusCode,
    pub location: Option<String>,
    pub etag: Option<String>,
    pub body: Value,
}

impl Answer {
    async fn of(request: reqwest::RequestBuilder) -> Self {
        let answer = request.send().await.expect("answered");
        let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (status, location, etag) = (answer.status(), header("location"), header("etag"));
        Self { status, location, etag, body: answer.json().await.expect("JSON") }
    }
}

impl House {
    pub async fn start() -> Self {
        let (given, verifier) = Issuer::from_seed(&"a".repeat(64)).expect("a key");
        let mut services = vec![tenancy::service(Some(given))];
        services.extend(OTHER_SERVICES.map(|name| {
            Service::new(name, "a stand-in", Migrator::with_migrations(vec![]), Routes::new())
                .reacts_to("tenancy", vec![when_access_changes_then_copy_it()])
        }));
        let prefix = format!("t{}", Uuid::new_v4().simple());
        let postgres = Server::new(&servers::postgres_admin_url(), &prefix).expect("an address");
        for service in &services {
            migrate(&postgres, service.name, PASSWORD, &service.migrations).await.expect("migrated");
        }
        let password = Some(PASSWORD.to_owned());
        let settings = Settings {
            postgres,
            password,
            connections: 4,
            nats: servers::nats_url(),
            prefix,
            verifier,
            rates: Rates::default(),
            proxies: 0,
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let running = Running::start(services, settings, listener).expect("started");
        let store = running.ready().await.first().expect("tenancy's store").clone();
        let organisation = TenantId::random();
        let cx = Cx::new(organisation, Actor::Operator("test".to_owned()), now());
        found(&store, organisation, "Nordlicht", Kind::Consultancy, cx).await.expect("founded");
        let (issuer, _) = Issuer::from_seed(&"a".repeat(64)).expect("a key");
        Self { running, store, organisation, issuer, client: reqwest::Client::new() }
    }

    pub fn token(&self, person: &str, administrator: bool) -> String {
        let caller = Caller { person: person.to_owned(), organisation: self.organisation.0, administrator };
        self.issuer.issue(&caller, now(), chrono::Duration::hours(1)).expect("signed")
    }

    pub async fn ask(&self, token: &str, method: Method, path: &str, body: Value, key: Option<&str>) -> Answer {
        let mut request = self.client.request(method, format!("http://{}{path}", self.running.address));
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        Answer::of(request.bearer_auth(token).json(&body)).await
    }

    pub async fn put_file(&self, token: &str, path: &str, file: &'static str) -> Answer {
        let request = self.client.put(format!("http://{}{path}", self.running.address));
        Answer::of(request.bearer_auth(token).body(file)).await
    }

    pub fn organisation(&self) -> TenantId {
        self.organisation
    }

    pub fn store(&self) -> &EventStore {
        &self.store
    }

    /// Another organisation, and a token of its administrator, olaf.
    pub async fn another(&self, name: &str) -> (TenantId, String) {
        let organisation = TenantId::random();
        let cx = Cx::new(organisation, Actor::Operator("test".to_owned()), now());
        found(&self.store, organisation, name, Kind::Enterprise, cx).await.expect("founded");
        let olaf = Caller { person: "olaf".to_owned(), organisation: organisation.0, administrator: true };
        (organisation, self.issuer.issue(&olaf, now(), chrono::Duration::hours(1)).expect("signed"))
    }

    /// What a body that is no JSON is answered.
    pub async fn send(&self, token: &str, method: Method, path: &str, body: String) -> Answer {
        let request = self.client.request(method, format!("http://{}{path}", self.running.address));
        Answer::of(request.bearer_auth(token).body(body)).await
    }

    /// A new tenant's path.
    pub async fn tenant(&self) -> String {
        self.tenant_called("Acme").await
    }

    pub async fn tenant_called(&self, name: &str) -> String {
        let ada = self.token("ada", true);
        let added = self.ask(&ada, Method::POST, &self.ours("/tenants"), json!({ "name": name }), None).await;
        format!("/v1/tenants/{}", added.body["id"].as_str().expect("an id"))
    }

    pub async fn get(&self, token: &str, path: &str) -> Answer {
        self.ask(token, Method::GET, path, json!({}), None).await
    }

    pub async fn put(&self, token: &str, path: &str, body: Value) -> Answer {
        self.ask(token, Method::PUT, path, body, None).await
    }

    pub fn ours(&self, tail: &str) -> String {
        format!("/v1/organisations/{}{tail}", self.organisation)
    }
}

#[expect(clippy::disallowed_methods, reason = "tokens and terms are compared with the real clock")]
pub fn now() -> chrono::DateTime<chrono::Utc> {
    chrono::Utc::now()
}

#[tokio::test]
async fn a_client_is_added_staffed_and_worked_in() {
    let house = House::start().await;
    let ada = house.token("ada", true);

    // The tenant is there, and open in every service, when the answer comes; asked again it is the same one.
    let body = json!({ "name": "Acme", "language": "de", "time_zone": "Europe/Berlin" });
    let added = house.ask(&ada, Method::POST, &house.ours("/tenants"), body.clone(), Some("k1")).await;
    assert_eq!((added.status, &added.body["ready"]), (StatusCode::CREATED, &json!(true)), "{}", added.body);
    let id = added.body["id"].as_str().expect("an id").to_owned();
    assert_eq!(added.location, Some(format!("/v1/tenants/{id}")));
    let again = house.ask(&ada, Method::POST, &house.ours("/tenants"), body, Some("k1")).await;
    assert_eq!((again.status, &again.body), (StatusCode::CREATED, &added.body));
    let taken = house.ask(&ada, Method::POST, &house.ours("/tenants"), json!({ "name": "ACME" }), None).await;
    assert_eq!((taken.status, &taken.body["type"]), (StatusCode::CONFLICT, &json!("urn:stele:problem:name_taken")));

    let list = house.ask(&ada, Method::GET, &house.ours("/tenants"), json!({}), None).await;
    assert_eq!((&list.body["items"][0]["id"], &list.body["items"][0]["name"]), (&json!(id), &json!("Acme")));
    let organisation = house.ask(&ada, Method::GET, &house.ours(""), json!({}), None).await;
    assert_eq!((&organisation.body["kind"], &organisation.body["tenants"]), (&json!("consultancy"), &json!(1)));
    let tenant = house.ask(&ada, Method::GET, &format!("/v1/tenants/{id}"), json!({}), None).await;
    assert_eq!((&tenant.body["baseline"], &tenant.body["version"]), (&json!("iso27001_2022"), &json!(5)));

    // A stranger cannot tell it from nothing, until he is given a role.
    let jo = house.token("jo", false);
    let people = format!("/v1/tenants/{id}/people");
    assert_eq!(house.ask(&jo, Method::GET, &people, json!({}), None).await.status, StatusCode::NOT_FOUND);
    let roles = json!({ "roles": ["viewer", "risk_owner"] });
    let set = house.ask(&ada, Method::PUT, &format!("{people}/jo"), roles, None).await;
    assert_eq!((set.status, set.etag.as_deref()), (StatusCode::OK, Some("\"3\"")), "{}", set.body);
    let seen = house.ask(&jo, Method::GET, &people, json!({}), None).await;
    assert_eq!(seen.body["items"], json!([{ "person": "jo", "roles": ["risk_owner", "viewer"] }]));
    assert_eq!(seen.etag, set.etag);
    // Who gave which role to whom, one event each.
    let history =
        house.ask(&jo, Method::GET, &format!("/v1/tenants/{id}/roles/history?after=2"), json!({}), None).await;
    let granted = |item: &Value| (item["type"].clone(), item["actor"].clone(), item["changes"].clone());
    let items: Vec<_> = history.body["items"].as_array().expect("items").iter().map(granted).collect();
    let change = |from: Value, to: Value| json!([{ "field": "roles.jo", "from": from, "to": to }]);
    let by_ada = |changes| (json!("access.granted"), json!("ada"), changes);
    assert_eq!(
        items,
        [
            by_ada(change(Value::Null, json!(["risk_owner"]))),
            by_ada(change(json!(["risk_owner"]), json!(["risk_owner", "viewer"])))
        ]
    );
    let began = house.ask(&jo, Method::GET, &format!("/v1/tenants/{id}/history?limit=1"), json!({}), None).await;
    assert_eq!(began.body["items"][0]["type"], "tenant.created", "{}", began.body);
    let more = house.ask(&jo, Method::PUT, &format!("{people}/jo"), json!({ "roles": ["isms_manager"] }), None).await;
    assert_eq!(more.status, StatusCode::FORBIDDEN);
    // The organisation itself has no people, whose roles would let them issue tokens.
    let own = format!("/v1/tenants/{}/people/jo", house.organisation);
    let own = house.ask(&ada, Method::PUT, &own, json!({ "roles": ["isms_manager"] }), None).await;
    assert_eq!(own.status, StatusCode::NOT_FOUND);
    house.running.stop().await;
}

#[tokio::test]
async fn a_token_is_issued_recorded_and_kept_nowhere() {
    let house = House::start().await;
    let ada = house.token("ada", true);
    let body = json!({ "person": "mara", "days": 2, "administrator": true });

    let keyed = house.ask(&ada, Method::POST, &house.ours("/tokens"), body.clone(), Some("k1")).await;
    assert_eq!((keyed.status, &keyed.body["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!("Idempotency-Key")));
    let issued = house.ask(&ada, Method::POST, &house.ours("/tokens"), body.clone(), None).await;
    assert_eq!(issued.status, StatusCode::CREATED, "{}", issued.body);
    let token = issued.body["token"].as_str().expect("a token");
    assert_eq!(house.ask(token, Method::GET, &house.ours(""), json!({}), None).await.status, StatusCode::OK);
    let again = house.ask(&ada, Method::POST, &house.ours("/tokens"), body, None).await;
    assert_ne!(again.body["token"], issued.body["token"]);

    let mut session = house.store.session(house.organisation).await.expect("a session");
    let events = session.events_after(2, 10).await.expect("read");
    assert_eq!(
        events.iter().map(|event| event.event_type.as_str()).collect::<Vec<_>>(),
        ["organisation.token_issued"; 2]
    );
    assert_eq!(events[0].data["person"], "mara");
    let kept: i64 =
        sqlx::query_scalar("select count(*) from commands").fetch_one(session.connection()).await.expect("read");
    assert_eq!(kept, 0);
    drop(session);
    let log = serde_json::to_string(&events).expect("JSON");
    assert!(!log.contains(token.rsplit('.').next().expect("a signature")));

    // The history says that, and to nobody but an administrator.
    let history = house.ask(&ada, Method::GET, &house.ours("/history"), json!({}), None).await;
    let types = |body: &Value| -> Vec<Value> {
        body["items"].as_array().expect("items").iter().map(|item| item["type"].clone()).collect()
    };
    let issued = "organisation.token_issued";
    assert_eq!(types(&history.body), ["organisation.founded", issued, issued]);

    // Nobody but an administrator issues them.
    let jo = house.token("jo", false);
    assert_eq!(
        house.ask(&jo, Method::GET, &house.ours("/history"), json!({}), None).await.status,
        StatusCode::NOT_FOUND
    );
    let refused = house.ask(&jo, Method::POST, &house.ours("/tokens"), json!({ "person": "jo" }), None).await;
    assert_eq!(refused.status, StatusCode::NOT_FOUND);
    house.running.stop().await;
}

//! The routes as a client meets them.

use crate::tenant::{cx, heard, when};
use access::{Admission, Caller, Issuer};
use chrono::Duration;
use eventstore::{EventStore, TenantId};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use service::{Running, Settings};
use std::net::Ipv4Addr;
use testkit::{Database, servers};
use tokio::net::TcpListener;
use uuid::Uuid;

const ASSETS: &str = include_str!("../../../../examples/assets.csv");
const RISKS: &str = include_str!("../../../../examples/risks.csv");
const MISTAKEN: &str = include_str!("../../../../examples/risks-with-errors.csv");

struct Api {
    running: Running,
    tenant: TenantId,
    token: String,
    client: Client,
}

impl Api {
    /// The service with one tenant, whose organisation's administrator asks.
    async fn start() -> Self {
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
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("an address");
        let running = Running::start(vec![service], settings, listener).expect("started");

        let (tenant, organisation) = (TenantId::random(), Uuid::new_v4());
        let caller = Caller { person: "mara".to_owned(), organisation, administrator: true };
        let token = issuer.issue(&caller, when(), Duration::days(36_500)).expect("a token");
        let api = Self { running, tenant, token, client: Client::new() };
        let mut work = api.store().await.work(cx(tenant));
        let open = access::Command::Open { organisation };
        work.execute::<Admission>(&tenant.to_string(), None, open).await.expect("opened");
        let created = json!({"name": "Larkspur", "baseline": "iso27001_2022"});
        let created = heard(tenant, &format!("tenant-{tenant}"), "tenant.created", created);
        risk::when_tenant_created_then_adopt_methodology()(&mut work, &created).await.expect("taken");
        work.finish().await.expect("recorded");
        api
    }

    async fn store(&self) -> &EventStore {
        &self.running.ready().await[0]
    }

    async fn control(&self, id: &str, event_type: &str, data: Value) {
        let mut work = self.store().await.work(cx(self.tenant));
        let event = heard(self.tenant, &format!("control-{id}"), event_type, data);
        risk::when_a_control_changes_then_note_it()(&mut work, &event).await.expect("taken");
        work.finish().await.expect("recorded");
    }

    fn request(&self, method: Method, tail: &str) -> RequestBuilder {
        let address = format!("http://{}/v1/tenants/{}{tail}", self.running.address, self.tenant);
        self.client.request(method, address).bearer_auth(&self.token)
    }

    async fn get(&self, tail: &str) -> Value {
        let (status, answer) = json_of(self.request(Method::GET, tail)).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    async fn put(&self, tail: &str, body: Value) -> (u16, Value) {
        json_of(self.request(Method::PUT, tail).json(&body)).await
    }

    async fn post(&self, tail: &str, body: Value) -> (u16, Value) {
        json_of(self.request(Method::POST, tail).json(&body)).await
    }

    async fn upload(&self, tail: &str, file: &str) -> (u16, Value) {
        json_of(self.request(Method::POST, tail).body(file.to_owned())).await
    }

    async fn with_examples() -> Self {
        let api = Self::start().await;
        assert_eq!(api.upload("/imports/assets", ASSETS).await.0, 200);
        assert_eq!(api.upload("/imports/risks?reason=From+the+old+register", RISKS).await.0, 200);
        api
    }
}

async fn json_of(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.expect("an answer");
    let status = response.status().as_u16();
    (status, response.json().await.expect("json"))
}

fn refs(listed: &Value) -> Vec<&str> {
    listed["items"].as_array().expect("items").iter().filter_map(|item| item["id"].as_str()).collect()
}

#[tokio::test]
async fn a_register_is_uploaded_treated_and_read_as_it_was() {
    let api = Api::start().await;
    assert_eq!(api.get("/methodology").await["revision"], 1);
    assert_eq!(api.upload("/imports/assets", ASSETS).await.1["created"], 26);
    let (status, told) = api.upload("/imports/risks?dry_run=true", MISTAKEN).await;
    assert_eq!((status, told["errors"].as_array().map(Vec::len)), (200, Some(6)));
    assert_eq!(told["errors"][0]["row"], 3);
    let (status, refused) = api.upload("/imports/risks", MISTAKEN).await;
    assert_eq!((status, refused["errors"].as_array().map(Vec::len)), (400, Some(6)));
    let before = api.upload("/imports/risks", RISKS).await.1["position"].clone();

    let assessed =
        json!({"stage": "residual", "likelihood": "Rare", "impact": 5, "rationale": "Checked in every query"});
    assert_eq!(api.post("/risks/R-7/assessments", assessed).await.0, 200);
    let treatment = json!({"option": "mitigate", "controls": ["A.8.28"], "reason": "It was found twice"});
    assert_eq!(api.put("/risks/R-7/treatment", treatment).await.0, 200);
    api.control("A.8.28", "control.implementation_set", json!({"state": "implemented"})).await;
    api.control("A.8.28", "control.evidence_attached", json!({"evidence": Uuid::nil(), "title": "Review"})).await;

    let risk = api.get("/risks/R-7").await;
    assert_eq!((&risk["state"], &risk["residual"]["level"]["label"]), (&json!("treatment_decided"), &json!("medium")));
    assert_eq!(risk["treatment"]["reason"], "It was found twice");
    let treating = risk["controls"].as_array().and_then(|controls| controls.last()).expect("a control");
    assert_eq!(
        treating,
        &json!({"id": "A.8.28", "title": "Secure coding", "role": "treatment", "state": "implemented", "evidence": 1})
    );
    let earlier = api.get(&format!("/risks/R-7?as_of={before}")).await;
    assert_eq!((&earlier["state"], earlier.get("treatment")), (&json!("assessed"), None));
    let history = api.get("/risks/R-7/history").await;
    let last = history["items"].as_array().and_then(|items| items.last()).expect("an entry");
    assert_eq!(
        (&last["type"], &last["actor"], &last["reason"]),
        (&json!("risk.treatment_decided"), &json!("mara"), &json!("It was found twice"))
    );
    api.running.stop().await;
}

#[tokio::test]
async fn lists_filter_sort_and_page() {
    let api = Api::with_examples().await;
    let first = api.get("/risks?limit=11").await;
    assert_eq!(refs(&first)[8..], ["R-9", "R-10", "R-11"]);
    let next = first["next"].as_str().expect("another page");
    assert_eq!(refs(&api.get(&format!("/risks?limit=11&cursor={next}")).await)[0], "R-12");
    for (query, count) in [
        ("treatment=", 13),
        ("treatment=avoid", 2),
        ("state=treatment_decided", 35),
        ("owner=", 48),
        ("residual_level=-1", 13),
    ] {
        assert_eq!(refs(&api.get(&format!("/risks?limit=1000&{query}")).await).len(), count, "{query}");
    }
    let grave = api.get("/risks?sort=-score&limit=2").await;
    assert_eq!((&grave["items"][0]["score"], &grave["items"][1]["score"]), (&json!(16), &json!(16)));
    let unscored = api.get("/risks?sort=residual_level&limit=40").await;
    assert_eq!(unscored["items"].as_array().map(Vec::len), Some(40));
    assert_eq!(refs(&api.get("/assets?kind=primary").await).len(), 8);
    assert_eq!(refs(&api.get("/assets?limit=10").await)[9], "A-10");
    api.running.stop().await;
}

#[tokio::test]
async fn what_was_exported_can_be_uploaded_again() {
    let api = Api::with_examples().await;
    // What a spreadsheet would run, what looks as if it had been kept from that already, and another kind of line end.
    let strange = ["- a list\r\n- of two", "'=1", "'- 'quoted', \"twice\"", "+49", "'tis"];
    for (number, description) in (49..).zip(strange) {
        let risk = json!({"ref": format!("R-{number}"), "name": "@home", "description": description});
        assert_eq!(api.post("/risks", risk).await.0, 201, "{description}");
    }
    let response = api.request(Method::GET, "/risks.csv").send().await.expect("an answer");
    let table = response.text().await.expect("a table");
    assert!(table.lines().nth(1).is_some_and(|row| row.starts_with("R-1,Customer exports")), "{table}");
    assert!(table.contains("\nR-50,'@home,''=1,"), "{table}");
    let (status, answer) = api.upload("/imports/risks", &table).await;
    assert_eq!((status, &answer["unchanged"], &answer["rows"]), (200, &json!(53), &json!(53)), "{answer}");
    assert_eq!(answer["ignored_columns"].as_array().map(Vec::len), Some(9));
    assert_eq!(api.get("/risks/R-50").await["description"], "'=1");
    api.running.stop().await;
}

#[tokio::test]
async fn a_mistake_names_its_field_and_the_remedy() {
    let api = Api::with_examples().await;
    let add = json!({"ref": "A-30", "name": "Wiki", "kind": "supporting", "supports": ["A-1", "A-98"]});
    let identify = json!({"ref": "R-60", "name": "Fire", "assets": ["A-99"]});
    let assess = |likelihood: Value| json!({"stage": "current", "likelihood": likelihood, "impact": "Awful"});
    let treat = |controls: Value| json!({"option": "mitigate", "controls": controls, "reason": "x"});
    api.control("A.7.4", "control.excluded", json!({"justification": "no rooms"})).await;
    let unassessed = json!({"ref": "R-61", "name": "Fire"});
    assert_eq!(api.post("/risks", unassessed.clone()).await.0, 201);
    assert_eq!(api.post("/risks", unassessed).await.0, 200);

    let mut told = Vec::new();
    for (status, problem) in [
        api.post("/assets", add).await,
        api.post("/risks", identify).await,
        api.post("/risks", json!({"ref": "R-1", "name": "Another"})).await,
        api.post("/risks/R-1/assessments", assess(json!(6))).await,
        api.post("/risks/R-1/assessments", assess(json!([]))).await,
        api.put("/risks/R-1/owner", json!({"owner": "Mara"})).await,
        api.put("/risks/R-1/existing-controls", json!({"controls": ["8.3"]})).await,
        api.put("/risks/R-1/treatment", json!({"option": "accept"})).await,
        api.put("/risks/R-1/treatment", treat(json!([]))).await,
        api.put("/risks/R-1/treatment", treat(json!(["A.7.4"]))).await,
        api.put("/risks/R-61/treatment", treat(json!(["A.7.5"]))).await,
        api.put("/risks/R-99/owner", json!({"owner": "mara"})).await,
        json_of(api.request(Method::GET, "/risks/R-9999")).await,
        api.upload("/imports/risks", "id,title\n1,x\n").await,
    ] {
        told.push(format!("{status} {}", problem["detail"].as_str().unwrap_or_default()));
    }
    let expected = [
        "400 supports: A-98 is not in the asset register: add it first",
        "400 assets: A-99 is not in the asset register: add it first",
        "409 ref: a risk of this ref is in the register, with other content: take another ref, or change that risk",
        "400 2 fields are wrong: see errors",
        "400 likelihood: write a label of the scale, such as \"Likely\", or its number, such as 4",
        "400 owner: `Mara` is not a person's handle: write it in lower case, such as mara",
        "400 controls: `8.3` is no control of ISO/IEC 27001:2022 Annex A: write an id such as A.8.13",
        "400 reason: say why: an auditor will ask",
        "400 controls: mitigating takes at least one control: name it, or choose another option",
        "400 controls: A.7.4 is excluded as not applicable: include it first, or choose another control",
        "409 a risk is assessed before its treatment is decided: record its current or inherent likelihood and impact",
        "404 there is no risk R-99 here",
        "404 there is no risk R-9999 here",
        "400 2 fields are wrong: see errors",
    ];
    assert_eq!(told, expected);
    api.running.stop().await;
}

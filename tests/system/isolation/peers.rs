//! How other multi-tenant systems were reported to leak, each as a case.

use super::{fill, items};
use crate::system::{Client, System, until};
use reqwest::Method;
use serde_json::json;
use std::fmt::Write;

const OURS: &str = "ourcanary";

struct House {
    system: System,
    ours: String,
    theirs: String,
    /// Manages theirs, and is nobody in ours.
    sam: Client,
}

async fn house() -> House {
    let system = System::start().await;
    let (ours, theirs) = (system.tenant("Ours").await, system.tenant("Theirs").await);
    fill(&system, &ours, OURS).await;
    let sam = system.person(&theirs, "sam", &["isms_manager"]).await;
    House { system, ours, theirs, sam }
}

/// An object is looked up by its id alone, by a path that names no tenant, all of them, or two.
#[tokio::test]
async fn nothing_is_looked_up_without_a_tenant() {
    let House { system, ours, theirs, sam } = house().await;
    let address = system.processes[0].address;
    for path in [
        format!("/v1/risks/R-{OURS}"),
        format!("/v1/tenants//risks/R-{OURS}"),
        format!("/v1/tenants/*/risks/R-{OURS}"),
        format!("/v1/tenants/null/risks/R-{OURS}"),
        format!("/v1/tenants/{theirs}/../{ours}/risks/R-{OURS}"),
        format!("/v1/tenants/{theirs}%2f..%2f{ours}/risks/R-{OURS}"),
        format!("/v1/tenants/{theirs},{ours}/risks/R-{OURS}"),
        format!("/v1/tenants/00000000-0000-0000-0000-000000000000/risks/R-{OURS}"),
        format!("/v1/organisations/{theirs}/tenants/{ours}"),
        format!("/v1/organisations/{ours}/history"),
        "/v1/tenants".to_owned(),
        "/v1/trail".to_owned(),
    ] {
        let request = reqwest::Client::new().get(format!("http://{address}{path}")).bearer_auth(&sam.token);
        let answer = request.header("x-tenant-id", &ours).send().await.expect("answered");
        let (status, text) = (answer.status().as_u16(), answer.text().await.expect("text"));
        assert!([404, 405].contains(&status) && !text.contains(" ourcanary"), "{path}: {status} {text}");
    }
}

/// A body refers to what is another tenant's: it is told as what is not there, and nothing of it is shown.
#[tokio::test]
async fn a_reference_in_a_body_reaches_no_other_tenant() {
    let House { system: _system, theirs, sam, .. } = house().await;
    let at = |tail: &str| format!("/v1/tenants/{theirs}{tail}");
    let mut answers: Vec<Vec<String>> = Vec::new();
    for name in [OURS, "nonecanry"] {
        let mut told = Vec::new();
        for (tail, body) in [
            ("/risks", json!({"ref": "R-1", "name": "x", "assets": [format!("A-{name}")]})),
            ("/assets", json!({"ref": "A-1", "name": "x", "kind": "primary", "supports": [format!("A-{name}")]})),
            ("/evidence", json!({"title": "x", "note": "x", "supports": [format!("R-{name}")]})),
        ] {
            let answer = sam.send(Method::POST, &at(tail), Some(body.to_string()), &[]).await;
            assert_eq!(answer.status, 400, "{tail}: {}", answer.body);
            told.push(answer.body.replace(name, "?"));
        }
        answers.push(told);
    }
    assert_eq!(answers[0], answers[1]);
}

/// An administrator makes themselves owner, manager or administrator of what is another organisation's.
#[tokio::test]
async fn an_administrator_takes_nothing_that_was_not_offered() {
    let House { system, ours, .. } = house().await;
    let other = system.as_organisation("Fernhill").await;
    let olaf = other.as_admin();
    let nowhere = uuid::Uuid::new_v4().to_string();
    for (method, path, body) in [
        (Method::PUT, format!("/v1/organisations/{}/tenants/TENANT", other.organisation), json!({})),
        (Method::PUT, "/v1/tenants/TENANT/people/admin".to_owned(), json!({"roles": ["isms_manager"]})),
        (Method::PUT, "/v1/tenants/TENANT/offer".to_owned(), json!({"organisation": other.organisation})),
        (Method::POST, "/v1/tenants/TENANT/api-keys".to_owned(), json!({"name": "x", "roles": ["viewer"]})),
    ] {
        let mut told = Vec::new();
        for tenant in [&ours, &nowhere] {
            let answer = olaf.send(method.clone(), &path.replace("TENANT", tenant), Some(body.to_string()), &[]).await;
            told.push((answer.status.as_u16(), answer.body.replace(tenant.as_str(), "?")));
        }
        assert!(told[0].0 == 404 && told[0] == told[1], "{method} {path}: {told:?}");
    }
    // Who manages a tenant makes nobody an administrator, and no token.
    let mara = system.person(&ours, "mara", &["isms_manager"]).await;
    let own = format!("/v1/tenants/{ours}/people/mara");
    let raised = json!({"roles": ["isms_manager", "risk_owner"]}).to_string();
    assert!([403, 409].contains(&mara.send(Method::PUT, &own, Some(raised), &[]).await.status.as_u16()));
    for (path, body) in [
        ("tokens", json!({"person": "mara", "administrator": true})),
        (
            "identities",
            json!({"issuer": "https://id.example.org", "subject": "x", "person": "mara", "administrator": true}),
        ),
    ] {
        let path = format!("/v1/organisations/{}/{path}", system.organisation);
        assert_eq!(mara.send(Method::POST, &path, Some(body.to_string()), &[]).await.status, 404, "{path}");
    }
}

/// The list of what happened is one over all tenants, filtered where somebody thought of it.
#[tokio::test]
async fn the_trail_is_one_tenants_whatever_is_asked_for() {
    let House { system, ours, theirs, sam } = house().await;
    let admin = system.as_admin();
    let last = format!("/v1/tenants/{ours}/trail?type=control.evidence_attached");
    until("our trail", async || !items(&admin, &last).await.is_empty()).await;
    for query in [
        String::new(),
        format!("?person=olga-{OURS}"),
        format!("?object=R-{OURS}"),
        format!("?object=risk-R-{OURS}"),
        "?person=admin&limit=1000".to_owned(),
        "?from=2020-01-01T00:00:00Z&limit=1000".to_owned(),
        "?newest=true&limit=1000".to_owned(),
        "?service=risk&type=risk.identified".to_owned(),
    ] {
        let answer = sam.get(&format!("/v1/tenants/{theirs}/trail{query}")).await;
        assert!(!answer.body.contains(OURS) && !answer.body.contains(&ours), "{query}: {}", answer.body);
    }
    // The positive control: ours has it all.
    let seen = admin.get(&format!("/v1/tenants/{ours}/trail?limit=1000")).await;
    assert!(seen.body.contains(" ourcanary"));
}

/// The history of an object is shown to whoever was once of the tenant, whatever their role is now.
#[tokio::test]
async fn a_history_asks_for_the_role_as_its_object_does() {
    let House { system, ours, .. } = house().await;
    let path = |tail: &str| format!("/v1/tenants/{ours}{tail}");
    let status = async |client: &Client, tail: &str| client.send(Method::GET, &path(tail), None, &[]).await.status;
    let histories = [
        "/history".to_owned(),
        "/roles/history".to_owned(),
        "/methodology/history".to_owned(),
        "/controls/A.8.13/history".to_owned(),
        format!("/risks/R-{OURS}/history"),
        format!("/assets/A-{OURS}/history"),
    ];
    let jo = system.person(&ours, "jo", &["viewer"]).await;
    for tail in &histories {
        assert_eq!(status(&jo, tail).await, 200, "{tail}");
    }
    assert_eq!(status(&jo, "/trail").await, 403);
    system.as_admin().put(&path("/people/jo"), json!({"roles": []})).await;
    for tail in &histories {
        until("the end of the role", async || status(&jo, tail).await == 404).await;
    }
}

/// A thousand names in one request: each is refused as one is, and nothing is recorded.
#[tokio::test]
async fn a_thousand_names_in_one_request_find_nothing() {
    let House { system, ours, theirs, sam } = house().await;
    let names: Vec<String> = (0..1000).map(|n| format!("R-{n}")).chain([format!("R-{OURS}")]).collect();
    let at = |tail: &str| format!("/v1/tenants/{theirs}{tail}");
    let aliases: Vec<String> = names.iter().map(|name| format!("object={name}")).collect();
    let answer = sam.send(Method::GET, &at(&format!("/trail?{}", aliases.join("&"))), None, &[]).await;
    assert_eq!(answer.status, 400, "{}", answer.body);

    let assets: Vec<String> = names.iter().map(|name| name.replace("R-", "A-")).collect();
    let body = json!({"ref": "R-1", "name": "x", "assets": assets}).to_string();
    let answer = sam.send(Method::POST, &at("/risks"), Some(body), &[]).await;
    assert!(answer.status == 400 && !answer.body.contains(" ourcanary"), "{}", answer.body);

    let mut table = "ref_id,name,assets\n".to_owned();
    for name in &names {
        writeln!(table, "{name},x,A-{OURS}").expect("written");
    }
    let answer = sam.upload(&at("/imports/risks"), table).await;
    assert!(answer.status == 400 && !answer.body.contains(" ourcanary"), "{}", answer.body);
    assert_eq!(sam.get(&at("/risks")).await.json["items"], json!([]));

    // Twice the same name in one object is one too many.
    let twice = r#"{"ref": "R-1", "name": "a", "name": "b"}"#.to_owned();
    let answer = sam.send(Method::POST, &at("/risks"), Some(twice), &[]).await;
    assert_eq!(answer.status, 400, "{}", answer.body);
    let ours = items(&system.as_admin(), &format!("/v1/tenants/{ours}/risks")).await;
    assert_eq!(ours.len(), 1);
}

//! A consultancy's library: kept, published, proposed to clients, decided on line by line; and a client that is created from it.

use crate::system::{Client, System, until};
use reqwest::Method;
use serde_json::{Value, json};

/// Of every kind one, each with all that it may say.
pub fn items() -> Vec<Value> {
    let mut methodology = crate::isolation::methodology();
    methodology.as_object_mut().expect("an object").remove("reason");
    vec![
        json!({"methodology": methodology}),
        json!({"asset": {"ref": "A-lib", "name": "Files", "description": "All of them", "kind": "supporting", "domain": "IT",
            "security_objectives": {"confidentiality": 3, "integrity": 3, "availability": 2}, "supports": ["A-led"]}}),
        json!({"asset": {"ref": "A-led", "name": "Ledger", "kind": "primary"}}),
        json!({"control": {"ref": "A.8.13", "applicable": true, "basis": "good_practice", "justification": "We all restore",
            "state": "planned", "how": "Nightly"}}),
        json!({"control": {"ref": "A.7.4", "applicable": false, "justification": "There are no premises"}}),
        json!({"risk": {"ref": "R-lib", "name": "Files are lost", "description": "By a fault", "category": "Safety",
            "threat": "A fault", "vulnerability": "One copy", "assets": ["A-lib"], "existing_controls": ["A.5.1"],
            "assessments": [{"stage": "current", "likelihood": 4, "impact": 4}],
            "treatment": {"option": "mitigate", "controls": ["A.8.13"]}}}),
        json!({"document": {"ref": "backup-policy", "title": "Backup policy", "kind": "policy",
            "slot": "information_security_policy", "text": "We keep two copies."}}),
        json!({"supplier": {"ref": "S-lib", "name": "Host", "criticality": "high", "services": ["Hosts"], "information": "All"}}),
    ]
}

/// A library with one version, and its path.
pub async fn library(system: &System, admin: &Client) -> String {
    let libraries = format!("/v1/organisations/{}/libraries", system.organisation);
    let said = json!({"ref": "small", "name": "Small company", "description": "Up to fifty people"});
    admin.post(&libraries, said).await;
    let path = format!("{libraries}/small");
    publish(admin, &path, items()).await;
    path
}

pub async fn publish(admin: &Client, path: &str, items: Vec<Value>) {
    admin.put(&format!("{path}/contents"), json!({"items": items})).await;
    let published = admin.post(&format!("{path}/versions"), json!({"reason": "reviewed"})).await.json;
    let again = admin.post(&format!("{path}/versions"), json!({"reason": "reviewed"})).await.json;
    assert_eq!((&published["changed"], &again["changed"]), (&json!(true), &json!(false)));
    assert_eq!(published["published"], again["published"], "the draft says what the last version says");
}

/// The only proposal in the list, with its lines.
async fn proposal(client: &Client, list: &str) -> Value {
    let listed = client.get(list).await.json;
    let id = listed["items"][0]["id"].as_str().expect("a proposal").to_owned();
    client.get(&format!("{list}/{id}")).await.json
}

fn lines(proposal: &Value) -> Vec<(&str, &str, &str)> {
    let text = |line: &'_ Value, name: &str| line[name].as_str().map(ToOwned::to_owned).expect("a text");
    let lines = proposal["lines"].as_array().expect("lines").iter();
    lines
        .map(|line| {
            let [key, decision, compared] =
                ["key", "decision", "compared"].map(|name| line[name].as_str().unwrap_or_default());
            assert!(!text(line, "key").is_empty());
            (key, decision, compared)
        })
        .collect()
}

/// All events of libraries, for the walk that has to cause every one.
pub async fn live_through(system: &System, tenant: &str) {
    let admin = system.as_admin();
    let path = library(system, &admin).await;
    admin.put(&path, json!({"name": "Small company", "description": "Up to a hundred people"})).await;
    let mut later = items();
    later.pop();
    publish(&admin, &path, later).await;
    let mut contents = items();
    contents.truncate(3);
    admin.put(&format!("{path}/contents"), json!({"items": contents})).await;
    admin.post(&format!("{path}/pushes"), json!({"version": 1, "tenants": [tenant]})).await;
    for noun in ["risk-proposals", "control-proposals"] {
        let list = format!("/v1/tenants/{tenant}/{noun}");
        arrived(&admin, &list, 1).await;
        let proposal = proposal(&admin, &list).await;
        let declined = lines(&proposal)[0].0;
        let decided = json!({"accept": "all", "decline": [declined], "reason": "as advised"});
        admin.post(&format!("{list}/{}/decisions", proposal["id"].as_str().expect("an id")), decided).await;
    }
    admin.post(&format!("{path}/pushes"), json!({"version": 2, "tenants": [tenant]})).await;
    for noun in ["risk-proposals", "control-proposals"] {
        arrived(&admin, &format!("/v1/tenants/{tenant}/{noun}"), 2).await;
    }
}

pub async fn arrived(client: &Client, list: &str, version: u32) {
    until("the version to arrive", async || client.get(list).await.json["items"][0]["version"] == version).await;
}

#[tokio::test]
async fn a_client_accepts_a_baseline_line_by_line_and_a_later_version_as_a_difference() {
    let system = System::start().await;
    let (admin, tenant) = (system.as_admin(), system.tenant("Birch").await);
    let path = library(&system, &admin).await;
    let at = |tail: &str| format!("/v1/tenants/{tenant}{tail}");
    let push = json!({"version": 1, "tenants": [tenant]});
    assert_eq!(admin.post(&format!("{path}/pushes"), push.clone()).await.json["changed"], true);
    assert_eq!(admin.post(&format!("{path}/pushes"), push).await.json["changed"], false, "it has it");
    let (risks, controls) = (at("/risk-proposals"), at("/control-proposals"));
    arrived(&admin, &risks, 1).await;
    arrived(&admin, &controls, 1).await;

    // The ledger is here already, otherwise: accepting all leaves it alone.
    let ledger = json!({"ref": "A-led", "name": "Our ledger", "kind": "primary"});
    admin.post(&at("/assets"), ledger).await;
    let before = proposal(&admin, &risks).await;
    let (id, then) = (before["id"].as_str().expect("an id").to_owned(), before["position"].clone());
    let expected = [
        ("asset:A-led", "open", "conflict"),
        ("asset:A-lib", "open", "new"),
        ("methodology", "open", "conflict"),
        ("risk:R-lib", "open", "new"),
    ];
    assert_eq!(lines(&before), expected);
    let decisions = format!("{risks}/{id}/decisions");
    // The risk alone names an asset that is not here: nothing of it is recorded, and the line is named.
    let alone = json!({"accept": ["risk:R-lib"], "decline": ["asset:A-led"], "reason": "so"}).to_string();
    let refused = admin.send(Method::POST, &decisions, Some(alone), &[]).await;
    assert_eq!((refused.status.as_u16(), &refused.json["errors"][0]["field"]), (400, &json!("risk:R-lib.assets")));
    let missing = json!({"accept": ["risk:none"], "reason": "so"}).to_string();
    assert_eq!(admin.send(Method::POST, &decisions, Some(missing), &[]).await.status, 409);
    assert_eq!(lines(&proposal(&admin, &risks).await), expected);

    let decided = json!({"accept": "all", "decline": ["asset:A-led"], "reason": "as advised"});
    assert_eq!(admin.post(&decisions, decided.clone()).await.json["changed"], true);
    assert_eq!(admin.post(&decisions, decided).await.json["changed"], false);
    assert_eq!(
        lines(&proposal(&admin, &risks).await),
        [
            ("asset:A-led", "declined", "conflict"),
            ("asset:A-lib", "accepted", "same"),
            ("methodology", "open", "conflict"),
            ("risk:R-lib", "accepted", "same"),
        ]
    );
    let risk = admin.get(&at("/risks/R-lib")).await.json;
    assert_eq!((&risk["treatment"]["option"], &risk["category"]), (&json!("mitigate"), &json!("Safety")));
    let history = admin.get(&at("/risks/R-lib/history")).await.json;
    assert!(history["items"].as_array().is_some_and(|items| items.iter().all(|it| it["reason"] == "as advised")));
    assert_eq!(admin.get(&at("/assets/A-led")).await.json["name"], "Our ledger");
    // As of before, nothing was decided.
    let past = admin.get(&format!("{risks}/{id}?as_of={then}")).await.json;
    assert_eq!(lines(&past), expected);

    let accepted = json!({"accept": "all", "reason": "as advised"});
    admin
        .post(
            &format!("{controls}/{}/decisions", proposal(&admin, &controls).await["id"].as_str().expect("an id")),
            accepted,
        )
        .await;
    assert_eq!(admin.get(&at("/controls/A.7.4")).await.json["applicable"], false);
    assert_eq!(admin.get(&at("/documents/backup-policy")).await.json["newest"], 1);
    assert_eq!(admin.get(&at("/suppliers/S-lib")).await.json["criticality"], "high");

    // The next version: one risk says something else, a supplier is gone, the rest is as it was.
    let mut later = items();
    later[5]["risk"]["name"] = json!("Files are lost for good");
    later.pop();
    publish(&admin, &path, later).await;
    let differences = admin.get(&format!("{path}/differences?from=1&to=2")).await.json;
    assert_eq!(differences["changed"][0]["changes"][0]["field"], "risk.name");
    assert_eq!((&differences["added"], &differences["removed"]), (&json!([]), &json!(["supplier:S-lib"])));
    admin.post(&format!("{path}/pushes"), json!({"version": 2, "tenants": [tenant]})).await;
    arrived(&admin, &risks, 2).await;
    arrived(&admin, &controls, 2).await;
    let next = proposal(&admin, &risks).await;
    let open = |proposal: &'_ Value| {
        let lines = lines(proposal).into_iter().filter(|line| line.1 == "open");
        lines.map(|line| format!("{} {}", line.0, line.2)).collect::<Vec<_>>()
    };
    assert_eq!(open(&next), ["methodology conflict", "risk:R-lib changed"], "what was declined stays so");
    assert_eq!(open(&proposal(&admin, &controls).await), ["supplier:S-lib removed"]);
    let older = json!({"version": 1, "tenants": [tenant]}).to_string();
    let refused = admin.send(Method::POST, &format!("{path}/pushes"), Some(older), &[]).await;
    assert_eq!((refused.status.as_u16(), refused.problem().0.as_str()), (409, "older"));
}

#[tokio::test]
async fn a_client_is_created_from_a_library_in_one_call() {
    let system = System::start().await;
    let admin = system.as_admin();
    let path = library(&system, &admin).await;
    let tenants = format!("/v1/organisations/{}/tenants", system.organisation);
    let none = json!({"name": "Acme", "library": {"ref": "none"}}).to_string();
    let refused = admin.send(Method::POST, &tenants, Some(none), &[]).await;
    assert_eq!((refused.status.as_u16(), &refused.json["errors"][0]["field"]), (400, &json!("library.ref")));
    let ninth = json!({"name": "Acme", "library": {"ref": "small", "version": 9}}).to_string();
    assert_eq!(admin.send(Method::POST, &tenants, Some(ninth), &[]).await.status, 400);

    let created = admin.post(&tenants, json!({"name": "Acme", "library": {"ref": "small"}})).await;
    let tenant = created.text("id");
    let at = |tail: &str| format!("/v1/tenants/{tenant}{tail}");
    for noun in ["/risk-proposals", "/control-proposals"] {
        arrived(&admin, &at(noun), 1).await;
        let proposal = proposal(&admin, &at(noun)).await;
        assert!(lines(&proposal).iter().all(|line| (line.1, line.2) == ("accepted", "same")), "{proposal}");
    }
    assert_eq!(admin.get(&at("/methodology")).await.json["revision"], 2);
    let history = admin.get(&at("/risks/R-lib/history")).await.json;
    let first = &history["items"][0];
    assert_eq!(
        (&first["actor"], &first["reason"]),
        (&json!("admin"), &json!("version 1 of the library Small company"))
    );
    assert_eq!(admin.get(&path).await.json["pushed"][&tenant], 1);
    until("the treatment to arrive", async || {
        admin.get(&at("/controls/A.8.13")).await.json["required_by"][0]["risk"] == "R-lib"
    })
    .await;
}

#[tokio::test]
async fn a_library_is_its_organisations_and_reaches_no_other_tenant() {
    let system = System::start().await;
    let (admin, tenant) = (system.as_admin(), system.tenant("Ours").await);
    let untouched = system.tenant("Not named").await;
    let path = library(&system, &admin).await;
    let other = system.as_organisation("Fernhill").await;
    let (olaf, theirs) = (other.as_admin(), other.tenant("Theirs").await);
    let libraries = format!("/v1/organisations/{}/libraries", other.organisation);

    // To the other organisation it is not there, neither by ours nor by its own path, nor to create a client from.
    let gone = format!("{libraries}/small");
    for (method, tail) in [
        (Method::GET, ""),
        (Method::PUT, ""),
        (Method::GET, "/history"),
        (Method::GET, "/contents"),
        (Method::PUT, "/contents"),
        (Method::POST, "/versions"),
        (Method::GET, "/differences?from=1"),
        (Method::POST, "/pushes"),
    ] {
        let body = match (method.as_str(), tail) {
            ("PUT", "") => Some(json!({"name": "x"})),
            ("PUT", _) => Some(json!({"items": items()})),
            ("POST", "/pushes") => Some(json!({"version": 1, "tenants": [theirs]})),
            ("POST", _) => Some(json!({})),
            _ => None,
        };
        for path in [&path, &gone] {
            let answer =
                olaf.send(method.clone(), &format!("{path}{tail}"), body.as_ref().map(Value::to_string), &[]).await;
            assert_eq!(answer.status, 404, "{method} {path}{tail}: {}", answer.body);
        }
    }
    assert_eq!(olaf.get(&libraries).await.json["items"], json!([]));

    // Whose tenant it is not cannot be told from none, and the request reaches nobody.
    let nowhere = uuid::Uuid::new_v4().to_string();
    let mut told = Vec::new();
    for strange in [&theirs, &nowhere] {
        let body = json!({"version": 1, "tenants": [tenant, strange]}).to_string();
        let answer = admin.send(Method::POST, &format!("{path}/pushes"), Some(body), &[]).await;
        told.push((answer.status.as_u16(), answer.body.replace(strange.as_str(), "?")));
    }
    assert!(told[0].0 == 400 && told[0] == told[1], "{told:?}");

    admin.post(&format!("{path}/pushes"), json!({"version": 1, "tenants": [tenant]})).await;
    let list = |tenant: &str| format!("/v1/tenants/{tenant}/risk-proposals");
    arrived(&admin, &list(&tenant), 1).await;
    let id = proposal(&admin, &list(&tenant)).await["id"].as_str().expect("an id").to_owned();
    for (client, tenant) in [(&admin, &untouched), (&olaf, &theirs)] {
        assert_eq!(client.get(&list(tenant)).await.json["items"], json!([]));
        let decided = json!({"accept": "all", "reason": "so"}).to_string();
        let path = format!("{}/{id}", list(tenant));
        assert_eq!(client.send(Method::GET, &path, None, &[]).await.status, 404);
        assert_eq!(client.send(Method::POST, &format!("{path}/decisions"), Some(decided), &[]).await.status, 404);
    }
    let trail = format!("/v1/tenants/{untouched}/trail?limit=1000");
    assert!(!admin.get(&trail).await.body.contains("Files are lost"));
}

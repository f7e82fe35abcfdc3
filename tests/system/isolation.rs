//! No tenant ever sees another: every operation that the API has, asked for by strangers and with foreign ids.

use crate::system::{Client, System, until};
use reqwest::Method;
use serde_json::{Value, json};
use std::fmt::Write;

struct Operation {
    method: Method,
    /// With `{tenant}`, `{organisation}` and `{id}` in it.
    path: String,
}

async fn operations(system: &System) -> Vec<Operation> {
    let (_, text) = system.processes[0].get("/openapi.json").await.expect("the document");
    let document: Value = serde_json::from_str(&text).expect("JSON");
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for method in ["get", "post", "put", "delete", "patch"].iter().filter(|method| item[**method].is_object()) {
            let method = method.to_uppercase().parse().expect("a method");
            operations.push(Operation { method, path: path.clone() });
        }
    }
    assert!(operations.len() > 30, "only {} operations are in the document", operations.len());
    operations
}

impl Operation {
    fn at(&self, tenant: &str, organisation: &str, id: &str) -> String {
        self.path.replace("{tenant}", tenant).replace("{organisation}", organisation).replace("{id}", id)
    }

    fn body(&self) -> Option<String> {
        (self.method != Method::GET).then(|| "{}".to_owned())
    }
}

#[tokio::test]
async fn a_stranger_cannot_tell_a_tenant_from_none() {
    let system = System::start().await;
    let ours = system.tenant("Ours").await;
    let theirs = system.tenant("Theirs").await;
    let stranger = system.person(&theirs, "sam", &["isms_manager"]).await;
    let nowhere = uuid::Uuid::new_v4().to_string();
    for operation in operations(&system).await {
        let path = operation.at(&ours, &system.organisation, "R-1");
        let missing = operation.at(&nowhere, &nowhere, "R-1");
        let answer = stranger.send(operation.method.clone(), &path, operation.body(), &[]).await;
        let expected = stranger.send(operation.method.clone(), &missing, operation.body(), &[]).await;
        assert_eq!(answer.status, 404, "{} {path}: {}", operation.method, answer.body);
        assert_eq!(answer.body, expected.body, "{} {path}", operation.method);

        let anonymous = system.with("nonsense".to_owned());
        let answer = anonymous.send(operation.method.clone(), &path, operation.body(), &[]).await;
        assert_eq!(answer.status, 401, "{} {path}: {}", operation.method, answer.body);
        assert!(answer.headers.contains_key("www-authenticate"));
    }
}

/// Fills a tenant with texts that carry its canary; gives the ids of what is in it.
async fn fill(system: &System, tenant: &str, canary: &str) -> Vec<String> {
    let admin = system.as_admin();
    let at = |tail: &str| format!("/v1/tenants/{tenant}{tail}");
    system.person(tenant, &format!("olga-{canary}"), &["risk_owner"]).await;
    let text = |what: &str| format!("{what} {canary}");
    admin.post(&at("/assets"), json!({"ref": format!("A-{canary}"), "name": text("Ledger"), "kind": "primary"})).await;
    let risk = json!({"ref": format!("R-{canary}"), "name": text("Fire"), "description": text("It burns"), "assets": [format!("A-{canary}")], "owner": format!("olga-{canary}"), "reason": text("seen")});
    admin.post(&at("/risks"), risk).await;
    let assessed = json!({"stage": "inherent", "likelihood": 4, "impact": "Severe", "rationale": text("dry")});
    admin.post(&at(&format!("/risks/R-{canary}/assessments")), assessed).await;
    let treatment = json!({"option": "mitigate", "controls": ["A.8.13"], "reason": text("decided")});
    admin.put(&at(&format!("/risks/R-{canary}/treatment")), treatment).await;
    let evidence = json!({"title": text("Log"), "note": text("Restored"), "supports": ["A.8.13"]});
    let evidence = admin.post(&at("/evidence"), evidence).await.text("id");
    admin.put(&at(&format!("/contacts/olga-{canary}")), json!({"email": format!("olga@{canary}.example.org")})).await;
    vec![format!("R-{canary}"), format!("A-{canary}"), evidence, format!("olga-{canary}"), "A.8.13".to_owned()]
}

#[tokio::test]
async fn foreign_ids_lead_nowhere_and_no_answer_carries_anothers_canary() {
    let system = System::start().await;
    let ours = system.tenant("Ours").await;
    let theirs = system.tenant("Theirs").await;
    let mut ids = fill(&system, &ours, "ourcanary").await;
    fill(&system, &theirs, "theircanary").await;
    let olga = system.person(&ours, "olga-ourcanary", &[]).await;
    let inbox = format!("/v1/tenants/{ours}/notifications");
    until("the owner's notification", async || !items(&olga, &inbox).await.is_empty()).await;
    ids.push(items(&olga, &inbox).await[0]["id"].as_str().expect("an id").to_owned());
    let trail = format!("/v1/tenants/{theirs}/trail?limit=1000");
    until("their trail", async || {
        items(&system.as_admin(), &trail).await.iter().any(|event| event["type"] == "control.evidence_attached")
    })
    .await;

    let sam = system.person(&theirs, "sam", &["isms_manager"]).await;
    let mut seen = String::new();
    for operation in operations(&system).await.iter().filter(|operation| operation.path.contains("{tenant}")) {
        for id in &ids {
            let path = operation.at(&theirs, "", id);
            let answer = sam.send(operation.method.clone(), &path, operation.body(), &[]).await;
            assert!(
                !answer.body.replace(id.as_str(), "").contains("ourcanary"),
                "{} {path}: {}",
                operation.method,
                answer.body
            );
            assert!(answer.status.as_u16() < 500, "{} {path}: {}", operation.method, answer.body);
            let about_one = operation.method == Method::GET && operation.path.contains("{id}");
            if about_one && id != "A.8.13" {
                assert_eq!(answer.status, 404, "{path}: {}", answer.body);
            }
            seen += &answer.body;
        }
    }
    // The positive control: what is theirs was seen all over.
    for what in ["Fire theircanary", "Restored theircanary", "Ledger theircanary", "decided theircanary"] {
        assert!(seen.contains(what), "{what}");
    }
}

async fn items(client: &Client, path: &str) -> Vec<Value> {
    client.get(path).await.json["items"].as_array().cloned().unwrap_or_default()
}

/// Who may do what, as the running system answers it: a line for each operation, read as a diff.
#[tokio::test]
async fn the_authorisation_matrix_is_as_agreed() {
    let system = System::start().await;
    let tenant = system.tenant("Ours").await;
    let mut clients = vec![("administrator", system.as_admin())];
    for role in ["isms_manager", "risk_owner", "control_owner", "internal_auditor", "viewer"] {
        clients.push((role, system.person(&tenant, &role.replace('_', "-"), &[role]).await));
    }
    until("the roles to arrive at audit", async || {
        let (_, auditor) = clients.iter().find(|(role, _)| *role == "internal_auditor").expect("one");
        auditor.send(Method::GET, &format!("/v1/tenants/{tenant}/trail"), None, &[]).await.status == 200
    })
    .await;
    let mut matrix = String::new();
    for operation in operations(&system).await {
        let mut allowed = Vec::new();
        for (role, client) in &clients {
            let path = operation.at(&tenant, &system.organisation, "nobody");
            let answer = client.send(operation.method.clone(), &path, operation.body(), &[]).await;
            let (code, _) = answer.problem();
            let scope = operation.path.starts_with("/v1/organisations");
            if code != "forbidden" && !(scope && answer.status == 404) {
                allowed.push(*role);
            }
        }
        let _ = writeln!(matrix, "{:<4} {}: {}", operation.method, operation.path, allowed.join(" "));
    }
    insta::assert_snapshot!(matrix);
}

//! No tenant ever sees another: every operation that the API has, asked for by strangers and with foreign ids.

mod leaks;
mod peers;

use crate::system::{Client, System, until};
use reqwest::Method;
use serde_json::{Value, json};

pub struct Operation {
    pub method: Method,
    /// With `{tenant}`, `{organisation}` and `{id}` in it.
    pub path: String,
    /// What may stand in its query.
    pub parameters: Vec<String>,
}

pub async fn operations(system: &System) -> Vec<Operation> {
    let (_, text) = system.processes[0].get("/openapi.json").await.expect("the document");
    let document: Value = serde_json::from_str(&text).expect("JSON");
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for method in ["get", "post", "put", "delete", "patch"].iter().filter(|method| item[**method].is_object()) {
            let parameters = item[*method]["parameters"].as_array().into_iter().flatten();
            let parameters = parameters.filter(|one| one["in"] == "query").filter_map(|one| one["name"].as_str());
            let parameters = parameters.map(ToOwned::to_owned).collect();
            let method = method.to_uppercase().parse().expect("a method");
            operations.push(Operation { method, path: path.clone(), parameters });
        }
    }
    assert!(operations.len() > 30, "only {} operations are in the document", operations.len());
    operations
}

impl Operation {
    pub fn at(&self, tenant: &str, organisation: &str, id: &str) -> String {
        self.path.replace("{tenant}", tenant).replace("{organisation}", organisation).replace("{id}", id)
    }

    /// It is open to anybody, or to everybody of the organisation, each of whom sees their own part: tests/system/accounts.rs,
    /// tests/system/portfolio.rs.
    pub fn is_for_many(&self) -> bool {
        let (_, tail) = self.path.split_once("{organisation}").unwrap_or_default();
        ["/portfolio", "/sign-in", "/password", "/join"].contains(&tail)
            || tail == "/account"
            || tail.starts_with("/account/")
    }

    pub fn body(&self) -> Option<String> {
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
        if operation.is_for_many() {
            continue;
        }
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

/// Two organisations on one installation call somebody `mara`: they are two people.
#[tokio::test]
async fn a_namesake_of_another_organisation_is_a_stranger() {
    let system = System::start().await;
    let ours = system.tenant("Ours").await;
    let mara = system.person(&ours, "mara", &["isms_manager"]).await;
    let other = system.as_organisation("Fernhill").await;
    let theirs = other.tenant("Theirs").await;
    let namesake = other.person(&theirs, "mara", &["isms_manager"]).await;
    let administrator = other.as_admin();
    for operation in operations(&system).await.iter().filter(|operation| !operation.is_for_many()) {
        let path = operation.at(&ours, &system.organisation, "R-1");
        for client in [&namesake, &administrator] {
            let answer = client.send(operation.method.clone(), &path, operation.body(), &[]).await;
            assert_eq!(answer.status, 404, "{} {path}: {}", operation.method, answer.body);
        }
    }
    assert_eq!(mara.get(&format!("/v1/tenants/{ours}/risks")).await.status, 200);
    assert_eq!(namesake.get(&format!("/v1/tenants/{theirs}/risks")).await.status, 200);
}

const OF_THE_CONTEXT: [&str; 4] = ["/context", "/objectives", "/planned-changes", "/assessment-rounds"];

/// The same of what the ISMS is about, its objectives, planned changes and rounds.
fn right_of_context(operation: &Operation, tail: &str, id: &str) -> Value {
    let objective = json!({"what": "New", "measure": "x", "target": "x", "actions": "x", "resources": "x", "owner": "sam",
        "due": "2999-12-31", "evaluation": "x"});
    let change = json!({"what": "New", "purpose": "x", "consequences": "x", "integrity": "x", "resources": "x",
        "responsibilities": "x", "owner": "sam", "due": "2999-12-31"});
    let with = |mut body: Value, name: &str, value: &str| {
        body[name] = json!(value);
        body
    };
    match (operation.method.as_str(), tail) {
        ("PUT", "/context/issues") => json!({"issues": [{"ref": "I-1", "kind": "external", "what": "New"}],
            "climate": {"relevant": false, "why": "x"}}),
        ("PUT", "/context/parties") => json!({"parties": [{"ref": "P-1", "name": "New",
            "requirements": [{"what": "New", "addressed": false, "how": "x"}]}]}),
        ("POST", "/context/scope/preview") => json!({"scope": {"statement": "New"}}),
        ("PUT", "/context/scope") => {
            json!({"scope": {"statement": "New", "sites": [{"ref": "S-1", "name": "New"}]}, "reason": "so"})
        }
        ("PUT", "/context/management") => json!({"people": ["sam"], "reason": "so"}),
        ("POST", "/context/approvals") => json!({"revision": 1}),
        ("POST", "/objectives") => with(objective, "ref", "O-new"),
        ("PUT", "/objectives/{id}") => with(objective, "reason", "so"),
        ("POST", "/objectives/{id}/evaluations") => json!({"result": "New", "verdict": "on_track"}),
        ("POST", "/planned-changes") => with(change, "ref", "C-new"),
        ("PUT", "/planned-changes/{id}") => with(change, "reason", "so"),
        ("POST", "/planned-changes/{id}/outcome") => json!({"result": "New"}),
        ("DELETE", "/objectives/{id}" | "/planned-changes/{id}") | ("POST", "/assessment-rounds/{id}/completion") => {
            json!({"reason": "so"})
        }
        ("POST", "/assessment-rounds") => {
            json!({"ref": "round-new", "name": "New", "due": "2999-12-31", "risks": [id]})
        }
        (method, tail) => panic!("say here what would be right for {method} {tail}"),
    }
}

/// The baseline's scales, with an appetite and intervals of its own.
pub fn methodology() -> Value {
    json!({
        "likelihood": ["Rare", "Unlikely", "Possible", "Likely", "Almost certain"],
        "impact": ["Negligible", "Minor", "Moderate", "Major", "Severe"],
        "levels": ["low", "medium", "high", "critical"],
        "matrix": [[0, 0, 0, 1, 1], [0, 0, 1, 1, 2], [0, 1, 1, 2, 2], [1, 1, 2, 2, 3], [1, 2, 2, 3, 3]],
        "acceptance_level": 0,
        "appetite": [{"category": "Safety", "acceptance_level": 0}],
        "review_days": [365, 180, 90, 30],
        "reason": "reviewed"
    })
}

fn exception(mut said: Value) -> Value {
    for text in ["title", "waived", "justification", "compensating_measure"] {
        said[text] = json!("New");
    }
    said["expires_on"] = json!("2999-01-01");
    said
}

/// The same of uploads.
fn right_file(operation: &Operation, tail: &str, id: &str) -> Option<String> {
    if tail.starts_with("/frameworks") {
        let is_mapping = tail.ends_with("/mappings");
        let table = if is_mapping { "requirement,answered_by\n1,A.5.1\n" } else { "ref_id,name\n1,New\n" };
        return Some(table.to_owned()).filter(|_| operation.method != Method::GET);
    }
    let tail = Some(tail).filter(|_| operation.method == Method::POST)?;
    Some(match tail.strip_prefix("/imports/").unwrap_or(tail) {
        "/files" => "New".to_owned(),
        "assets" => format!("ref_id,name,parent_assets\nA-new,New,{id}\n"),
        "risks" => format!("ref_id,name,assets\nR-new,New,{id}\n"),
        "controls" => format!("ref_id,status\n{id},implemented\n"),
        "soa-2013" => "control,applicable,basis\nA.5.1.1,yes,law\n".to_owned(),
        "suppliers" => "ref_id,name,criticality\nS-new,New,low\n".to_owned(),
        "exceptions" => {
            let heading = "ref_id,name,description,justification,compensating_measure,expiration_date,controls";
            format!("{heading}\nE-new,New,New,New,New,2999-01-01,{id}\n")
        }
        "people" => "person,roles\nnew,viewer\n".to_owned(),
        _ => return None,
    })
}

/// What would be right for each operation that writes, if its path were one's own.
pub fn right(operation: &Operation, id: &str) -> Option<String> {
    let (_, tail) = operation.path.split_once("{tenant}")?;
    if let Some(file) = right_file(operation, tail, id) {
        return Some(file);
    }
    let body = match (operation.method.as_str(), tail) {
        ("POST", "/assets") => json!({"ref": "A-new", "name": "New", "kind": "primary", "supports": [id]}),
        ("PUT", "/assets/{id}") => json!({"name": "Changed", "kind": "primary"}),
        ("POST", "/risks") => json!({"ref": "R-new", "name": "New", "assets": [id]}),
        ("PUT", "/risks/{id}/description") => json!({"name": "Changed", "description": "", "assets": []}),
        ("POST", "/risks/{id}/assessments") => json!({"stage": "current", "likelihood": 1, "impact": 1}),
        ("PUT", "/risks/{id}/owner" | "/controls/{id}/owner") => json!({"owner": "sam"}),
        ("PUT", "/risks/{id}/existing-controls") => json!({"controls": ["A.5.1"]}),
        ("POST", "/quantifications") => {
            let loss = json!({"distribution": "lognormal", "low": 1, "high": 2});
            json!({"risk": id, "stage": "current", "currency": "EUR", "frequency": 1, "loss": loss})
        }
        ("PUT", "/risks/{id}/treatment") => json!({"option": "accept", "controls": [], "reason": "why not"}),
        ("PUT", "/methodology") => methodology(),
        ("PUT", "/risks/{id}/actions") => json!({"ref": "T-new", "what": "New", "who": "sam", "due": "2999-12-31"}),
        ("POST", "/risks/{id}/actions/done") => json!({"ref": "T-1"}),
        ("DELETE", "/risks/{id}/actions") => json!({"ref": "T-1", "reason": "why not"}),
        ("PUT", "/risks/{id}/acceptance") => json!({"until": "2999-12-31", "reason": "why not"}),
        ("POST", "/risks/{id}/acceptance/confirmation") => json!({}),
        ("DELETE", "/risks/{id}/acceptance") | ("POST", "/risks/{id}/close" | "/risks/{id}/reopen") => {
            json!({"reason": "why not"})
        }
        ("POST", "/treatment-plan/approvals") => json!({"until": "2999-12-31", "risks": [id]}),
        (_, tail) if OF_THE_CONTEXT.iter().any(|noun| tail.starts_with(noun)) => right_of_context(operation, tail, id),
        ("PUT", "/controls/{id}/applicability") => json!({"applicable": true, "basis": "law", "justification": "so"}),
        ("PUT", "/controls/{id}/implementation") => json!({"state": "operating"}),
        ("PUT", "/controls/{id}/next-review") => json!({"next_review": "2999-01-01"}),
        ("PUT", "/controls/{id}/maturity") => json!({"level": 3}),
        ("POST", "/controls/{id}/tests") => {
            json!({"tested_on": "2026-01-01", "method": "inspection", "sample": "1 of 1", "result": "effective"})
        }
        ("POST", "/controls") => json!({"controls": [id], "owner": "sam", "reason": "so"}),
        ("POST", "/risks/changes") => json!({"risks": [id], "owner": "sam", "reason": "so"}),
        ("POST", "/soa/approvals") => json!({"digest": "00".repeat(32)}),
        ("POST", "/documents") => json!({"ref": "P-new", "title": "New", "kind": "policy", "approvers": ["sam"]}),
        ("PUT", "/documents/{id}") => json!({"title": "Changed", "kind": "policy", "approvers": ["sam"]}),
        ("POST", "/documents/{id}/versions") => json!({"text": "New"}),
        ("POST", "/documents/{id}/approvals" | "/documents/{id}/acknowledgements") => json!({"version": 1}),
        ("PUT", "/documents/{id}/publication") => json!({"version": 1, "next_review": "2999-01-01"}),
        ("POST", "/documents/{id}/reviews") => {
            json!({"version": 1, "reviewed_on": "2026-01-01", "result": "fit", "next_review": "2999-01-01"})
        }
        ("POST", "/suppliers") => json!({"ref": "S-new", "name": "New", "criticality": "low"}),
        ("PUT", "/suppliers/{id}") => json!({"name": "Changed", "criticality": "low"}),
        ("POST", "/suppliers/{id}/assessments") => {
            json!({"assessed_on": "2026-01-01", "method": "Audit", "result": "adequate", "assessed_again_by": "2999-01-01"})
        }
        ("POST", "/suppliers/{id}/agreements") => {
            json!({"title": "New", "kind": "contract", "signed_on": "2026-01-01"})
        }
        ("PUT", "/suppliers/{id}/exit-plan") => json!({"plan": "New"}),
        ("PUT", "/suppliers/{id}/end") => json!({"ended_on": "2026-01-01", "reason": "so"}),
        ("POST", "/exceptions") => exception(json!({"ref": "E-new", "controls": [id]})),
        ("PUT", "/exceptions/{id}") => exception(json!({"controls": [id]})),
        (
            "PUT",
            "/documents/{id}/retirement"
            | "/exceptions/{id}/refusal"
            | "/exceptions/{id}/end"
            | "/communications/{id}/end"
            | "/competences/{id}/retirement",
        ) => json!({"reason": "so"}),
        ("POST", tail) if tail.starts_with("/imports/") && tail.ends_with("/undo") => json!({"reason": "so"}),
        ("POST", "/competences") => json!({"ref": "K-new", "title": "New", "kind": "awareness", "criterion": "New"}),
        ("PUT", "/competences/{id}") => json!({"title": "Changed", "kind": "awareness", "criterion": "New"}),
        ("POST", "/competences/{id}/people") => {
            json!({"person": "sam", "shown_on": "2026-01-01", "by": "training", "evidence": "New"})
        }
        ("POST", "/communications") => {
            json!({"ref": "C-new", "subject": "New", "occasion": "New", "with_whom": "New", "means": "New"})
        }
        ("PUT", "/communications/{id}") => {
            json!({"subject": "Changed", "occasion": "New", "with_whom": "New", "means": "New"})
        }
        ("POST", "/communications/{id}/records") => json!({"made_on": "2026-01-01", "record": "New"}),
        ("POST", "/risk-proposals/{id}/decisions" | "/control-proposals/{id}/decisions") => {
            json!({"accept": "all", "reason": "so"})
        }
        ("POST", "/evidence") => json!({"title": "New", "note": "New", "supports": [id]}),
        ("POST", "/notifications/{id}/read" | "/soa/issues")
        | ("PUT", "/exceptions/{id}/approval")
        | ("DELETE", "/api-keys/{id}" | "/auditor-grants/{id}" | "/roles/{id}" | "/invitations/{id}") => json!({}),
        ("POST", "/invitations") => json!({"person": "new", "email": "new@example.org", "roles": ["viewer"]}),
        ("PUT", "/people/{id}" | "/groups/{id}") => json!({"roles": ["viewer"]}),
        ("PUT", "/roles/{id}") => json!({"actions": ["read"]}),
        ("POST", "/auditor-grants") => {
            json!({"auditor": "New", "scope": ["soa"], "expires_at": crate::auditor_grants::in_a_week()})
        }
        ("POST", "/api-keys") => json!({"name": "New", "roles": ["viewer"]}),
        ("PUT", "/settings") => json!({"language": "en", "time_zone": "UTC"}),
        // Without a reason: nothing else could be tried in a tenant that is suspended.
        ("PUT", "/state") => json!({"state": "suspended"}),
        ("PUT", "/offer") => json!({"organisation": null}),
        ("PUT", "/contacts/{id}") => json!({"email": null}),
        (method, tail) => panic!("say here what would be right for {method} {tail}"),
    };
    Some(body.to_string())
}

/// Fills a tenant with texts that carry its canary; gives the ids of what is in it.
pub async fn fill(system: &System, tenant: &str, canary: &str) -> Vec<String> {
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
    let file = admin.file(tenant, "log.txt", &text("Restored from a file")).await;
    let shown = json!({"title": text("File"), "file": file, "supports": ["A.8.13"]});
    let shown = admin.post(&at("/evidence"), shown).await.text("id");
    let framework = at(&format!("/frameworks?ref=F-{canary}&title=New%20{canary}"));
    let framework = admin.upload(&framework, format!("ref_id,name\n1,Notice {canary}\n"));
    assert_eq!(framework.await.status, 201);
    let ids = [format!("R-{canary}"), format!("A-{canary}"), evidence, format!("olga-{canary}"), "A.8.13".to_owned()];
    ids.into_iter().chain([file, shown, format!("F-{canary}")]).collect()
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
    let before = recorded(&system, &ours).await;
    let mut seen = String::new();
    for operation in operations(&system).await.iter().filter(|operation| operation.path.contains("{tenant}")) {
        // Whoever is named there becomes one of theirs, and so does a role: there is no foreign one to reach.
        if ["/people/{id}", "/contacts/{id}", "/roles/{id}"].iter().any(|tail| operation.path.ends_with(tail)) {
            continue;
        }
        for id in &ids {
            let path = operation.at(&theirs, "", id);
            let body = if operation.method == Method::GET { None } else { right(operation, id) };
            let answer = sam.send(operation.method.clone(), &path, body, &[]).await;
            let told = answer.body.to_lowercase().replace(&id.to_lowercase(), "");
            assert!(!told.contains("ourcanary"), "{} {path}: {}", operation.method, answer.body);
            assert!(answer.status.as_u16() < 500, "{} {path}: {}", operation.method, answer.body);
            // The control is in both tenants.
            if operation.path.contains("{id}") && id != "A.8.13" {
                // Nobody but a provider, and an administrator, comes to an id there, whosever it is.
                let is_shut = operation.path.contains("/scim/")
                    || (operation.method == Method::PUT && operation.path.ends_with("/groups/{id}"));
                let expected = if is_shut { 403 } else { 404 };
                assert_eq!(answer.status, expected, "{} {path}: {}", operation.method, answer.body);
            }
            seen += &answer.body;
        }
    }
    assert_eq!(recorded(&system, &ours).await, before, "something of theirs was recorded here");
    // The positive control: what is theirs was seen all over.
    for what in [
        "Fire theircanary",
        "Restored theircanary",
        "File theircanary",
        "Ledger theircanary",
        "decided theircanary",
        "New theircanary",
    ] {
        assert!(seen.contains(what), "{what}");
    }
}

/// How far each service is for a tenant.
async fn recorded(system: &System, tenant: &str) -> Vec<Value> {
    let mut positions = Vec::new();
    for tail in ["", "/risks", "/controls", "/notifications", "/trail"] {
        let answer = system.as_admin().get(&format!("/v1/tenants/{tenant}{tail}")).await;
        positions.push(answer.json["position"].clone());
    }
    positions
}

async fn items(client: &Client, path: &str) -> Vec<Value> {
    client.get(path).await.json["items"].as_array().cloned().unwrap_or_default()
}

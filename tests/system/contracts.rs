//! What is on the wire is what proto/ says: every message of every service, and no contract without a message.

use crate::auditor_grants;
use crate::proto::Contracts;
use crate::system::{Client, SERVICES, System, until};
use crate::wire::{Heard, overhear};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use testkit::{Smtp, servers};

/// The types and data of the events among what was heard.
fn events(heard: &Heard) -> Vec<(String, Value)> {
    let heard = heard.lock().expect("what was heard");
    let told = heard.iter().filter_map(|message| Some((message.headers.as_ref()?, &message.payload)));
    told.filter_map(|(headers, payload)| {
        let event_type = headers.get("ce-type")?.to_string();
        assert_eq!(headers.get("ce-specversion").map(ToString::to_string).as_deref(), Some("1.0"));
        Some((event_type, serde_json::from_slice(payload).expect("JSON")))
    })
    .collect()
}

/// A file of another client, and its end: what it began, and what it said first of a risk that was there.
async fn upload_and_take_back(admin: &Client, at: &impl Fn(&str) -> String) {
    admin.post(&at("/risks"), json!({"ref": "R-bare", "name": "Bare"})).await;
    let inherent = json!({"stage": "inherent", "likelihood": 4, "impact": 4});
    admin.post(&at("/risks/R-bare/assessments"), inherent).await;
    let heading = "ref_id,name,owner,current_proba,current_impact,treatment,additional_controls";
    let decided = format!("{heading}\n,Bare,olga,2,2,mitigate,A.8.15\n");
    let heading = "ref_id,name,description,justification,compensating_measure,expiration_date,controls";
    let exception = format!("{heading}\nE-other,Other,x,x,x,2999-01-01,A.8.5\n");
    let changed = format!("{heading}\nE-other,Otherwise,,,,,\n");
    let gone = exception.replace("E-other", "E-gone");
    admin.upload(&at("/imports/exceptions"), exception).await;
    let changed = admin.upload(&at("/imports/exceptions"), changed).await.text("id");
    let begun = admin.upload(&at("/imports/exceptions"), gone).await.text("id");
    for id in [changed, begun] {
        admin.post(&at(&format!("/imports/exceptions/{id}/undo")), json!({"reason": "another client's file"})).await;
    }
    let files = [
        ("assets", "ref_id,name\nA-other,Other\n"),
        ("risks", "ref_id,name\nR-other,Other\n"),
        ("risks", &decided),
        ("controls", "control,status,owner\nA.8.15,planned,olga\n"),
        ("suppliers", "ref_id,name,criticality\nS-other,Other,low\n"),
        ("people", "person,roles\nolaf,viewer\n"),
    ];
    for (register, file) in files {
        let path = at(&format!("/imports/{register}"));
        let id = admin.upload(&path, file.to_owned()).await.text("id");
        admin.post(&format!("{path}/{id}/undo"), json!({"reason": "another client's file"})).await;
    }
}

/// Does everything that there is to do, once.
pub async fn do_everything(system: &System, admin: &Client, tenant: &str, smtp: std::net::SocketAddr) {
    let at = |tail: &str| format!("/v1/tenants/{tenant}{tail}");
    let term = json!({"from": "2020-01-01T00:00:00Z", "until": "2999-01-01T00:00:00Z"});
    admin.put(&at("/people/olga"), json!({"roles": ["risk_owner", "viewer"], "terms": {"viewer": term}})).await;
    admin.put(&at("/people/olga"), json!({"roles": ["risk_owner"]})).await;
    admin.put(&at("/roles/keeper"), json!({"actions": ["read", "write_controls"]})).await;
    let removed = admin.send(Method::DELETE, &at("/roles/keeper?reason=unused"), None, &[]).await;
    assert_eq!(removed.status, 200, "{}", removed.body);
    let olga = system.person(tenant, "olga", &["risk_owner"]).await;
    crate::accounts::live_through(system, "olga").await;
    crate::invitations::live_through(system, tenant).await;
    crate::provisioning::live_through(system, tenant).await;
    let contact = json!({"email": "olga@larkspur.example.org"});
    admin.put(&at("/contacts/olga"), contact.clone()).await;

    let asset = json!({"ref": "A-1", "name": "Ledger", "kind": "primary"});
    admin.post(&at("/assets"), asset).await;
    let asset = json!({"name": "Ledger", "kind": "primary", "owner": "olga", "domain": "Finance", "security_objectives": {"confidentiality": 3}});
    admin.put(&at("/assets/A-1"), asset).await;
    admin.post(&at("/risks"), json!({"ref": "R-1", "name": "Fire", "assets": ["A-1"]})).await;
    admin.put(&at("/risks/R-1/description"), json!({"name": "Fire", "description": "It burns", "assets": []})).await;
    let assessed = json!({"stage": "inherent", "likelihood": 4, "impact": 4, "rationale": "dry"});
    admin.post(&at("/risks/R-1/assessments"), assessed).await;
    let (pert, tailed) = (
        json!({"distribution": "pert", "least": 0, "likely": 20_000, "most": 500_000}),
        json!({"distribution": "lognormal", "low": 1_000, "high": 250_000}),
    );
    for (stage, loss) in [("inherent", pert), ("residual", tailed)] {
        let money = json!({"risk": "R-1", "stage": stage, "currency": "EUR", "frequency": 0.2, "loss": loss});
        admin.post(&at("/quantifications"), money).await;
    }
    admin.put(&at("/risks/R-1/existing-controls"), json!({"controls": ["A.5.1"]})).await;
    admin.put(&at("/risks/R-1/owner"), json!({"owner": "olga"})).await;
    // Nobody takes the mail about that, and then the address is gone.
    let inbox = at("/notifications");
    until("a mail that waits", async || {
        let items = olga.get(&inbox).await.json["items"].clone();
        items.as_array().into_iter().flatten().any(|item| item["email"] == "pending")
    })
    .await;
    admin.put(&at("/contacts/olga"), json!({"email": null})).await;
    for control in ["A.8.13", "A.8.14"] {
        let treatment = json!({"option": "mitigate", "controls": [control], "reason": "decided"});
        admin.put(&at("/risks/R-1/treatment"), treatment).await;
    }
    decide_on_a_risk(system, admin, tenant).await;
    upload_and_take_back(admin, &at).await;
    direct(admin, tenant).await;
    let included = json!({"applicable": true, "basis": "law", "justification": "We must"});
    admin.put(&at("/controls/A.5.31/applicability"), included).await;
    let excluded = json!({"applicable": false, "justification": "No such thing"});
    admin.put(&at("/controls/A.7.6/applicability"), excluded).await;
    let implemented = json!({"state": "implemented", "how": "Nightly"});
    admin.put(&at("/controls/A.8.13/implementation"), implemented).await;
    for owner in ["olga", "mara"] {
        admin.put(&at("/controls/A.8.13/owner"), json!({"owner": owner})).await;
    }
    decide_all_controls(admin, &at).await;
    bring_a_framework(admin, &at).await;
    find_something(admin, &at).await;
    keep_documents(admin, &at).await;
    rely_on_others(system, admin, tenant).await;
    train_and_tell(admin, &at).await;
    collect_evidence(admin, tenant).await;

    until("a notification", async || olga.get(&inbox).await.json["items"][0].is_object()).await;
    let id = olga.get(&inbox).await.json["items"][0]["id"].as_str().expect("an id").to_owned();
    olga.post(&format!("{inbox}/{id}/read"), json!({})).await;
    let failed = at("/trail?type=notification.email_failed");
    until("a mail that failed", async || admin.get(&failed).await.json["items"][0].is_object()).await;
    let _smtp = Smtp::start_at(smtp).await;
    admin.put(&at("/contacts/olga"), contact).await;
    admin.put(&at("/controls/A.8.14/owner"), json!({"owner": "olga"})).await;
    let mailed = at("/trail?type=notification.emailed");
    until("a mail", async || admin.get(&mailed).await.json["items"][0].is_object()).await;

    let identities = format!("/v1/organisations/{}/identities", system.organisation);
    let linked = json!({"issuer": "https://id.example.org", "subject": "42", "person": "olga"});
    let id = admin.post(&identities, linked).await.text("id");
    admin.send(Method::DELETE, &format!("{identities}/{id}"), None, &[]).await;

    let person = format!("/v1/organisations/{}/people/petra", system.organisation);
    for (name, email) in [("Petra", None), ("Petra Lund", Some("petra@larkspur.example.org"))] {
        admin.put(&person, json!({"name": name, "email": email})).await;
    }
    let erased = admin.send(Method::DELETE, &person, Some(json!({"reason": "asked for it"}).to_string()), &[]).await;
    assert_eq!(erased.status, 200, "{}", erased.body);

    let logo = format!("/v1/organisations/{}/logo", system.organisation);
    let picture = r#"<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0h8v8z"/></svg>"#.to_owned();
    for (method, body) in [(Method::PUT, Some(picture)), (Method::DELETE, None)] {
        let answer = admin.send(method, &logo, body, &[]).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    let key = json!({"name": "Import", "roles": ["risk_owner"]});
    let key = admin.post(&at("/api-keys"), key).await.text("id");
    admin.send(Method::DELETE, &at(&format!("/api-keys/{key}")), None, &[]).await;

    let (grant, auditor) = auditor_grants::granted(system, tenant, json!({"as_of": "2026-01-01T00:00:00Z"})).await;
    auditor.get(&at("/risks?limit=1")).await;
    admin.send(Method::DELETE, &at(&format!("/auditor-grants/{grant}")), None, &[]).await;

    crate::libraries::live_through(system, tenant).await;
    set_up_offer_and_close(system, tenant).await;
}

/// A framework beside Annex A, and what answers it.
async fn bring_a_framework(admin: &Client, at: &impl Fn(&str) -> String) {
    let framework = at("/frameworks?ref=NIS2&title=NIS2&version=2022");
    let framework = admin.upload(&framework, "ref_id,name\n21.2,Measures\n".to_owned());
    assert_eq!(framework.await.status, 201);
    let parts = "ref_id,name,description,parent_ref\n21.2,Measures,,\n21.2.c,Backups,And crises,21.2\n";
    admin.put_table(&at("/frameworks/NIS2?title=NIS2&version=2022"), parts).await;
    let answers = "requirement,answered_by,strength\n21.2.c,A.8.13,partial\n";
    admin.put_table(&at("/frameworks/NIS2/mappings"), answers).await;
    let wrong = json!({"reason": "the old edition"}).to_string();
    let removed = admin.send(Method::DELETE, &at("/frameworks/NIS2"), Some(wrong), &[]).await;
    assert_eq!(removed.status, 200, "{}", removed.body);
}

/// A finding's life, and that of one that an upload should not have brought.
async fn find_something(admin: &Client, at: &impl Fn(&str) -> String) {
    let mut found = json!({"ref": "F-1", "title": "Restores", "kind": "minor_nonconformity", "description": "None was rehearsed",
        "requirements": ["9.1", "A.8.13"], "source": "Internal audit", "raised_on": "2026-01-01", "owner": "olga", "due": "2999-01-01"});
    admin.post(&at("/findings"), found.clone()).await;
    found.as_object_mut().expect("an object").remove("ref");
    found["title"] = json!("Restores are not rehearsed");
    admin.put(&at("/findings/F-1"), found).await;
    admin.post(&at("/findings/F-1/close"), json!({"reason": "rehearsed twice"})).await;
    admin.post(&at("/findings/F-1/reopen"), json!({"reason": "it failed"})).await;
    let upload = admin.upload(&at("/imports/findings"), "ref_id,name,kind\nF-2,Wrong,observation\n".to_owned()).await;
    let undo = at(&format!("/imports/findings/{}/undo", upload.text("id")));
    admin.post(&undo, json!({"reason": "another client's"})).await;
}

/// Evidence of each kind, one in the place of another, and a document that is a file.
async fn collect_evidence(admin: &Client, tenant: &str) {
    let at = |tail: &str| format!("/v1/tenants/{tenant}{tail}");
    let evidence =
        json!({"title": "Log", "note": "Restored", "supports": ["A.8.13"], "valid_until": "2999-01-01T00:00:00Z"});
    let old = admin.post(&at("/evidence"), evidence).await.text("id");
    let file = admin.file(tenant, "log.txt", "abc").await;
    let renewed =
        json!({"title": "Log", "file": file, "note": "Restored again", "source": "The backup server", "replaces": old});
    admin.post(&at("/evidence"), renewed).await;
    let link = json!({"title": "Ticket", "link": "https://example.org/1", "sha256": file, "supports": ["A.8.13"]});
    admin.post(&at("/evidence"), link).await;
    admin.post(&at("/documents"), json!({"ref": "P-file", "title": "Of a file", "kind": "record"})).await;
    admin.post(&at("/documents/P-file/versions"), json!({"file": file})).await;
}

/// Olga's risk is assessed by another methodology, treated, accepted by two, changed, and closed.
async fn decide_on_a_risk(system: &System, admin: &Client, tenant: &str) {
    let at = |tail: &str| format!("/v1/tenants/{tenant}{tail}");
    let olga = system.person(tenant, "olga", &["risk_owner"]).await;
    admin.put(&at("/methodology"), crate::isolation::methodology()).await;
    let fire = json!({"name": "Fire", "category": "Safety", "threat": "Heat", "vulnerability": "Paper"});
    admin.put(&at("/risks/R-1/description"), fire.clone()).await;
    for (stage, likelihood) in [("current", 4), ("residual", 3)] {
        let assessed = json!({"stage": stage, "likelihood": likelihood, "impact": 4, "rationale": "dry"});
        admin.post(&at("/risks/R-1/assessments"), assessed).await;
    }
    for action in ["T-1", "T-2"] {
        let action = json!({"ref": action, "what": "Move the paper", "who": "olga", "due": "2999-12-31"});
        admin.put(&at("/risks/R-1/actions"), action).await;
    }
    admin.post(&at("/risks/R-1/actions/done"), json!({"ref": "T-1"})).await;
    let dropped = json!({"ref": "T-2", "reason": "no paper left"}).to_string();
    admin.send(Method::DELETE, &at("/risks/R-1/actions"), Some(dropped), &[]).await;
    let until = json!({"until": "2999-12-31", "reason": "no budget"});
    olga.post(&at("/treatment-plan/approvals"), until.clone()).await;
    admin.post(&at("/risks/R-1/acceptance/confirmation"), json!({})).await;
    admin.put(&at("/risks/R-1/existing-controls"), json!({"controls": ["A.5.2"]})).await;
    olga.put(&at("/risks/R-1/acceptance"), until).await;
    let withdrawn = json!({"reason": "there is budget"}).to_string();
    admin.send(Method::DELETE, &at("/risks/R-1/acceptance"), Some(withdrawn), &[]).await;
    admin.post(&at("/risks/R-1/close"), json!({"reason": "no paper left"})).await;
    admin.post(&at("/risks/R-1/reopen"), json!({"reason": "new paper"})).await;
}

/// What the ISMS is about, objectives, a change, and a round.
async fn direct(admin: &Client, tenant: &str) {
    let at = |tail: &str| format!("/v1/tenants/{tenant}{tail}");
    let issue = json!({"ref": "I-1", "kind": "internal", "what": "Half of the team works from home"});
    let climate = json!({"relevant": true, "why": "The cellar floods"});
    admin.put(&at("/context/issues"), json!({"issues": [issue], "climate": climate})).await;
    let requirement = json!({"what": "Notice of a breach", "addressed": true, "how": "By the incident process"});
    let party = json!({"ref": "P-1", "name": "Customers", "requirements": [requirement]});
    admin.put(&at("/context/parties"), json!({"parties": [party]})).await;
    let one = |id: &str| json!([{"ref": id, "name": "Porto"}]);
    let scope = json!({"statement": "All of it", "sites": one("S-1"), "units": one("U-1"), "systems": one("Y-1"),
        "interfaces": one("X-1"), "exclusions": [{"what": "Tills", "reason": "The landlord's"}]});
    admin.put(&at("/context/scope"), json!({"scope": scope, "reason": "decided"})).await;
    admin.put(&at("/context/management"), json!({"people": ["admin"], "reason": "the articles say so"})).await;
    admin.post(&at("/context/approvals"), json!({"revision": 3})).await;
    let asset = json!({"name": "Ledger", "kind": "primary", "owner": "olga", "scope": ["S-1"]});
    admin.put(&at("/assets/A-1"), asset).await;

    let objective = |what: &str, more: (&str, &str)| {
        let mut body = json!({"what": what, "measure": "Hours", "target": "4", "actions": "Rehearse", "resources": "A machine",
            "owner": "olga", "due": "2999-12-31", "evaluation": "By a test"});
        body[more.0] = json!(more.1);
        body
    };
    admin.post(&at("/objectives"), objective("Restore", ("ref", "O-1"))).await;
    admin.put(&at("/objectives/O-1"), objective("Restore faster", ("reason", "asked"))).await;
    admin.post(&at("/objectives/O-1/evaluations"), json!({"result": "3 hours", "verdict": "achieved"})).await;
    admin.send(Method::DELETE, &at("/objectives/O-1"), Some(json!({"reason": "done"}).to_string()), &[]).await;
    let change = |what: &str, more: (&str, &str)| {
        let mut body = json!({"what": what, "purpose": "Less to run", "consequences": "Suppliers", "integrity": "Both run",
            "resources": "Two people", "responsibilities": "Olga decides", "owner": "olga", "due": "2999-12-31"});
        body[more.0] = json!(more.1);
        body
    };
    for id in ["C-1", "C-2"] {
        admin.post(&at("/planned-changes"), change("Move", ("ref", id))).await;
    }
    admin.put(&at("/planned-changes/C-1"), change("Move slowly", ("reason", "asked"))).await;
    admin.post(&at("/planned-changes/C-1/outcome"), json!({"result": "Moved"})).await;
    admin.send(Method::DELETE, &at("/planned-changes/C-2"), Some(json!({"reason": "not now"}).to_string()), &[]).await;
    let round = json!({"ref": "spring", "name": "Spring", "due": "2999-12-31", "risks": ["R-1"]});
    admin.post(&at("/assessment-rounds"), round).await;
    admin.post(&at("/assessment-rounds/spring/completion"), json!({"reason": "it was looked at in March"})).await;
}

/// Controls in bulk, a test, and the statement until it is issued.
async fn decide_all_controls(admin: &Client, at: &impl Fn(&str) -> String) {
    let of_many =
        json!({"controls": ["A.8.13"], "state": "operating", "next_review": "2999-01-01", "reason": "a round"});
    admin.post(&at("/controls"), of_many).await;
    admin.put(&at("/controls/A.8.13/maturity"), json!({"level": 3})).await;
    let tested = json!({"tested_on": "2026-01-01", "method": "inspection", "sample": "5 of 40", "result": "partly_effective", "finding": "One is late"});
    admin.post(&at("/controls/A.8.13/tests"), tested).await;
    let decided = json!({"applicable": true, "basis": "good_practice", "justification": "We take it as it is"});
    admin.post(&at("/controls"), json!({"filter": {}, "applicability": decided, "reason": "the rest"})).await;
    let digest = admin.get(&at("/soa")).await.json["digest"].clone();
    admin.post(&at("/soa/approvals"), json!({"digest": digest})).await;
    admin.post(&at("/soa/issues"), json!({})).await;
}

/// A policy's life.
async fn keep_documents(admin: &Client, at: &impl Fn(&str) -> String) {
    let mut policy = json!({"title": "Policy", "kind": "policy", "owner": "olga", "slot": "information_security_policy", "approvers": ["admin"], "audience": ["olga"], "audience_roles": ["risk_owner"]});
    policy["ref"] = json!("P-1");
    admin.post(&at("/documents"), policy.clone()).await;
    policy.as_object_mut().expect("an object").remove("ref");
    policy["title"] = json!("Information security policy");
    admin.put(&at("/documents/P-1"), policy).await;
    admin
        .post(&at("/documents/P-1/versions"), json!({"link": "https://example.org/p", "sha256": "00".repeat(32)}))
        .await;
    admin.post(&at("/documents/P-1/versions"), json!({"text": "We protect it", "summary": "All of it"})).await;
    admin.post(&at("/documents/P-1/approvals"), json!({"version": 2})).await;
    admin.put(&at("/documents/P-1/publication"), json!({"version": 2, "next_review": "2999-01-01"})).await;
    admin.post(&at("/documents/P-1/acknowledgements"), json!({"version": 2})).await;
    let review = json!({"version": 2, "reviewed_on": "2026-01-01", "result": "fit", "note": "As it is", "next_review": "2999-06-01"});
    admin.post(&at("/documents/P-1/reviews"), review).await;
    admin.put(&at("/documents/P-1/retirement"), json!({"reason": "replaced"})).await;
}

/// A supplier's life, and exceptions that one asks for and another decides.
async fn rely_on_others(system: &System, admin: &Client, tenant: &str) {
    let at = |tail: &str| format!("/v1/tenants/{tenant}{tail}");
    let mut supplier = json!({"name": "Fjord", "criticality": "high", "services": ["Hosts it"], "information": "All", "owner": "olga", "ref": "S-1"});
    admin.post(&at("/suppliers"), supplier.clone()).await;
    supplier.as_object_mut().expect("an object").remove("ref");
    supplier["name"] = json!("Fjordcloud");
    admin.put(&at("/suppliers/S-1"), supplier).await;
    let assessed = json!({"assessed_on": "2026-01-01", "method": "Audit", "result": "conditional", "finding": "One site", "assessed_again_by": "2999-01-01"});
    admin.post(&at("/suppliers/S-1/assessments"), assessed).await;
    let agreed = json!({"title": "Contract", "kind": "contract", "signed_on": "2026-01-01", "ends_on": "2999-01-01", "link": "https://example.org/c"});
    admin.post(&at("/suppliers/S-1/agreements"), agreed).await;
    admin.put(&at("/suppliers/S-1/exit-plan"), json!({"plan": "Restore elsewhere"})).await;
    admin.put(&at("/suppliers/S-1/end"), json!({"ended_on": "2026-02-01", "reason": "too dear"})).await;

    let cora = system.person(tenant, "cora", &["control_owner"]).await;
    let mut asked = json!({"title": "No second factor", "waived": "It", "controls": ["A.8.5"], "document": "P-1", "justification": "It knows none", "compensating_measure": "One room", "expires_on": "2999-01-01"});
    for name in ["E-1", "E-2"] {
        asked["ref"] = json!(name);
        cora.post(&at("/exceptions"), asked.clone()).await;
    }
    asked.as_object_mut().expect("an object").remove("ref");
    asked["expires_on"] = json!("2999-06-01");
    cora.put(&at("/exceptions/E-1"), asked).await;
    admin.put(&at("/exceptions/E-1/approval"), json!({})).await;
    admin.put(&at("/exceptions/E-2/refusal"), json!({"reason": "no need"})).await;
    admin.put(&at("/exceptions/E-1/end"), json!({"reason": "the system is gone"})).await;
}

/// A competence's life, and that of a line of the communication plan.
async fn train_and_tell(admin: &Client, at: &impl Fn(&str) -> String) {
    let mut course = json!({"title": "Course", "kind": "awareness", "criterion": "Its test", "people": ["olga"], "roles": ["risk_owner"], "due_on": "2999-01-01", "ref": "K-1"});
    admin.post(&at("/competences"), course.clone()).await;
    course.as_object_mut().expect("an object").remove("ref");
    course["title"] = json!("Course of the year");
    admin.put(&at("/competences/K-1"), course).await;
    let shown = json!({"person": "olga", "shown_on": "2026-01-01", "by": "test", "evidence": "19 of 20", "holds_until": "2999-01-01"});
    admin.post(&at("/competences/K-1/people"), shown).await;
    admin.put(&at("/competences/K-1/retirement"), json!({"reason": "another course"})).await;
    let mut line = json!({"subject": "Risks", "occasion": "Once a quarter", "with_whom": "Top management", "means": "Report", "owner": "olga", "next_on": "2999-01-01", "ref": "C-1"});
    admin.post(&at("/communications"), line.clone()).await;
    line.as_object_mut().expect("an object").remove("ref");
    line["means"] = json!("Meeting");
    admin.put(&at("/communications/C-1"), line).await;
    let made = json!({"made_on": "2026-01-01", "record": "Minutes", "next_on": "2999-04-01"});
    admin.post(&at("/communications/C-1/records"), made).await;
    admin.put(&at("/communications/C-1/end"), json!({"reason": "told otherwise"})).await;
}

/// The tenant's life, to its end with another organisation.
async fn set_up_offer_and_close(system: &System, tenant: &str) {
    let (admin, other) = (system.as_admin(), system.as_organisation("Fernhill").await);
    let at = |tail: &str| format!("/v1/tenants/{tenant}{tail}");
    let settings = json!({"name": "Larkspur Ltd", "language": "de", "time_zone": "UTC", "retention_years": 10});
    admin.put(&at("/settings"), settings).await;
    let offer = json!({"organisation": other.organisation});
    for body in [offer.clone(), json!({"organisation": null}), offer] {
        admin.put(&at("/offer"), body).await;
    }
    let theirs = other.as_admin();
    theirs.put(&format!("/v1/organisations/{}/tenants/{tenant}", other.organisation), json!({})).await;
    for state in ["suspended", "active"] {
        theirs.put(&at("/state"), json!({"state": state, "reason": "a pause"})).await;
    }
    let archive = std::env::temp_dir().join(format!("stele-contracts-{tenant}.tar.gz"));
    let out = archive.display().to_string();
    let (done, told) = system.tool(&["export", "--tenant", tenant, "--out", &out], &[]).await;
    assert!(done, "{told}");
    std::fs::remove_file(archive).expect("removed");
    let close = json!({"state": "closed", "without_export": true, "reason": "the engagement is over"});
    theirs.put(&at("/state"), close).await;
}

/// The types and bodies of what all services have stored: of each event the body that says most.
async fn stored(system: &System) -> Vec<(String, String)> {
    let mut stored = Vec::new();
    for service in SERVICES {
        let mut connection = system.superuser(service).await;
        let longest =
            "select distinct on (event_type) event_type, body from events order by event_type, length(body) desc";
        let rows: Vec<(String, String)> = sqlx::query_as(longest).fetch_all(&mut connection).await.expect("read");
        stored.extend(rows);
    }
    stored
}

#[tokio::test]
async fn every_message_keeps_its_contract_and_every_contract_has_a_message() {
    let contracts = Contracts::load();
    let smtp = Smtp::nobody().await;
    let server = format!("smtp://{smtp}");
    let (postgres, nats) = (servers::postgres_admin_url(), servers::nats_url());
    let mut system = System::migrated(&postgres, &nats, &[("STELE_SMTP", &server)]).await;
    let heard = overhear(&system.prefix).await;
    system.serve(&SERVICES).await;
    system.ready().await;
    let tenant = system.tenant("Larkspur").await;
    let admin = system.as_admin();
    do_everything(&system, &admin, &tenant, smtp).await;

    let types = || -> BTreeSet<String> { events(&heard).into_iter().map(|(event_type, _)| event_type).collect() };
    let missing = || contracts.event_types().difference(&types()).cloned().collect::<Vec<_>>();
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    while !missing().is_empty() && tokio::time::Instant::now() < deadline {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(missing(), Vec::<String>::new(), "contracts without a message");
    for (event_type, data) in events(&heard) {
        contracts.decode(&event_type, &data).unwrap_or_else(|error| panic!("{event_type} {data}: {error}"));
    }
    crate::golden::add(&stored(&system).await);
    // The positive control: what is not in a contract is refused.
    assert!(contracts.decode("risk.assessed", &json!({"stage": "inherent", "colour": "red"})).is_err());
}

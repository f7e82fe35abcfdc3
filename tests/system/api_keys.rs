//! Programs come with keys of their own: they act as themselves, in one tenant, until the key ends.

use crate::system::{Client, System, until};
use reqwest::Method;
use serde_json::{Value, json};

async fn status(client: &Client, path: &str) -> u16 {
    client.send(Method::GET, path, None, &[]).await.status.as_u16()
}

async fn created(client: &Client, tenant: &str, roles: &[&str]) -> Value {
    client.post(&format!("/v1/tenants/{tenant}/api-keys"), json!({"name": "Import", "roles": roles})).await.json
}

async fn until_known(client: &Client, tenant: &str) {
    for path in ["risks", "controls", "notifications"] {
        let path = format!("/v1/tenants/{tenant}/{path}");
        until("the key to be known", async || status(client, &path).await == 200).await;
    }
    // Not every role may read it.
    let trail = format!("/v1/tenants/{tenant}/trail");
    until("the key to be known", async || status(client, &trail).await != 401).await;
}

#[tokio::test]
async fn a_key_acts_as_itself_until_it_is_revoked() {
    let system = System::start_apart().await;
    let tenant = system.tenant("Ours").await;
    let at = |tail: &str| format!("/v1/tenants/{tenant}{tail}");
    let mara = system.person(&tenant, "mara", &["isms_manager"]).await;
    let key = created(&mara, &tenant, &["risk_owner"]).await;
    let (id, text) = (key["id"].as_str().expect("an id"), key["key"].as_str().expect("a key"));
    let program = system.with(text.to_owned());
    until_known(&program, &tenant).await;

    program.post(&at("/risks"), json!({"ref": "R-1", "name": "Fire"})).await;
    let permissions = program.get(&at("/permissions")).await.json;
    assert_eq!(permissions["person"], format!("key:{id}"));
    assert_eq!(permissions["actions"], json!(["decide_treatment", "read", "write_risks"]));
    let history = program.get(&at("/risks/R-1/history")).await;
    assert_eq!(history.json["items"][0]["actor"], format!("key:{id}"));
    // Its roles bound it, and who may not read the trail does not.
    let answer = program.send(Method::PUT, &at("/controls/A.8.13/implementation"), Some("{}".to_owned()), &[]).await;
    assert_eq!((answer.status.as_u16(), answer.problem().0.as_str()), (403, "forbidden"), "{}", answer.body);

    let listed = mara.get(&at("/api-keys")).await;
    let item = &listed.json["items"][0];
    assert_eq!((&item["id"], &item["created_by"], &item["name"]), (&json!(id), &json!("mara"), &json!("Import")));
    let secret = &text[text.len() - 72..text.len() - 8];
    assert!(!listed.body.contains("digest") && !listed.body.contains(secret), "{}", listed.body);

    mara.send(Method::DELETE, &at(&format!("/api-keys/{id}")), None, &[]).await;
    for path in ["/risks", "/controls", "/notifications"] {
        until("every service to have heard of the end", async || status(&program, &at(path)).await == 401).await;
    }
    let answer = program.send(Method::GET, &at("/risks"), None, &[]).await;
    assert!(answer.problem().1.contains("was revoked"), "{}", answer.body);
    // What it did stays its own.
    assert_eq!(mara.get(&at("/risks/R-1/history")).await.json["items"][0]["actor"], format!("key:{id}"));
    let trail = system.as_admin().get(&at("/trail?limit=1000")).await;
    assert!(!trail.body.contains(secret), "the secret is in the trail");
}

#[tokio::test]
async fn a_key_of_one_tenant_is_a_stranger_in_every_other() {
    let system = System::start().await;
    let (ours, theirs) = (system.tenant("Ours").await, system.tenant("Theirs").await);
    let admin = system.as_admin();
    let key = created(&admin, &ours, &["isms_manager"]).await;
    let text = key["key"].as_str().expect("a key").to_owned();
    let program = system.with(text.clone());
    until_known(&program, &ours).await;
    let nowhere = uuid::Uuid::new_v4().to_string();
    for tail in ["/risks", "/controls", "/trail", "/people", "/api-keys", "/soa"] {
        let foreign = program.send(Method::GET, &format!("/v1/tenants/{theirs}{tail}"), None, &[]).await;
        let missing = program.send(Method::GET, &format!("/v1/tenants/{nowhere}{tail}"), None, &[]).await;
        assert_eq!((foreign.status.as_u16(), &foreign.body), (404, &missing.body), "{tail}");
    }
    assert_eq!(status(&program, &format!("/v1/organisations/{}", system.organisation)).await, 404);

    // A key that says that it is of another tenant is none: the secret is asked for there.
    let forged = text.replacen(&ours.replace('-', ""), &theirs.replace('-', ""), 1);
    let program = system.with(forged);
    let answer = program.send(Method::GET, &format!("/v1/tenants/{theirs}/risks"), None, &[]).await;
    assert_eq!(answer.status, 401, "{}", answer.body);
    assert!(answer.problem().1.contains("is not whole"), "{}", answer.body);
    let other = created(&admin, &theirs, &["viewer"]).await;
    // One tenant's list and revocation reach no other's keys.
    let at = format!("/v1/tenants/{ours}/api-keys/{}", other["id"].as_str().expect("an id"));
    assert_eq!(admin.send(Method::DELETE, &at, None, &[]).await.status, 404);
    assert_eq!(
        admin.get(&format!("/v1/tenants/{ours}/api-keys")).await.json["items"].as_array().map(Vec::len),
        Some(1)
    );
}

/// A key cannot outlive its end by a successor, nor raise its holder.
#[tokio::test]
async fn keys_and_roles_are_given_by_people() {
    let system = System::start().await;
    let tenant = system.tenant("Ours").await;
    let at = |tail: &str| format!("/v1/tenants/{tenant}{tail}");
    let key = created(&system.as_admin(), &tenant, &["isms_manager"]).await;
    let program = system.with(key["key"].as_str().expect("a key").to_owned());
    until_known(&program, &tenant).await;
    let itself = at(&format!("/api-keys/{}", key["id"].as_str().expect("an id")));
    for (method, path, body) in [
        (Method::POST, at("/api-keys"), json!({"name": "Heir", "roles": ["isms_manager"]})),
        (Method::DELETE, itself, json!({})),
        (Method::PUT, at("/people/sam"), json!({"roles": ["isms_manager"]})),
    ] {
        let answer = program.send(method.clone(), &path, Some(body.to_string()), &[]).await;
        assert_eq!((answer.status.as_u16(), answer.problem().0.as_str()), (403, "people_only"), "{method} {path}");
    }
    // The positive control: what else a manager may do, it may.
    assert_eq!(program.upload(&at("/imports/assets"), "ref_id,name\nA-1,Ledger\n".to_owned()).await.status, 200);
}

#[tokio::test]
async fn a_key_ends_with_its_time_and_with_the_owner() {
    let system = System::start().await;
    let tenant = system.tenant("Ours").await;
    let risks = format!("/v1/tenants/{tenant}/risks");
    let key = created(&system.as_admin(), &tenant, &["viewer"]).await;
    let program = system.with(key["key"].as_str().expect("a key").to_owned());
    until_known(&program, &tenant).await;
    let (other, _) = system.found("Fernhill").await;
    let (done, told) = system.tool(&["hand-over", "--tenant", &tenant, "--to", &other], &[]).await;
    assert!(done, "{told}");
    until("the new owner to be known", async || status(&program, &risks).await == 404).await;

    let tenant = system.tenant("Brief").await;
    let risks = format!("/v1/tenants/{tenant}/risks");
    let key = created(&system.as_admin(), &tenant, &["viewer"]).await;
    let program = system.with(key["key"].as_str().expect("a key").to_owned());
    until_known(&program, &tenant).await;
    // Nobody waits a day for a test: the copy that the risk service has of the key ends now.
    let mut connection = system.superuser("risk").await;
    let end = "update view_key set data = jsonb_set(data, '{expires_at}', '\"2026-01-01T00:00:00Z\"')";
    sqlx::query(end).execute(&mut connection).await.expect("changed");
    until("the end", async || status(&program, &risks).await == 401).await;
    let answer = program.send(Method::GET, &risks, None, &[]).await;
    assert!(answer.problem().1.contains("has expired"), "{}", answer.body);
}

/// What the first owner's people gave out is nothing to the tenant that comes back.
#[tokio::test]
async fn keys_and_grants_do_not_come_back_with_their_tenant() {
    let system = System::start().await;
    let (ours, other) = (system.organisation.clone(), system.as_organisation("Fernhill").await);
    let (admin, olaf, theirs) = (system.as_admin(), other.as_admin(), other.organisation.clone());
    let tenant = system.tenant("Ours").await;
    let key = created(&admin, &tenant, &["viewer"]).await;
    let program = system.with(key["key"].as_str().expect("a key").to_owned());
    until_known(&program, &tenant).await;
    let (_, auditor) = crate::auditor_grants::granted(&system, &tenant, json!({})).await;

    for (owner, taker, to) in [(&admin, &olaf, &theirs), (&olaf, &admin, &ours)] {
        owner.put(&format!("/v1/tenants/{tenant}/offer"), json!({"organisation": to})).await;
        taker.put(&format!("/v1/organisations/{to}/tenants/{tenant}"), json!({})).await;
    }
    for path in ["risks", "controls", "trail"].map(|noun| format!("/v1/tenants/{tenant}/{noun}")) {
        until("the tenant to be gone", async || status(&program, &path).await == 404).await;
        until("the tenant to be back", async || status(&admin, &path).await == 200).await;
        assert_eq!((status(&program, &path).await, status(&auditor, &path).await), (404, 404), "{path}");
    }
    // A new one counts.
    let key = created(&admin, &tenant, &["viewer"]).await;
    until_known(&system.with(key["key"].as_str().expect("a key").to_owned()), &tenant).await;
}

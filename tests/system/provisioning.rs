//! The organisation's identity provider provisions its people over SCIM: who comes signs in, who is switched off is let in by no
//! service, and the published checks of the standard pass.

use crate::house::root;
use crate::system::{Client, SERVICES, System, until};
use reqwest::Method;
use serde_json::{Value, json};
use std::process::Stdio;
use std::time::Duration;
use testkit::{Oidc, servers};
use tokio::process::Command;
use tokio::time::{Instant, timeout};

/// `dev` makes it, of the versions in `tests/system/scim/requirements.txt`.
const PYTHON: &str = "target/tools/scim2-tester/bin/python";

const PATIENCE: Duration = Duration::from_secs(200);

/// A path of each service that a viewer may read.
const PATHS: [&str; 4] = ["people", "risks", "controls", "notifications"];

/// A client with a key that provisions the organisation's people.
pub async fn provider(system: &System, body: Value) -> Client {
    let keys = format!("/v1/organisations/{}/provisioning-keys", system.organisation);
    let key = system.as_admin().post(&keys, body).await.text("key");
    system.with(key)
}

pub fn at(system: &System, tail: &str) -> String {
    format!("/v1/organisations/{}/scim/v2{tail}", system.organisation)
}

async fn patch(provider: &Client, path: &str, operations: Value) -> Value {
    let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations});
    let answer = provider.send(Method::PATCH, path, Some(body.to_string()), &[]).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    answer.json
}

async fn switch(provider: &Client, path: &str, active: bool) {
    patch(provider, path, json!([{"op": "replace", "path": "active", "value": active}])).await;
}

/// Everything that a provider does once, in a tenant's organisation.
pub async fn live_through(system: &System, tenant: &str) {
    let provider =
        provider(system, json!({"name": "Okta", "subject": "user_name", "issuer": "https://id.example.org"})).await;
    let user = json!({"userName": "otto@larkspur.example", "displayName": "Otto Berg"});
    let person = provider.post(&at(system, "/Users"), user).await.text("id");
    let path = at(system, &format!("/Users/{person}"));
    switch(&provider, &path, false).await;
    switch(&provider, &path, true).await;
    patch(&provider, &path, json!([{"op": "add", "path": "externalId", "value": "00u7"}])).await;
    let group = json!({"displayName": "Owners", "externalId": "1", "members": [{"value": person}]});
    let group = provider.post(&at(system, "/Groups"), group).await.text("id");
    let roles = format!("/v1/tenants/{tenant}/groups/{group}");
    system.as_admin().put(&roles, json!({"roles": ["viewer"]})).await;
    system.as_admin().put(&roles, json!({"roles": ["contributor"]})).await;
    let place = at(system, &format!("/Groups/{group}"));
    patch(&provider, &place, json!([{"op": "replace", "path": "displayName", "value": "Risk owners"}])).await;
    for place in [path, place] {
        assert_eq!(provider.send(Method::DELETE, &place, None, &[]).await.status, 204, "{place}");
    }
    let at = format!("/v1/tenants/{tenant}/groups");
    until("nobody to have a role by it", async || system.as_admin().get(&at).await.json["items"] == json!([])).await;
}

async fn statuses(client: &Client, tenant: &str) -> [u16; 4] {
    let ask = async |tail: &str| {
        client.send(Method::GET, &format!("/v1/tenants/{tenant}/{tail}"), None, &[]).await.status.as_u16()
    };
    let [people, risks, controls, notifications] = PATHS;
    tokio::join!(ask(people), ask(risks), ask(controls), ask(notifications)).into()
}

async fn until_all(client: &Client, tenant: &str, status: u16) -> Duration {
    let began = Instant::now();
    until(&format!("{status} everywhere"), async || statuses(client, tenant).await == [status; 4]).await;
    began.elapsed()
}

#[tokio::test]
async fn who_is_provisioned_signs_in_and_who_is_switched_off_is_let_in_nowhere() {
    let oidc = Oidc::start().await;
    let mut system = System::migrated(&servers::postgres_admin_url(), &servers::nats_url(), &[]).await;
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), oidc.trusted(&system.organisation)).expect("written");
    system.set("STELE_PROVIDERS", file.path().to_str().expect("a path"));
    for service in SERVICES {
        system.serve(&[service]).await;
    }
    system.ready().await;
    let (tenant, admin) = (system.tenant("Ours").await, system.as_admin());
    let provider = provider(&system, json!({"name": "Ours", "subject": "external_id", "issuer": oidc.issuer()})).await;
    let user = json!({"userName": "mara@larkspur.example", "externalId": "mara"});
    let person = provider.post(&at(&system, "/Users"), user.clone()).await.text("id");
    let path = at(&system, &format!("/Users/{person}"));
    let group = json!({"displayName": "Owners", "members": [{"value": person}]});
    let group = provider.post(&at(&system, "/Groups"), group).await.text("id");
    admin.put(&format!("/v1/tenants/{tenant}/groups/{group}"), json!({"roles": ["risk_owner"]})).await;

    // By the provider's token, and by one of this installation: nobody had to say who she is.
    let by_provider = system.with(oidc.token("mara", "stele", "ES256", 600).await);
    let tokens = format!("/v1/organisations/{}/tokens", system.organisation);
    let by_token = system.with(admin.post(&tokens, json!({"person": person})).await.text("token"));
    for client in [&by_provider, &by_token] {
        until_all(client, &tenant, 200).await;
    }
    by_provider.post(&format!("/v1/tenants/{tenant}/risks"), json!({"ref": "R-1", "name": "Fire"})).await;

    let mut slowest = Vec::new();
    for _ in 0..3 {
        switch(&provider, &path, false).await;
        slowest.push(until_all(&by_token, &tenant, 401).await);
        assert_eq!(statuses(&by_provider, &tenant).await, [401; 4]);
        let told = by_token.send(Method::GET, &format!("/v1/tenants/{tenant}/risks"), None, &[]).await;
        assert!(told.problem().1.contains("is let in no more"), "{}", told.body);
        // Also where everybody may come: by what she has she joins nothing and looks at nothing of her own.
        let own = format!("/v1/organisations/{}/account", system.organisation);
        assert_eq!(by_token.send(Method::GET, &own, None, &[]).await.status, 401);
        switch(&provider, &path, true).await;
        for client in [&by_provider, &by_token] {
            until_all(client, &tenant, 200).await;
        }
    }
    // Within a second, said of a quiet machine: `until` waits a minute on a busy one.
    println!("until no service let them in: {slowest:?}");

    assert_eq!(provider.send(Method::DELETE, &path, None, &[]).await.status, 204);
    for client in [&by_provider, &by_token] {
        until_all(client, &tenant, 401).await;
    }
    // What she did stays hers, and whoever comes by her subject is somebody else.
    let history = admin.get(&format!("/v1/tenants/{tenant}/risks/R-1/history")).await;
    assert_eq!(history.json["items"][0]["actor"], person.as_str());
    let anew = provider.post(&at(&system, "/Users"), user).await.text("id");
    assert_ne!(anew, person);
    until("a stranger to the tenant", async || statuses(&by_provider, &tenant).await == [404; 4]).await;
    assert_eq!(statuses(&by_token, &tenant).await, [401; 4]);
    let (sound, report) = system.verify().await;
    assert!(sound, "{report}");
}

/// A sign-in by password gives who is switched off nothing that any service takes.
#[tokio::test]
async fn a_password_lets_nobody_in_who_is_switched_off() {
    let system = System::start().await;
    let tenant = system.tenant("Ours").await;
    let provider = provider(&system, json!({"name": "Ours"})).await;
    let person = provider.post(&at(&system, "/Users"), json!({"userName": "mara"})).await.text("id");
    let ours = |tail: &str| format!("/v1/organisations/{}{tail}", system.organisation);
    let link = system.as_admin().post(&ours("/accounts"), json!({"person": person})).await.text("link");
    let password = "a few words of her own";
    let nobody = system.with(String::new());
    nobody.post(&ours("/password"), json!({"link": link, "password": password})).await;
    switch(&provider, &at(&system, &format!("/Users/{person}")), false).await;
    let body = json!({"person": person, "password": password}).to_string();
    let answer = nobody.send(Method::POST, &ours("/sign-in"), Some(body), &[]).await;
    assert_eq!(answer.status, 401, "{}", answer.body);
    assert_eq!(system.as_admin().get(&format!("/v1/tenants/{tenant}/people")).await.json["items"], json!([]));
}

/// Their handle is nobody else's later: neither a token from before nor one that is made for it anew counts.
#[tokio::test]
async fn who_was_erased_is_let_in_nowhere() {
    let system = System::start().await;
    let (tenant, admin) = (system.tenant("Ours").await, system.as_admin());
    let ours = |tail: &str| format!("/v1/organisations/{}{tail}", system.organisation);
    admin.put(&ours("/people/mara"), json!({"name": "Mara Lind", "email": null})).await;
    let mara = system.person(&tenant, "mara", &["risk_owner"]).await;
    until_all(&mara, &tenant, 200).await;
    let erase = json!({"reason": "asked for it"}).to_string();
    assert_eq!(admin.send(Method::DELETE, &ours("/people/mara"), Some(erase), &[]).await.status, 200);
    until_all(&mara, &tenant, 401).await;
    let anew = system.with(admin.post(&ours("/tokens"), json!({"person": "mara"})).await.text("token"));
    assert_eq!(statuses(&anew, &tenant).await, [401; 4]);
}

#[tokio::test]
async fn the_published_checks_of_scim_pass() {
    let unlimited = [("STELE_CALLER_RATE", "0"), ("STELE_TENANT_RATE", "0")];
    let system = System::start_with(&unlimited).await;
    let provider = provider(&system, json!({"name": "scim2-tester"})).await;
    let mut checks = Command::new(root().join(PYTHON));
    checks.arg(root().join("tests/system/scim/check.py"));
    checks.env("STELE_SCIM", format!("http://{}{}", system.processes[0].address, at(&system, "")));
    checks.env("STELE_KEY", &provider.token).stdin(Stdio::null()).kill_on_drop(true);
    let checked = timeout(PATIENCE, checks.output()).await.expect("it ends in time");
    let checked = checked.expect("scim2-tester starts: `./dev test` installs it");
    let told = String::from_utf8_lossy(&checked.stdout).into_owned() + &String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success(), "{told}");
    // It did ask for all of it.
    for check in ["object_creation", "object_query", "object_replacement", "object_deletion", "check_replace_attribute"]
    {
        for kind in ["User", "Group"] {
            assert!(told.contains(&format!("{kind} {check}")), "{kind} {check}: {told}");
        }
    }
    let (sound, report) = system.verify().await;
    assert!(sound, "{report}");
}

//! A tenant's life between its beginning and its end, as all services see it.

use crate::export::export;
use crate::system::{Client, SERVICES, System, until};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::timeout;

/// One write of each service that people write in, and one read.
const WRITES: [(&str, &str); 4] =
    [("POST", "/risks"), ("PUT", "/controls/A.5.1/owner"), ("PUT", "/contacts/mara"), ("PUT", "/people/mara")];
const READS: [&str; 5] = ["/risks", "/controls", "/notifications", "/people", "/trail"];

/// The codes of the problems that each service answers to what would be wrong in any state.
async fn written(client: &Client, tenant: &str) -> Vec<String> {
    let mut codes = Vec::new();
    for (method, tail) in WRITES {
        let method: Method = method.parse().expect("a method");
        let answer = client.send(method, &format!("/v1/tenants/{tenant}{tail}"), Some("{".to_owned()), &[]).await;
        codes.push(answer.problem().0);
    }
    codes
}

async fn read(client: &Client, tenant: &str) -> Vec<u16> {
    let mut statuses = Vec::new();
    for tail in READS {
        let answer = client.send(Method::GET, &format!("/v1/tenants/{tenant}{tail}"), None, &[]).await;
        statuses.push(answer.status.as_u16());
    }
    statuses
}

async fn stand(admin: &Client, tenant: &str, state: &str) -> (u16, String) {
    let body = json!({"state": state, "reason": "as agreed"}).to_string();
    let answer = admin.send(Method::PUT, &format!("/v1/tenants/{tenant}/state"), Some(body), &[]).await;
    (answer.status.as_u16(), answer.problem().1)
}

#[tokio::test]
async fn what_is_suspended_or_closed_is_so_in_every_service() {
    let system = System::start_apart().await;
    let (admin, tenant) = (system.as_admin(), system.tenant("Larkspur").await);
    let other = system.tenant("Another").await;
    let mara = system.person(&tenant, "mara", &["isms_manager"]).await;
    until("audit to know mara", async || read(&mara, &tenant).await == [200; 5]).await;
    assert_eq!(written(&mara, &tenant).await, ["invalid"; 4]);

    assert_eq!(stand(&admin, &tenant, "suspended").await.0, 200);
    for client in [&mara, &admin] {
        until("every service to hear of it", async || written(client, &tenant).await == ["suspended"; 4]).await;
        assert_eq!(read(client, &tenant).await, [200; 5]);
    }
    assert_eq!(written(&admin, &other).await, ["invalid"; 4], "another tenant is another matter");
    assert_eq!(stand(&admin, &tenant, "active").await.0, 200);
    until("every service to hear of it", async || written(&mara, &tenant).await == ["invalid"; 4]).await;

    // What was recorded after the archive is in none.
    let folder = tempfile::tempdir().expect("a folder");
    export(&system, &tenant, &folder.path().join("1.tar.gz")).await;
    admin.post(&format!("/v1/tenants/{tenant}/risks"), json!({"ref": "R-1", "name": "Fire"})).await;
    let portfolio = format!("/v1/organisations/{}/portfolio?above_acceptance=0&sort=name", system.organisation);
    until("tenancy to hear of the risk", async || admin.get(&portfolio).await.json["items"][1]["risks"] == 1).await;
    let (status, told) = stand(&admin, &tenant, "closed").await;
    assert_eq!(status, 409, "{told}");
    assert!(told.starts_with("something was recorded by risk since the tenant was exported"), "{told}");
    assert_eq!(stand(&admin, &tenant, "suspended").await.0, 200);
    until("every service to hear of it", async || written(&mara, &tenant).await == ["suspended"; 4]).await;
    let (status, told) = stand(&admin, &tenant, "closed").await;
    assert!(status == 409 && told.starts_with("the tenant was not exported since it was changed last"), "{told}");
    export(&system, &tenant, &folder.path().join("2.tar.gz")).await;
    assert_eq!(stand(&admin, &tenant, "closed").await, (200, String::new()));
    until("every service to hear of it", async || written(&admin, &tenant).await == ["closed"; 4]).await;
    assert_eq!(read(&admin, &tenant).await, [200; 5]);
    until("nobody else to be let in", async || read(&mara, &tenant).await == [404; 5]).await;
    export(&system, &tenant, &folder.path().join("3.tar.gz")).await;
    until("audit to have it all", async || system.verify().await.0).await;
}

/// A new name is the organisation's first, and the tenant's then: whoever dies between the two leaves no difference.
#[tokio::test]
async fn a_process_that_dies_in_a_renaming_leaves_one_name() {
    let mut system = System::start().await;
    let tenant = system.tenant("Larkspur").await;
    let (path, list) = (format!("/v1/tenants/{tenant}"), format!("/v1/organisations/{}/tenants", system.organisation));
    let listed = async |admin: &Client| admin.get(&list).await.json["items"][0]["name"].clone();
    let body = json!({"name": "Birch", "language": "en", "time_zone": "UTC"}).to_string();
    // It may die over what it was still to take in, before the request reached it.
    for attempt in 0.. {
        assert!(attempt < 10, "it never died after the organisation's part");
        system.processes.clear();
        system.serve_until("tenancy:committed").await;
        let dying = system.as_admin();
        until("an answer, or none ever", async || {
            !matches!(dying.try_send(Method::PUT, &format!("{path}/settings"), Some(body.clone()), &[]).await, Ok(answer) if answer.status == 503)
        })
        .await;
        let ended = timeout(Duration::from_secs(30), system.processes[0].child.wait()).await;
        ended.expect("it dies").expect("waited");
        system.processes.clear();
        system.serve(&SERVICES).await;
        system.ready().await;
        if listed(&system.as_admin()).await == "Birch" {
            break;
        }
    }
    let admin = system.as_admin();
    until("the tenant to be called so", async || admin.get(&path).await.json["name"] == "Birch").await;
    let history = admin.get(&format!("{path}/history")).await;
    let items = history.json["items"].as_array().expect("items");
    let renamed: Vec<&Value> = items.iter().filter(|item| item["type"] == "tenant.settings_changed").collect();
    assert_eq!((renamed.len(), &renamed[0]["actor"]), (1, &json!("service:tenancy")), "{}", history.body);
}

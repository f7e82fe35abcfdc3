//! Who sends too much waits, and nobody waits for them.

use crate::system::{Answer, Client, System};
use reqwest::Method;
use serde_json::json;
use std::time::Duration;

/// Asks until it is refused, a few hundred times at most.
async fn until_refused(client: &Client, path: &str) -> Answer {
    for _ in 0..300 {
        let answer = client.send(Method::GET, path, None, &[]).await;
        if answer.status != 200 {
            return answer;
        }
    }
    panic!("{path} was never refused");
}

async fn status(client: &Client, path: &str) -> u16 {
    client.send(Method::GET, path, None, &[]).await.status.as_u16()
}

#[tokio::test]
async fn a_caller_who_sends_too_much_waits_and_nobody_else() {
    let system = System::start_with(&[("STELE_CALLER_RATE", "12")]).await;
    let (ours, other) = (system.tenant("Ours").await, system.tenant("Other").await);
    let mara = system.person(&ours, "mara", &["risk_owner"]).await;
    let olga = system.person(&ours, "olga", &["risk_owner"]).await;
    let risks = format!("/v1/tenants/{ours}/risks");

    let refused = until_refused(&mara, &risks).await;
    assert_eq!((refused.status.as_u16(), refused.problem().0.as_str()), (429, "too_many_requests"), "{}", refused.body);
    assert_eq!(refused.headers["content-type"], "application/problem+json");
    let wait_s: u64 = refused.headers["retry-after"].parse().expect("seconds");
    assert!((1..=2).contains(&wait_s), "{wait_s}");
    // A command is refused as a query is, and nothing of it is recorded.
    let command = Some(json!({"ref": "R-1", "name": "Fire"}).to_string());
    let answers: Vec<u16> = {
        let mut answers = Vec::new();
        for _ in 0..5 {
            answers.push(mara.send(Method::POST, &risks, command.clone(), &[]).await.status.as_u16());
        }
        answers
    };
    assert!(answers.contains(&429), "{answers:?}");

    assert_eq!(status(&olga, &risks).await, 200);
    assert_eq!(status(&system.as_admin(), &format!("/v1/tenants/{other}/risks")).await, 200);
    // Another service counts for itself.
    assert_eq!(status(&mara, &format!("/v1/tenants/{ours}/controls")).await, 200);
    tokio::time::sleep(Duration::from_secs(wait_s)).await;
    assert_eq!(status(&mara, &risks).await, 200);
    let (_, metrics) = system.processes[0].get("/metrics").await.expect("metrics");
    assert!(metrics.contains("stele_limited_requests_total{service=\"risk\",of=\"caller\"}"), "{metrics}");
}

#[tokio::test]
async fn a_tenant_that_sends_too_much_waits_and_no_other() {
    let system = System::start_with(&[("STELE_CALLER_RATE", "0"), ("STELE_TENANT_RATE", "12")]).await;
    let (ours, other) = (system.tenant("Ours").await, system.tenant("Other").await);
    let mara = system.person(&ours, "mara", &["risk_owner"]).await;
    let stranger = system.person(&other, "sam", &["risk_owner"]).await;
    let risks = format!("/v1/tenants/{ours}/risks");
    // Whoever is not let in uses up nothing of it.
    for _ in 0..200 {
        assert_eq!(status(&stranger, &risks).await, 404);
    }
    assert_eq!(status(&mara, &risks).await, 200);

    let refused = until_refused(&mara, &risks).await;
    assert_eq!(refused.status, 429, "{}", refused.body);
    assert!(refused.problem().1.starts_with("this tenant's people"), "{}", refused.body);
    assert_eq!(status(&stranger, &format!("/v1/tenants/{other}/risks")).await, 200);
}

#[tokio::test]
async fn an_address_that_sends_wrong_keys_waits_and_who_is_known_does_not() {
    let system = System::start_with(&[("STELE_STRANGER_RATE", "2")]).await;
    let tenant = system.tenant("Ours").await;
    let risks = format!("/v1/tenants/{tenant}/risks");
    let keys = format!("/v1/tenants/{tenant}/api-keys");
    let key = system.as_admin().post(&keys, json!({"name": "Import", "roles": ["viewer"]})).await.text("key");
    let program = system.with(key);
    crate::system::until("the key to be known", async || status(&program, &risks).await == 200).await;
    // Whole, of this tenant, and of nobody.
    let wrong = access::key::Secret::new(access::key::Kind::Key, tenant.parse().expect("an id")).expect("random");
    let stranger = system.with(wrong.text());
    let mut answers = Vec::new();
    for _ in 0..40 {
        answers.push(stranger.send(Method::GET, &risks, None, &[]).await);
    }
    let refused = answers.iter().find(|answer| answer.status != 401).expect("one too many");
    assert_eq!((refused.status.as_u16(), refused.problem().0.as_str()), (429, "too_many_requests"), "{}", refused.body);
    assert!(refused.headers["retry-after"].parse::<u64>().is_ok_and(|wait_s| (1..=2).contains(&wait_s)));
    let forger = system.with("nonsense".to_owned());
    let mut heard = Vec::new();
    for _ in 0..5 {
        heard.push(status(&forger, &risks).await);
    }
    assert!(heard.contains(&429), "wrong tokens count with wrong keys: {heard:?}");
    for _ in 0..20 {
        assert_eq!(status(&program, &risks).await, 200);
        assert_eq!(status(&system.as_admin(), &risks).await, 200);
    }
}

#[tokio::test]
async fn an_address_that_tries_what_is_open_to_anybody_waits_and_no_other() {
    let system = System::start_with(&[("STELE_STRANGER_RATE", "2"), ("STELE_PROXIES", "1")]).await;
    let nobody = crate::accounts::anybody(&system);
    let path = format!("/v1/organisations/{}/join", system.organisation);
    let body = json!({"invitation": "stele-invitation_of-nobody", "password": "one that nobody has yet"}).to_string();
    let from = async |address: &str| {
        nobody.send(Method::POST, &path, Some(body.clone()), &[("x-forwarded-for", address)]).await
    };
    let mut answers = Vec::new();
    for n in 0..40 {
        // What stands before the proxy's own word, anybody may have written.
        answers.push(from(&format!("198.51.100.{n}, 192.0.2.1")).await);
    }
    assert_eq!(answers[0].status, 404, "{}", answers[0].body);
    let refused = answers.iter().find(|answer| answer.status != 404).expect("one too many");
    assert_eq!((refused.status.as_u16(), refused.problem().0.as_str()), (429, "too_many_requests"), "{}", refused.body);
    assert!(refused.problem().1.contains("from this address"), "{}", refused.body);
    assert_eq!(from("192.0.2.2").await.status, 404);
}

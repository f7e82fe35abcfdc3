//! What an operator sees: health, metrics, logs, draining, and each service in a process of its own.

use crate::system::{SERVICES, System, until};
use embedded::{Durability, Pair};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn five_processes_do_the_main_job_over_nats() {
    let mut system = System::start_apart().await;
    let tenant = system.tenant("Larkspur").await;
    let admin = system.as_admin();
    let at = |tail: &str| format!("/v1/tenants/{tenant}{tail}");
    admin.post(&at("/risks"), json!({"ref": "R-1", "name": "Fire", "owner": "olga"})).await;
    admin.post(&at("/risks/R-1/assessments"), json!({"stage": "inherent", "likelihood": 4, "impact": 4})).await;
    let treatment = json!({"option": "mitigate", "controls": ["A.8.13"], "reason": "restores"});
    admin.put(&at("/risks/R-1/treatment"), treatment).await;
    until("the control to be required", async || {
        admin.get(&at("/controls/A.8.13")).await.json["required_by"][0]["risk"] == "R-1"
    })
    .await;
    admin.put(&at("/controls/A.8.13/implementation"), json!({"state": "implemented"})).await;
    until("the risk to show it", async || {
        let controls = admin.get(&at("/risks/R-1")).await.json["controls"].clone();
        controls[0]["state"] == "implemented"
    })
    .await;
    let olga = system.person(&tenant, "olga", &["risk_owner"]).await;
    until("the owner to be notified", async || {
        olga.get(&at("/notifications")).await.json["items"].as_array().is_some_and(|items| !items.is_empty())
    })
    .await;
    until("the trail to have all five", async || {
        let trail = admin.get(&at("/trail?limit=1000")).await.json;
        let items = trail["items"].as_array().expect("items").clone();
        SERVICES.iter().all(|service| items.iter().any(|event| event["service"] == *service))
    })
    .await;
    let (sound, report) = system.verify().await;
    assert!(sound, "{report}");

    // SIGTERM ends each of them by itself.
    for mut process in system.processes.drain(..) {
        process.signal("-TERM");
        let status = tokio::time::timeout(std::time::Duration::from_secs(30), process.child.wait()).await;
        assert!(status.expect("it ended").expect("waited").success());
    }
}

#[tokio::test]
async fn health_and_metrics_tell_what_is_missing() {
    let folder = tempfile::Builder::new().prefix("stele-health-").tempdir().expect("a folder");
    let pair = Pair::start(folder.path(), Durability::Throwaway).await.expect("servers");
    let mut system = System::migrated(&pair.postgres.admin_url(), &pair.nats.url(), &[]).await;
    let nats = system.nats.clone();
    // Nobody listens there yet.
    system.nats = format!("nats://127.0.0.1:{}", crate::system::free_port());
    system.serve(&SERVICES).await;
    let waiting = &system.processes[0];
    until("a word about NATS", async || {
        waiting
            .get("/readyz")
            .await
            .is_some_and(|(status, text)| status == 503 && text.contains("risk") && text.contains("NATS"))
    })
    .await;
    assert_eq!(waiting.get("/livez").await.map(|(status, _)| status), Some(200));
    let early = system.as_admin().send(Method::GET, "/v1/tenants/x/risks", None, &[]).await;
    assert_eq!((early.status.as_u16(), early.problem().0.as_str()), (503, "unavailable"), "{}", early.body);

    system.processes.clear();
    system.nats = nats;
    system.serve(&SERVICES).await;
    system.ready().await;
    let tenant = system.tenant("Larkspur").await;
    let admin = system.as_admin();
    admin.post(&format!("/v1/tenants/{tenant}/risks"), json!({"ref": "R-1", "name": "Fire"})).await;
    let (_, metrics) = system.processes[0].get("/metrics").await.expect("metrics");
    for line in [
        "stele_commands_total{service=\"risk\",outcome=\"done\"} 1",
        "stele_view_lag_events{service=\"risk\",view=\"risk\"} 0",
        "stele_relay_lag_events{service=\"audit\"}",
        "stele_parked_events{service=\"controls\",source=\"risk\"} 0",
        "stele_appends_total{service=\"tenancy\"}",
        "stele_http_request_seconds_bucket",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }

    pair.postgres.stop().await.expect("stopped");
    until("a word about PostgreSQL", async || {
        let answer = system.processes[0].get("/readyz").await;
        answer.is_some_and(|(status, text)| status == 503 && text.contains("PostgreSQL"))
    })
    .await;
    let down = admin.send(Method::GET, &format!("/v1/tenants/{tenant}/risks"), None, &[]).await;
    assert_eq!((down.status.as_u16(), down.problem().0.as_str()), (503, "unavailable"), "{}", down.body);
    assert!(down.headers.contains_key("retry-after"));
    pair.nats.stop().await.expect("stopped");
}

/// What follows from a new tenant happens in other partitions than its organisation's: nobody may hold one connection and
/// wait for a second, or a few tenants at once would have them all.
#[tokio::test]
async fn tenants_that_begin_at_once_wait_for_no_connection_that_another_holds() {
    let system = System::start_with(&[("STELE_CONNECTIONS", "2")]).await;
    let tenants = (0..8).map(async |n| system.tenant(&format!("Client {n}")).await);
    futures::future::join_all(tenants).await;
    let log = system.processes[0].log.lock().expect("the log").clone();
    assert!(!log.iter().any(|line| line.contains("pool timed out")), "{log:#?}");
}

#[tokio::test]
async fn logs_are_json_lines_that_carry_the_callers_trace() {
    let system = System::start().await;
    let tenant = system.tenant("Larkspur").await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let parent = format!("00-{trace}-00f067aa0ba902b7-01");
    let body = json!({"ref": "R-1", "name": "Fire"}).to_string();
    let path = format!("/v1/tenants/{tenant}/risks");
    let answer = system.as_admin().send(Method::POST, &path, Some(body), &[("traceparent", &parent)]).await;
    assert_eq!(answer.headers["trace-id"], trace, "{}", answer.body);
    let log = || system.processes[0].log.lock().expect("the log").clone();
    // It is written by a thread of its own.
    until("the line", async || log().iter().any(|line| line.contains(trace) && line.contains("answered"))).await;
    assert!(log().iter().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{:#?}", log());
    // What followed from the request in other services carries the same trace.
    let admin = system.as_admin();
    until("the trail", async || {
        let trail = admin.get(&format!("/v1/tenants/{tenant}/trail?type=risk.identified")).await.json;
        trail["items"][0]["traceparent"].as_str().is_some_and(|parent| parent.contains(trace))
    })
    .await;
}

#[tokio::test]
async fn a_request_that_is_being_answered_is_ended_before_the_process_is() {
    let mut system = System::start().await;
    let tenant = system.tenant("Larkspur").await;
    let admin = system.as_admin();
    let at = |tail: &str| format!("/v1/tenants/{tenant}{tail}");
    let assets = admin.upload(&at("/imports/assets"), crate::system::example("assets.csv")).await;
    assert_eq!(assets.status, 200);
    let rows: Vec<String> = (1..=1500).map(|n| format!("R-{n},Risk {n},{},{}", n % 5 + 1, n % 4 + 1)).collect();
    let file = format!("ref_id,name,inherent_proba,inherent_impact\n{}\n", rows.join("\n"));
    let path = at("/imports/risks");
    let uploading = tokio::spawn(async move { admin.upload(&path, file).await });
    tokio::time::sleep(std::time::Duration::from_millis(150)).await;
    let mut process = system.processes.pop().expect("the process");
    process.signal("-TERM");
    assert!(!uploading.is_finished(), "the upload was faster than this test");
    let answer = uploading.await.expect("answered");
    assert_eq!((answer.status.as_u16(), &answer.json["created"]), (200, &json!(1500)), "{}", answer.body);
    assert!(process.child.wait().await.expect("it ended").success());
}

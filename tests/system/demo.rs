//! `stele up --demo`: two clients with a year behind them and one that has just begun, once, also where the seeding was killed in the middle.

use crate::up::{Up, folder, run};
use serde_json::Value;

async fn items(up: &Up, path: &str) -> Vec<Value> {
    up.get(path).await["items"].as_array().cloned().unwrap_or_default()
}

/// The library's first version is accepted, and what the second says otherwise is open.
async fn begins_with_the_library(up: &Up, tenant: &str) {
    for (noun, open) in [("risk-proposals", 2), ("control-proposals", 4)] {
        let list = format!("/v1/tenants/{tenant}/{noun}");
        crate::system::until("the second version", async || {
            let listed = items(up, &list).await;
            listed.iter().any(|proposal| (&proposal["version"], &proposal["open"]) == (&2.into(), &open.into()))
        })
        .await;
    }
    assert_eq!(items(up, &format!("/v1/tenants/{tenant}/risks")).await.len(), 6);
}

#[tokio::test]
async fn two_clients_have_a_believable_year_and_a_second_start_changes_nothing() {
    let folder = folder();
    let data = folder.path().join("data");
    // The first attempt is killed in the middle of the seeding.
    let mut command = tokio::process::Command::new(crate::system::STELE);
    command.args(["up", "--demo", "--listen", "127.0.0.1:0"]).env("STELE_DATA", &data).kill_on_drop(true);
    command.stderr(std::process::Stdio::piped());
    let mut first = command.spawn().expect("stele up");
    let mut lines =
        tokio::io::AsyncBufReadExt::lines(tokio::io::BufReader::new(first.stderr.take().expect("its steps")));
    while let Some(line) = lines.next_line().await.expect("text") {
        if line.contains("seeding") {
            break;
        }
    }
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    first.kill().await.expect("killed");

    let up = Up::start(&data, &["--demo"]).await;
    let tenants = items(&up, &format!("/v1/organisations/{}/tenants", up.variables["ORGANISATION"])).await;
    let mut names: Vec<&str> = tenants.iter().filter_map(|tenant| tenant["name"].as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["Heron Street Practice", "Meridian Care Logistics", "Tidewell Software"]);
    let (begun, tenants): (Vec<Value>, Vec<Value>) =
        tenants.into_iter().partition(|tenant| tenant["name"] == "Heron Street Practice");
    begins_with_the_library(&up, begun[0]["id"].as_str().expect("an id")).await;
    let mut counts = Vec::new();
    for tenant in &tenants {
        let at = |tail: &str| format!("/v1/tenants/{}{tail}", tenant["id"].as_str().expect("an id"));
        let risks = items(&up, &at("/risks?limit=1000")).await;
        assert_eq!(risks.len(), 18);
        assert!(risks.iter().filter(|risk| risk["treatment"].is_object()).count() >= 10);
        let history = items(&up, &at("/risks/R-1/history")).await;
        assert!(history.len() >= 4, "{history:#?}");
        let (occurred, recorded) = (&history[0]["occurred_at"], &history[0]["recorded_at"]);
        let year = |at: &Value| at.as_str().expect("an instant").parse::<chrono::DateTime<chrono::Utc>>().expect("one");
        assert!((year(recorded) - year(occurred)).num_days() > 300, "{occurred} {recorded}");
        assert!(history.iter().all(|entry| entry["reason"].is_string()));
        let soa = up.get(&at("/soa")).await;
        assert_eq!(soa["rows"].as_array().map(Vec::len), Some(93));
        assert!(soa["counts"]["excluded"].as_i64().is_some_and(|count| count > 0), "{}", soa["counts"]);
        let accepted = items(&up, &at("/risks?acceptance=accepted")).await;
        assert!(accepted.iter().any(|risk| risk["acceptance"]["confirmed_by"].is_string()), "{accepted:#?}");
        assert!(up.get(&at("/context")).await["climate"]["relevant"].is_boolean());
        let policy = up.get(&at("/documents/D-1")).await;
        assert_eq!(policy["state"], "published", "{policy}");
        assert!(!items(&up, &at("/suppliers")).await.is_empty());
        counts.push(up.get(&at("/risks")).await["position"].clone());
    }
    let tidewell = tenants.iter().find(|tenant| tenant["name"] == "Tidewell Software").expect("a client");
    let issues = format!("/v1/tenants/{}/soa/issues", tidewell["id"].as_str().expect("an id"));
    assert_eq!(items(&up, &issues).await.len(), 1);
    up.stop().await;

    let up = Up::start(&data, &["--demo"]).await;
    for (tenant, before) in tenants.iter().zip(counts) {
        let at = format!("/v1/tenants/{}/risks", tenant["id"].as_str().expect("an id"));
        let after = up.get(&at).await["position"].clone();
        // Controls of the first start may have reached the risk service only now; nothing else is new.
        let noted = after.as_i64().expect("a position") - before.as_i64().expect("a position");
        assert!((0..60).contains(&noted), "{before} {after}");
        assert_eq!(items(&up, &at).await.len(), 18);
    }
    let verified = run(&data, &["verify"]).await;
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
    up.stop().await;
}

//! Each point between a push of a library, its coming to two tenants and its proposal there at which a process can die: it
//! dies there, the next one goes on, and each tenant has the version once.

use crate::crash_points::{counted, in_trail};
use crate::libraries::{arrived, items, library, publish};
use crate::system::{SERVICES, System, until};
use reqwest::Method;
use serde_json::{Value, json};
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;
use tokio::time::timeout;

/// Where the process dies, and whether the push can have been recorded by then.
const POINTS: [(&str, bool); 12] = [
    ("tenancy:appended", false),
    ("tenancy:projected", false),
    ("tenancy:committed", true),
    ("tenancy:published", true),
    // One of the two has it.
    ("tenancy:handed_over", true),
    ("tenancy:reacted", true),
    ("tenancy:taken", true),
    ("risk:reacted", true),
    ("risk:appended", true),
    ("risk:taken", true),
    ("controls:reacted", true),
    ("controls:taken", true),
];

const PROPOSALS: [&str; 2] = ["risk-proposals", "control-proposals"];

#[tokio::test]
async fn a_process_that_dies_while_a_library_is_pushed_hands_it_over_once() {
    let mut system = System::start().await;
    let tenants = [system.tenant("Birch").await, system.tenant("Cedar").await];
    let path = library(&system, &system.as_admin()).await;
    let mut replays = 0;
    for (number, (version, (point, recordable))) in (1_u32..).zip(POINTS).enumerate() {
        if version > 1 {
            publish(&system.as_admin(), &path, said_otherwise(point)).await;
        }
        quiet(&system).await;

        system.processes.clear();
        system.serve_until(point).await;
        let push = json!({"version": version, "tenants": tenants, "reason": point}).to_string();
        let (pushes, key) = (format!("{path}/pushes"), format!("key {number}"));
        let headers = [("idempotency-key", key.as_str())];
        let dying = system.as_admin();
        until("an answer, or none ever", async || {
            !matches!(dying.try_send(Method::POST, &pushes, Some(push.clone()), &headers).await, Ok(answer) if answer.status == 503)
        })
        .await;
        let ended = timeout(Duration::from_secs(30), system.processes[0].child.wait()).await;
        let ended = ended.unwrap_or_else(|_| panic!("{point} was not reached")).expect("waited");
        assert!(ended.signal().is_some(), "{point}: {ended}");

        system.processes.clear();
        system.serve(&SERVICES).await;
        system.ready().await;
        let admin = system.as_admin();
        let again = admin.send(Method::POST, &pushes, Some(push), &headers).await;
        assert_eq!(again.status, 200, "{point}: {}", again.body);
        let replayed = again.headers.contains_key("idempotency-replayed");
        assert!(recordable || !replayed, "{point}: it was recorded before it could be");
        replays += usize::from(replayed);
        for tenant in &tenants {
            for proposals in PROPOSALS {
                arrived(&admin, &format!("/v1/tenants/{tenant}/{proposals}"), version).await;
            }
        }
    }

    assert!(replays >= 6, "only {replays} pushes were recorded before the process died");
    quiet(&system).await;
    let admin = system.as_admin();
    for tenant in &tenants {
        assert_eq!(in_trail(&admin, tenant, "push.made").await, POINTS.len());
        assert_eq!(in_trail(&admin, tenant, "proposal.received").await, PROPOSALS.len() * POINTS.len());
        assert_eq!(admin.get(&path).await.json["pushed"][tenant], POINTS.len());
    }
    let (sound, report) = system.verify().await;
    assert!(sound, "{report}");
}

/// A risk and a control, so that both proposals have something new.
fn said_otherwise(how: &str) -> Vec<Value> {
    let mut items = items();
    items[3]["control"]["how"] = json!(how);
    items[5]["risk"]["name"] = json!(how);
    items
}

/// Waits until audit holds what the others have, so that nothing that came before dies in place of the push.
async fn quiet(system: &System) {
    until("audit to hold what the others have", async || {
        let (_, report) = system.verify().await;
        report.lines().filter_map(counted).all(|(events, held)| events == held)
    })
    .await;
}

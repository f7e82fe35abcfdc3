//! Each point between command, event, view, message and mail at which a process can die: it dies there, the next one
//! goes on, and everything is there once.

use crate::system::{Client, SERVICES, System, until};
use futures::stream::{self, StreamExt};
use reqwest::Method;
use serde_json::{Value, json};
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;
use testkit::Smtp;
use tokio::time::timeout;

/// Where the process dies, and whether a command of the risk service can have been recorded by then.
const POINTS: [(&str, bool); 12] = [
    ("risk:appended", false),
    ("risk:projected", false),
    ("risk:committed", true),
    ("risk:published", true),
    ("controls:reacted", true),
    ("controls:appended", true),
    ("controls:taken", true),
    ("notifications:reacted", true),
    ("notifications:committed", true),
    ("notifications:mailed", true),
    ("audit:reacted", true),
    ("audit:taken", true),
];

#[tokio::test]
async fn a_process_that_dies_at_any_point_loses_and_doubles_nothing() {
    let smtp = Smtp::start().await;
    let server = format!("smtp://{}", smtp.address());
    let mut system = System::start_with(&[("STELE_SMTP", &server)]).await;
    let tenant = system.tenant("Larkspur").await;
    let at = |tail: &str| format!("/v1/tenants/{tenant}{tail}");
    let admin = system.as_admin();
    admin.put(&at("/people/olga"), json!({"roles": ["risk_owner"]})).await;
    // The word about her role, before there is an address for it.
    until("olga to be known", async || in_trail(&admin, &tenant, "notification.raised").await == 1).await;
    admin.put(&at("/contacts/olga"), json!({"email": "olga@larkspur.example.org"})).await;
    let mut replays = 0;
    for (number, (point, recordable)) in POINTS.into_iter().enumerate() {
        let risk = format!("R-{number}");
        let admin = system.as_admin();
        admin.post(&at("/risks"), json!({"ref": risk, "name": "Fire", "owner": "olga"})).await;
        let assessed = json!({"stage": "inherent", "likelihood": 4, "impact": 4});
        admin.post(&at(&format!("/risks/{risk}/assessments")), assessed).await;
        let mails = 2 * number + 1;
        until("the mails so far", async || in_trail(&admin, &tenant, "notification.emailed").await == mails).await;

        // It dies in the middle of the next command, or of what follows from it.
        system.processes.clear();
        system.serve_until(point).await;
        let path = at(&format!("/risks/{risk}/treatment"));
        let body = json!({"option": "mitigate", "controls": ["A.8.13"], "reason": point}).to_string();
        let key = format!("key {number}");
        let headers = [("idempotency-key", key.as_str())];
        let dying = system.as_admin();
        until("an answer, or none ever", async || {
            !matches!(dying.try_send(Method::PUT, &path, Some(body.clone()), &headers).await, Ok(answer) if answer.status == 503)
        })
        .await;
        let ended = timeout(Duration::from_secs(30), system.processes[0].child.wait()).await;
        let ended = ended.unwrap_or_else(|_| panic!("{point} was not reached")).expect("waited");
        assert!(ended.signal().is_some(), "{point}: {ended}");

        system.processes.clear();
        system.serve(&SERVICES).await;
        system.ready().await;
        let admin = system.as_admin();
        let again = admin.send(Method::PUT, &path, Some(body), &headers).await;
        assert_eq!(again.status, 200, "{point}: {}", again.body);
        // The one that dies may do so over an earlier event, before the command reached it.
        let replayed = again.headers.contains_key("idempotency-replayed");
        assert!(recordable || !replayed, "{point}: it was recorded before it could be");
        replays += usize::from(replayed);
        until("the control to be required", async || {
            let required = admin.get(&at("/controls/A.8.13")).await.json["required_by"].clone();
            required.as_array().into_iter().flatten().any(|by| by["risk"] == risk.as_str())
        })
        .await;
    }

    assert!(replays >= 4, "only {replays} commands were recorded before the process died");

    let admin = system.as_admin();
    until("audit to hold what the others have", async || {
        let (_, report) = system.verify().await;
        report.lines().filter_map(counted).all(|(events, held)| events == held)
    })
    .await;
    let (sound, report) = system.verify().await;
    assert!(sound, "{report}");
    assert_eq!(in_trail(&admin, &tenant, "risk.treatment_decided").await, POINTS.len());
    assert_eq!(in_trail(&admin, &tenant, "notification.raised").await, 1 + 2 * POINTS.len());
    assert_eq!(in_trail(&admin, &tenant, "notification.emailed").await, 2 * POINTS.len());
    // A mail may leave twice, under one Message-ID: only the mail server knows whether the first one did.
    let mut ids: Vec<String> = smtp.mails().iter().filter_map(|mail| message_id(mail)).collect();
    let sent = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 2 * POINTS.len());
    assert!(sent > ids.len(), "the one at `notifications:mailed` leaves twice");
}

/// Of commands that shared a transaction over many tenants, either all are recorded or none, and each is recorded once when
/// it is asked for again.
#[tokio::test]
async fn a_process_that_dies_in_a_shared_batch_records_each_command_once() {
    const TENANTS: usize = 8;
    let mut system = System::start().await;
    let names: Vec<String> = (0..TENANTS).map(|number| format!("Client {number}")).collect();
    let tenants: Vec<String> = stream::iter(&names).map(|name| system.tenant(name)).buffered(4).collect().await;
    for (point, recorded) in [("appended", false), ("projected", false), ("committed", true)] {
        system.processes.clear();
        system.serve_until(&format!("risk:shared:{point}")).await;
        let admin = system.as_admin();
        let sent = tenants.iter().map(|tenant| keep_identifying(&admin, tenant, point));
        let sent: Vec<Sent> = stream::iter(sent).buffer_unordered(TENANTS).collect().await;
        let ended = timeout(Duration::from_secs(30), system.processes[0].child.wait()).await;
        let ended = ended.unwrap_or_else(|_| panic!("no batch was shared before {point}")).expect("waited");
        assert!(ended.signal().is_some(), "{point}: {ended}");

        system.processes.clear();
        system.serve(&SERVICES).await;
        system.ready().await;
        let admin = system.as_admin();
        let mut unheard = 0;
        for Sent { tenant, answered } in &sent {
            for number in 0..*answered {
                assert!(identify(&admin, tenant, point, number).await.expect("an answer").1, "{point}: it was lost");
            }
            let (status, replayed) = identify(&admin, tenant, point, *answered).await.expect("an answer");
            assert_eq!(status, 201, "{point}");
            unheard += usize::from(replayed);
            let found = format!("/v1/tenants/{tenant}/risks?limit=1000");
            until("each risk to be there once", async || {
                let risks = admin.get(&found).await.json;
                let here = risks["items"].as_array().into_iter().flatten();
                let here = here.filter(|risk| risk["id"].as_str().is_some_and(|name| name.starts_with(point)));
                here.count() == answered + 1
            })
            .await;
        }
        assert!(!recorded || unheard > 1, "{point}: the batch was committed, and {unheard} of it are there");
    }
    until("all to be sound", async || system.verify().await.0).await;
}

/// What one tenant's client heard before the process died.
struct Sent<'a> {
    tenant: &'a str,
    answered: usize,
}

/// Identifies one risk after another until nobody answers any more.
async fn keep_identifying<'a>(admin: &Client, tenant: &'a str, point: &str) -> Sent<'a> {
    let mut answered = 0;
    while let Some((status, _)) = identify(admin, tenant, point, answered).await {
        // It has just begun, and says so until it knows who may do what.
        assert!([201, 503].contains(&status), "{point}: {status}");
        answered += usize::from(status == 201);
    }
    Sent { tenant, answered }
}

/// The status, and whether it is the answer to an earlier request; nothing where the process is gone.
async fn identify(admin: &Client, tenant: &str, point: &str, number: usize) -> Option<(u16, bool)> {
    let body = json!({"ref": format!("{point}-{number}"), "name": "Fire"}).to_string();
    let key = format!("{point} {number}");
    let path = format!("/v1/tenants/{tenant}/risks");
    let answer = admin.try_send(Method::POST, &path, Some(body), &[("idempotency-key", &key)]).await.ok()?;
    Some((answer.status.as_u16(), answer.headers.contains_key("idempotency-replayed")))
}

/// How many events of a type audit holds of a tenant.
pub async fn in_trail(admin: &Client, tenant: &str, event_type: &str) -> usize {
    let trail: Value = admin.get(&format!("/v1/tenants/{tenant}/trail?type={event_type}&limit=1000")).await.json;
    trail["items"].as_array().map_or(0, Vec::len)
}

/// Of a line of `stele verify`: how many events the service has, and how many audit holds.
pub fn counted(line: &str) -> Option<(u64, u64)> {
    let number = |before: &str| line.split(before).next()?.split_whitespace().last()?.parse().ok();
    Some((number(" events,")?, number(" events held")?))
}

fn message_id(mail: &str) -> Option<String> {
    mail.lines().find(|line| line.to_lowercase().starts_with("message-id:")).map(str::to_lowercase)
}

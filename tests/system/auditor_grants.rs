//! An auditor without an account looks at what was agreed, at nothing later, and each look is recorded.

use crate::system::{Client, SERVICES, System, until};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

const EVERYTHING: [&str; 16] = [
    "assets",
    "communications",
    "competences",
    "context",
    "controls",
    "documents",
    "evidence",
    "exceptions",
    "findings",
    "methodology",
    "people",
    "risks",
    "soa",
    "suppliers",
    "tenant",
    "trail",
];

fn now() -> DateTime<Utc> {
    SystemTime::now().into()
}

fn written(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

pub fn in_a_week() -> String {
    written(now() + TimeDelta::weeks(1))
}

/// A grant's id, and who comes with it, once every service has heard of it: of everything, live, for a week, unless `but` says so.
pub async fn granted(system: &System, tenant: &str, but: Value) -> (String, Client) {
    let mut body = json!({"auditor": "Certification", "scope": EVERYTHING, "expires_at": in_a_week()});
    for (name, value) in but.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    let created = system.as_admin().post(&format!("/v1/tenants/{tenant}/auditor-grants"), body).await;
    let auditor = system.with(created.text("key"));
    for tail in ["", "/risks", "/controls", "/trail", "/notifications"] {
        let path = format!("/v1/tenants/{tenant}{tail}");
        until("the grant to be known", async || ![401, 429].contains(&status(&auditor, &path).await)).await;
    }
    (created.text("id"), auditor)
}

async fn status(client: &Client, path: &str) -> u16 {
    client.send(Method::GET, path, None, &[]).await.status.as_u16()
}

async fn code(client: &Client, path: &str) -> (u16, String) {
    let answer = client.send(Method::GET, path, None, &[]).await;
    (answer.status.as_u16(), answer.problem().0)
}

fn items(answer: &Value) -> Vec<Value> {
    answer["items"].as_array().cloned().unwrap_or_default()
}

fn beyond() -> (u16, String) {
    (403, "beyond_the_grant".to_owned())
}

/// A tenant with a risk, an instant, and what came after it.
async fn audited(system: &System) -> (String, String) {
    let tenant = system.tenant("Ours").await;
    let at = |tail: &str| format!("/v1/tenants/{tenant}{tail}");
    let admin = system.as_admin();
    admin.post(&at("/risks"), json!({"ref": "R-1", "name": "Fire"})).await;
    admin.post(&at("/risks"), json!({"ref": "R-2", "name": "Flood"})).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let instant = written(now());
    tokio::time::sleep(Duration::from_millis(50)).await;
    admin.post(&at("/risks"), json!({"ref": "R-3", "name": "Latecomer"})).await;
    admin.put(&at("/risks/R-1/owner"), json!({"owner": "latecomer"})).await;
    admin.put(&at("/people/latecomer"), json!({"roles": ["viewer"]})).await;
    admin.put(&at("/roles/latecomer"), json!({"actions": ["read"]})).await;
    admin.post(&at("/assets"), json!({"ref": "A-1", "name": "Latecomer", "kind": "primary"})).await;
    admin.post(&at("/evidence"), json!({"title": "Latecomer", "note": "x", "supports": ["A.8.13"]})).await;
    admin.put(&at("/controls/A.8.13/implementation"), json!({"state": "planned", "how": "latecomer"})).await;
    admin.put(&at("/settings"), json!({"name": "Latecomer", "language": "de", "time_zone": "UTC"})).await;
    let trail = at("/trail?object=A.8.13");
    until("the trail", async || admin.get(&trail).await.body.contains("latecomer")).await;
    (tenant, instant)
}

#[tokio::test]
async fn a_grant_as_of_an_instant_shows_nothing_later() {
    let system = System::start().await;
    let (tenant, instant) = audited(&system).await;
    let at = |tail: &str| format!("/v1/tenants/{tenant}{tail}");
    let (_, auditor) = granted(&system, &tenant, json!({"as_of": instant})).await;
    let risks = auditor.get(&at("/risks")).await;
    assert_eq!(items(&risks.json).len(), 2, "{}", risks.body);
    // By every way to read: what came later is in none, and each shows something of before.
    for tail in [
        "/risks",
        "/risks/R-1",
        "/risks.csv",
        "/risks.json",
        "/heat-map.svg",
        "/risks/R-1/history",
        "/controls",
        "/controls/A.8.13",
        "/soa",
        "/soa.csv",
        "/soa/document",
        "/soa.oscal.json",
        "/trail",
        "/trail?newest=true",
        "/people",
        "/roles",
        "/roles/history",
        "/methodology",
        "/assets",
        "/evidence",
        "",
        "/history",
        "/controls/A.8.13/history",
    ] {
        let answer = auditor.get(&at(tail)).await;
        assert!(!answer.body.to_lowercase().contains("latecomer"), "{tail}: {}", answer.body);
        let admins = system.as_admin().get(&at(tail)).await;
        assert!(admins.body != answer.body || tail == "/methodology", "{tail} shows what the administrator sees now");
    }
    let position = risks.json["position"].as_i64().expect("a position");
    for later in [(position + 1).to_string(), "9999".to_owned(), written(now())] {
        for tail in ["/risks", "/risks/R-1", "/risks/R-1/history", "/soa"] {
            let tail = format!("{tail}?as_of={later}");
            // The controls have positions of their own.
            if !tail.starts_with("/soa") || later.contains('T') {
                assert_eq!(code(&auditor, &at(&tail)).await, beyond(), "{tail}");
            }
        }
    }
    assert_eq!(code(&auditor, &at(&format!("/trail?as_of={}", written(now())))).await, beyond());
    assert_eq!(status(&auditor, &at("/risks?as_of=1")).await, 200, "what lies before is shown");
    // The cursor of somebody who sees more is none of the auditor's; their own goes on.
    let open = system.as_admin().get(&at("/risks?limit=1")).await.text("next");
    assert_eq!(code(&auditor, &at(&format!("/risks?limit=1&cursor={open}"))).await, beyond());
    let own = auditor.get(&at("/risks?limit=1")).await.text("next");
    assert_eq!(items(&auditor.get(&at(&format!("/risks?limit=1&cursor={own}"))).await.json)[0]["id"], "R-2");
    let late = auditor.send(Method::GET, &at("/risks/R-3"), None, &[]).await;
    let none = auditor.send(Method::GET, &at("/risks/R-4"), None, &[]).await;
    assert_eq!((late.status.as_u16(), late.body.replace("R-3", "R-4")), (404, none.body));
}

#[tokio::test]
async fn an_auditor_sees_the_scope_changes_nothing_and_each_look_is_recorded() {
    let system = System::start_apart().await;
    let (tenant, _) = audited(&system).await;
    let at = |tail: &str| format!("/v1/tenants/{tenant}{tail}");
    let mara = system.person(&tenant, "mara", &["isms_manager"]).await;
    let (id, auditor) = granted(&system, &tenant, json!({"scope": ["risks", "soa"]})).await;
    assert_eq!(items(&auditor.get(&at("/risks?sort=-level")).await.json).len(), 3);
    assert_eq!(status(&auditor, &at("/soa")).await, 200);
    assert_eq!(status(&auditor, &at("/risks/R-77")).await, 404);
    for tail in ["", "/controls", "/assets", "/trail", "/people", "/notifications", "/permissions"] {
        assert_eq!(code(&auditor, &at(tail)).await, beyond(), "{tail}");
    }
    for (method, tail, body) in [
        (Method::POST, "/risks".to_owned(), json!({"ref": "R-9", "name": "No"})),
        (Method::PUT, "/controls/A.8.13/implementation".to_owned(), json!({"state": "operating"})),
        (Method::POST, "/notifications/x/read".to_owned(), json!({})),
        (Method::POST, "/auditor-grants".to_owned(), json!({})),
        (Method::DELETE, format!("/auditor-grants/{id}"), json!({})),
    ] {
        let answer = auditor.send(method, &at(&tail), Some(body.to_string()), &[]).await;
        assert_eq!(answer.status, 403, "{tail}: {}", answer.body);
    }
    let looks = at(&format!("/auditor-grants/{id}/looks?limit=1000"));
    assert_eq!(status(&auditor, &looks).await, 403);
    let seen = async |what: &str| {
        let looks = items(&mara.get(&looks).await.json);
        looks.into_iter().find(|look| look["data"]["path"].as_str().is_some_and(|path| path.ends_with(what)))
    };
    for what in ["/risks?sort=-level", "/soa", "/risks/R-77"] {
        until(what, async || seen(what).await.is_some()).await;
    }
    let look = seen("/risks?sort=-level").await.expect("the look");
    assert_eq!((&look["service"], &look["actor"]), (&json!("risk"), &json!(format!("grant:{id}"))));
    assert_eq!(look["data"]["status"], 200);
    assert!(look["data"]["position"].as_i64().is_some_and(|position| position > 0), "{look}");
    assert_eq!(seen("/risks/R-77").await.expect("the look")["data"]["status"], 404);
    assert!(seen("/controls").await.is_none(), "what was refused was no look");

    let shown = mara.get(&at(&format!("/auditor-grants/{id}"))).await;
    assert_eq!((&shown.json["auditor"], &shown.json["scope"]), (&json!("Certification"), &json!(["risks", "soa"])));
    let end = mara.send(Method::DELETE, &at(&format!("/auditor-grants/{id}")), None, &[]).await;
    assert_eq!(end.status, 200, "{}", end.body);
    for tail in ["/risks", "/soa", ""] {
        until("the end", async || status(&auditor, &at(tail)).await == 401).await;
    }
    let told = auditor.send(Method::GET, &at("/risks"), None, &[]).await;
    assert!(told.problem().1.contains("the grant was revoked"), "{}", told.body);
    let history = mara.get(&at(&format!("/auditor-grants/{id}/history"))).await;
    let types: Vec<String> = items(&history.json).iter().map(|item| item["type"].to_string()).collect();
    assert_eq!(types, ["\"grant.created\"", "\"grant.revoked\""]);
    let listed = mara.get(&at("/auditor-grants")).await;
    assert!(listed.json["items"][0]["revoked_at"].is_string(), "{}", listed.body);
    assert!(![shown, history, listed].iter().any(|answer| answer.body.contains("digest")), "a digest is told");
    let (sound, report) = system.verify().await;
    assert!(sound, "{report}");
}

#[tokio::test]
async fn a_grant_of_one_tenant_is_a_stranger_in_every_other() {
    let system = System::start().await;
    let (ours, theirs) = (system.tenant("Ours").await, system.tenant("Theirs").await);
    let (_, auditor) = granted(&system, &ours, json!({})).await;
    let nowhere = uuid::Uuid::new_v4().to_string();
    for tail in ["", "/risks", "/controls", "/trail", "/people", "/soa"] {
        let foreign = auditor.send(Method::GET, &format!("/v1/tenants/{theirs}{tail}"), None, &[]).await;
        let missing = auditor.send(Method::GET, &format!("/v1/tenants/{nowhere}{tail}"), None, &[]).await;
        assert_eq!((foreign.status.as_u16(), &foreign.body), (404, &missing.body), "{tail}");
    }
    let portfolio = format!("/v1/organisations/{}/portfolio", system.organisation);
    assert_eq!(status(&auditor, &portfolio).await, 404);
    // One tenant's managers reach no other's grants, and nothing of the attempts is recorded there.
    let admin = system.as_admin();
    let (other, _) = granted(&system, &theirs, json!({})).await;
    let looks = format!("/v1/tenants/{theirs}/auditor-grants/{other}/looks");
    let before = admin.get(&looks).await.json["items"].clone();
    for (method, tail) in [(Method::GET, ""), (Method::DELETE, ""), (Method::GET, "/history"), (Method::GET, "/looks")]
    {
        let path = format!("/v1/tenants/{ours}/auditor-grants/{other}{tail}");
        assert_eq!(admin.send(method.clone(), &path, None, &[]).await.status, 404, "{method} {path}");
    }
    assert_eq!(items(&admin.get(&format!("/v1/tenants/{ours}/auditor-grants")).await.json).len(), 1);
    let trail = admin.get(&format!("/v1/tenants/{theirs}/trail?type=look.taken&limit=1000")).await;
    assert!(!trail.body.contains(&ours), "{}", trail.body);
    assert!(items(&trail.json).iter().all(|look| look["actor"] == format!("grant:{other}")), "{}", trail.body);
    assert!(before.is_array());
}

#[tokio::test]
async fn a_grant_is_given_by_people_who_may_see_it_and_ends_with_its_time() {
    let system = System::start().await;
    let tenant = system.tenant("Ours").await;
    let at = |tail: &str| format!("/v1/tenants/{tenant}{tail}");
    let admin = system.as_admin();
    admin.put(&at("/roles/deputy"), json!({"actions": ["read", "manage_tenant"]})).await;
    let deputy = system.person(&tenant, "jo", &["deputy"]).await;
    let ask = |scope: &str| json!({"auditor": "Friends", "scope": [scope], "expires_at": in_a_week()}).to_string();
    let refused = deputy.send(Method::POST, &at("/auditor-grants"), Some(ask("trail")), &[]).await;
    assert_eq!((refused.status.as_u16(), refused.problem().0.as_str()), (409, "beyond_own_rights"), "{}", refused.body);
    assert_eq!(deputy.send(Method::POST, &at("/auditor-grants"), Some(ask("soa")), &[]).await.status, 201);
    // Nor do they come by more with a key.
    let key = json!({"name": "Mine", "roles": ["isms_manager"]}).to_string();
    let refused = deputy.send(Method::POST, &at("/api-keys"), Some(key), &[]).await;
    assert_eq!(refused.problem().0, "beyond_own_rights", "{}", refused.body);
    let key = admin.post(&at("/api-keys"), json!({"name": "Import", "roles": ["isms_manager"]})).await.text("key");
    let refused = system.with(key).send(Method::POST, &at("/auditor-grants"), Some(ask("soa")), &[]).await;
    assert_eq!((refused.status.as_u16(), refused.problem().0.as_str()), (403, "people_only"), "{}", refused.body);

    let (_, auditor) = granted(&system, &tenant, json!({"expires_at": written(now() + TimeDelta::seconds(8))})).await;
    assert_eq!(status(&auditor, &at("/risks")).await, 200);
    until("the end", async || status(&auditor, &at("/risks")).await == 401).await;
    let told = auditor.send(Method::GET, &at("/risks"), None, &[]).await;
    assert!(told.problem().1.contains("the grant has expired"), "{}", told.body);
}

/// The process dies once a look is recorded and before its answer leaves: it is there. Before it is recorded: nothing was told.
#[tokio::test]
async fn no_answer_leaves_before_its_look_is_recorded() {
    let mut system = System::start().await;
    let tenant = system.tenant("Ours").await;
    let at = |tail: &str| format!("/v1/tenants/{tenant}{tail}");
    let (_, auditor) = granted(&system, &tenant, json!({})).await;
    let token = auditor.token.clone();
    for (point, is_there) in [("risk:appended", false), ("risk:committed", true)] {
        system.processes.clear();
        system.serve_until(point).await;
        let auditor = system.with(token.clone());
        let path = at(&format!("/risks?limit={}", point.len()));
        let mut answers = Vec::new();
        until("an answer, or none ever", async || {
            let answer = auditor.try_send(Method::GET, &path, None, &[]).await;
            let waits = matches!(&answer, Ok(answer) if answer.status == 503);
            answers.extend(answer.ok().filter(|_| !waits).map(|answer| answer.body));
            !waits
        })
        .await;
        assert_eq!(answers, Vec::<String>::new(), "{point}: it answered before it was killed");
        system.processes.clear();
        system.serve(&SERVICES).await;
        system.ready().await;
        let mut connection = system.superuser("risk").await;
        let count = "select count(*) from events where event_type = 'look.taken' and strpos(body, $1) > 0";
        let count: i64 = sqlx::query_scalar(count).bind(&path).fetch_one(&mut connection).await.expect("counted");
        assert_eq!(count, i64::from(is_there), "{point}");
    }
}

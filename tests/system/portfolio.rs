//! What a consultancy sees of its clients at once, and who sees what of it.

use crate::export::numbers;
use crate::system::{Client, SERVICES, System, until};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::timeout;

async fn portfolio(client: &Client, organisation: &str, query: &str) -> Value {
    client.get(&format!("/v1/organisations/{organisation}/portfolio{query}")).await.json
}

fn names(listed: &Value) -> Vec<&str> {
    let items = listed["items"].as_array().expect("items");
    items.iter().map(|item| item["name"].as_str().expect("a name")).collect()
}

/// A risk above acceptance that nobody has treated, one that is mitigated, one that is not assessed; a control that is
/// excluded, one that is implemented; evidence for a year and for ever.
async fn fill(admin: &Client, tenant: &str) {
    let at = |tail: &str| format!("/v1/tenants/{tenant}{tail}");
    for (number, score) in [(1, Some(5)), (2, Some(4)), (3, None)] {
        admin.post(&at("/risks"), json!({"ref": format!("R-{number}"), "name": "Fire"})).await;
        if let Some(score) = score {
            for (stage, likelihood) in [("inherent", 5), ("current", score)] {
                let assessed = json!({"stage": stage, "likelihood": likelihood, "impact": 5});
                admin.post(&at(&format!("/risks/R-{number}/assessments")), assessed).await;
            }
        }
    }
    let treatment = json!({"option": "mitigate", "controls": ["A.8.13"], "reason": "decided"});
    admin.put(&at("/risks/R-2/treatment"), treatment).await;
    for (action, due) in [("T-1", "2999-01-31"), ("T-2", "2999-01-31"), ("T-3", "2999-03-31")] {
        let planned = json!({"ref": action, "what": "Restore a backup", "who": "admin", "due": due});
        admin.put(&at("/risks/R-2/actions"), planned).await;
    }
    admin.post(&at("/risks/R-2/actions/done"), json!({"ref": "T-1"})).await;
    let excluded = json!({"applicable": false, "justification": "No such thing"});
    admin.put(&at("/controls/A.7.6/applicability"), excluded).await;
    admin.put(&at("/controls/A.8.13/implementation"), json!({"state": "operating", "how": "Nightly"})).await;
    for valid_until in [json!("2999-01-01T00:00:00Z"), Value::Null] {
        let evidence = json!({"title": "Log", "note": "Restored", "supports": ["A.8.13"], "valid_until": valid_until});
        admin.post(&at("/evidence"), evidence).await;
    }
}

#[tokio::test]
async fn a_consultancy_sees_how_its_clients_stand() {
    let system = System::start().await;
    let (admin, ours) = (system.as_admin(), system.organisation.clone());
    let (birch, acme) = (system.tenant("Birch").await, system.tenant("Acme").await);
    assert_eq!(names(&portfolio(&admin, &ours, "").await), ["Birch", "Acme"]);
    fill(&admin, &birch).await;
    let figures = json!({
        "risks": 3, "above_acceptance": 2, "untreated": 1, "applicable": 1, "excluded": 1, "implemented": 1, "evidence": 2,
    });
    let shows = |item: &Value| figures.as_object().expect("figures").iter().all(|(name, value)| item[name] == *value);
    until("the figures to arrive", async || shows(&portfolio(&admin, &ours, "").await["items"][0])).await;
    let before = portfolio(&admin, &ours, "").await;
    let item = &before["items"][0];
    assert_eq!((&item["id"], &item["state"]), (&json!(birch), &json!("active")), "{item}");
    assert_eq!(item["levels"], json!([{"rank": 3, "label": "critical", "risks": 2}]), "{item}");
    assert_eq!(item["expiring"], json!([{"on": "2999-01-01", "evidence": 1}]), "{item}");
    let due = |item: &Value| {
        item["actions"] == json!([{"on": "2999-01-31", "actions": 1}, {"on": "2999-03-31", "actions": 1}])
    };
    until("the actions to arrive", async || due(&portfolio(&admin, &ours, "").await["items"][0])).await;
    assert_eq!(item["soa"], Value::Null);

    // It filters, sorts and pages, and shows what was known then.
    assert_eq!(names(&portfolio(&admin, &ours, "?sort=name").await), ["Acme", "Birch"]);
    assert_eq!(names(&portfolio(&admin, &ours, "?untreated=1").await), ["Birch"]);
    assert_eq!(names(&portfolio(&admin, &ours, "?sort=-above_acceptance&limit=1").await), ["Birch"]);
    let paused = json!({"state": "suspended", "reason": "unpaid"});
    admin.put(&format!("/v1/tenants/{acme}/state"), paused).await;
    until("the state to arrive", async || names(&portfolio(&admin, &ours, "?state=suspended").await) == ["Acme"]).await;
    let then = portfolio(&admin, &ours, &format!("?as_of={}", before["position"])).await;
    assert_eq!(then, before);

    // What was issued is told.
    let at = |tail: &str| format!("/v1/tenants/{birch}{tail}");
    let included = json!({"applicable": true, "basis": "good_practice", "justification": "As it is"});
    let all = json!({"filter": {"applicability": "undecided"}, "applicability": included, "reason": "the rest"});
    admin.post(&at("/controls"), all).await;
    let digest = admin.get(&at("/soa")).await.json["digest"].clone();
    admin.post(&at("/soa/approvals"), json!({"digest": digest})).await;
    admin.post(&at("/soa/issues"), json!({})).await;
    until("the statement to arrive", async || portfolio(&admin, &ours, "").await["items"][0]["soa"]["number"] == 1)
        .await;

    // What an owner accepts is told with its last day, until the risk changes.
    let olga = system.person(&birch, "olga", &["risk_owner"]).await;
    admin.put(&at("/risks/R-2/owner"), json!({"owner": "olga"})).await;
    admin.post(&at("/risks/R-2/assessments"), json!({"stage": "residual", "likelihood": 1, "impact": 1})).await;
    olga.put(&at("/risks/R-2/acceptance"), json!({"until": "2999-12-31"})).await;
    let accepted = async || portfolio(&admin, &ours, "").await["items"][0]["accepted"].clone();
    until("the acceptance to arrive", async || accepted().await == json!([{"on": "2999-12-31", "risks": 1}])).await;
    admin.put(&at("/risks/R-2/description"), json!({"name": "Flood"})).await;
    until("its end to arrive", async || accepted().await == json!([])).await;
    admin.post(&at("/risks/R-1/close"), json!({"reason": "sold"})).await;
    until("the closed risk to leave", async || portfolio(&admin, &ours, "").await["items"][0]["risks"] == 2).await;

    until("audit to have it all", async || system.verify().await.0).await;
}

#[tokio::test]
async fn everybody_sees_the_tenants_that_they_may_see_and_no_other() {
    let system = System::start().await;
    let (admin, ours) = (system.as_admin(), system.organisation.clone());
    let mut tenants = Vec::new();
    for name in ["Acme", "Birch", "Cedar", "Doe"] {
        tenants.push(system.tenant(name).await);
    }
    let jo = system.person(&tenants[1], "jo", &["viewer"]).await;
    system.person(&tenants[3], "jo", &["isms_manager"]).await;
    assert_eq!(names(&portfolio(&jo, &ours, "").await), ["Birch", "Doe"]);
    // A page is full although others stand between, and the next one goes on where it ended.
    let first = portfolio(&jo, &ours, "?sort=-name&limit=1").await;
    let next = format!("?sort=-name&limit=1&cursor={}", first["next"].as_str().expect("a next page"));
    assert_eq!((names(&first), names(&portfolio(&jo, &ours, &next).await)), (vec!["Doe"], vec!["Birch"]));
    let nobody = system.person(&tenants[0], "nobody", &[]).await;
    assert_eq!(names(&portfolio(&nobody, &ours, "").await), Vec::<&str>::new());

    // Of another organisation there is nothing to see, whoever asks, by whatever id.
    let other = system.as_organisation("Fernhill").await;
    let theirs = other.tenant("Theirs").await;
    let namesake = other.person(&theirs, "jo", &["isms_manager"]).await;
    let nowhere = uuid::Uuid::new_v4().to_string();
    for client in [&namesake, &other.as_admin()] {
        let mut told = Vec::new();
        for id in [&ours, &nowhere, &tenants[1]] {
            let path = format!("/v1/organisations/{id}/portfolio");
            let answer = client.send(Method::GET, &path, None, &[]).await;
            told.push((answer.status.as_u16(), answer.body));
        }
        assert!(told.iter().all(|answer| *answer == told[0] && answer.0 == 404), "{told:?}");
    }
    assert_eq!(names(&portfolio(&namesake, &other.organisation, "").await), ["Theirs"]);

    // A role that is taken away shows nothing from then on.
    admin.put(&format!("/v1/tenants/{}/people/jo", tenants[1]), json!({"roles": []})).await;
    assert_eq!(names(&portfolio(&jo, &ours, "").await), ["Doe"]);
}

#[tokio::test]
async fn a_tenant_that_is_handed_over_leaves_and_comes_back_with_its_figures() {
    let system = System::start().await;
    let (admin, ours) = (system.as_admin(), system.organisation.clone());
    let other = system.as_organisation("Fernhill").await;
    let (olaf, theirs) = (other.as_admin(), other.organisation.clone());
    let tenant = system.tenant("Acme").await;
    admin.post(&format!("/v1/tenants/{tenant}/risks"), json!({"ref": "R-1", "name": "Fire"})).await;
    let one_risk = async |client: &Client, organisation: &str| {
        let listed = portfolio(client, organisation, "").await;
        listed["items"].as_array().is_some_and(|items| items.len() == 1) && listed["items"][0]["risks"] == 1
    };
    until("the risk to be counted", async || one_risk(&admin, &ours).await).await;
    for (owner, from, taker, to) in [(&admin, &ours, &olaf, &theirs), (&olaf, &theirs, &admin, &ours)] {
        owner.put(&format!("/v1/tenants/{tenant}/offer"), json!({"organisation": to})).await;
        taker.put(&format!("/v1/organisations/{to}/tenants/{tenant}"), json!({})).await;
        assert_eq!(portfolio(owner, from, "").await["items"], json!([]));
        until("the figures to arrive", async || one_risk(taker, to).await).await;
    }
    until("audit to have it all", async || system.verify().await.0).await;
    assert_eq!(portfolio(&olaf, &theirs, "").await["items"], json!([]));
}

/// Between what risk said, the tenant's figures and the organisation's report there are three transactions: the process dies
/// after each.
#[tokio::test]
async fn a_process_that_dies_on_the_way_loses_and_doubles_no_figure() {
    let mut system = System::start().await;
    let (tenant, ours) = (system.tenant("Acme").await, system.organisation.clone());
    let shown = async |system: &System| portfolio(&system.as_admin(), &ours, "").await["items"][0]["risks"].clone();
    let points = ["tenancy:reacted", "tenancy:appended", "tenancy:committed", "tenancy:published", "tenancy:taken"];
    for (number, point) in (1..).zip(points) {
        system.processes.clear();
        system.serve_until(point).await;
        let risk = json!({"ref": format!("R-{number}"), "name": "Fire"}).to_string();
        let (dying, path) = (system.as_admin(), format!("/v1/tenants/{tenant}/risks"));
        until("an answer, or none ever", async || {
            !matches!(dying.try_send(Method::POST, &path, Some(risk.clone()), &[]).await, Ok(answer) if answer.status == 503)
        })
        .await;
        let ended = timeout(Duration::from_secs(30), system.processes[0].child.wait()).await;
        ended.unwrap_or_else(|_| panic!("{point} was not reached")).expect("waited");
        system.processes.clear();
        system.serve(&SERVICES).await;
        system.ready().await;
        // It may have died over something earlier.
        system.as_admin().send(Method::POST, &path, Some(risk), &[]).await;
        until(&format!("the risk of {point} to be counted"), async || shown(&system).await == number).await;
    }
    let noted =
        format!("select count(*) from events where tenant_id = '{tenant}' and event_type = 'figure.risk_noted'");
    assert_eq!(numbers(&system, "tenancy", &noted).await, [5]);
    let told = "select (body::jsonb->'data'->>'position')::bigint from events where event_type = 'client.reported' order by position";
    let told = numbers(&system, "tenancy", told).await;
    assert!(told.windows(2).all(|pair| pair[0] < pair[1]), "each report is later than the one before: {told:?}");
    until("audit to have it all", async || system.verify().await.0).await;
}

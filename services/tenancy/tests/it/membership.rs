use crate::http::{House, now};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use reqwest::StatusCode;
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn a_caller_is_told_what_they_may_do() {
    let house = House::start().await;
    let (tenant, ada, jo) = (house.tenant().await, house.token("ada", true), house.token("jo", false));
    let path = format!("{tenant}/permissions");
    let all = house.get(&ada, &path).await;
    assert_eq!((&all.body["person"], &all.body["administrator"]), (&json!("ada"), &json!(true)), "{}", all.body);
    let actions = all.body["actions"].as_array().expect("actions");
    assert_eq!(
        (actions.len(), actions.first(), &all.body["roles"]),
        (8, Some(&json!("decide_applicability")), &json!([]))
    );

    assert_eq!(house.get(&jo, &path).await.status, StatusCode::NOT_FOUND);
    let (roles, until) = (["internal_auditor", "control_owner", "risk_owner"], in_hours(1));
    let terms = json!({ "internal_auditor": { "until": until }, "risk_owner": { "from": until } });
    let set = house.put(&ada, &format!("{tenant}/people/jo"), json!({ "roles": roles, "terms": terms })).await;
    assert_eq!(set.status, StatusCode::OK, "{}", set.body);
    let some = house.get(&jo, &path).await;
    assert_eq!(
        some.body,
        json!({
            "position": some.body["position"], "person": "jo", "administrator": false,
            "roles": ["control_owner", "internal_auditor"], "terms": { "internal_auditor": { "until": until } },
            "actions": ["read", "read_trail", "write_controls", "write_findings"],
        })
    );
    // It is as it is now: who wants to know what was reads the history of the roles.
    let then = house.get(&jo, &format!("{path}?as_of=1")).await;
    assert_eq!((then.status, &then.body["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!("as_of")));
    house.running.stop().await;
}

fn written(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn in_hours(hours: i64) -> String {
    written(now() + TimeDelta::hours(hours))
}

#[tokio::test]
async fn a_role_that_is_held_for_a_time_is_shown_with_it_and_ends_by_itself() {
    let house = House::start().await;
    let (tenant, ada, jo) = (house.tenant().await, house.token("ada", true), house.token("jo", false));
    let (people, person) = (format!("{tenant}/people"), format!("{tenant}/people/jo"));
    let later = in_hours(1);
    let set = house
        .put(
            &ada,
            &person,
            json!({ "roles": ["viewer"], "terms": { "viewer": { "from": later } }, "reason": "a start" }),
        )
        .await;
    assert_eq!(set.status, StatusCode::OK, "{}", set.body);
    // Who has no role yet is a stranger until then.
    assert_eq!(house.get(&jo, &people).await.status, StatusCode::NOT_FOUND);
    let shown = house.get(&ada, &people).await.body;
    let item = json!([{ "person": "jo", "roles": ["viewer"], "terms": { "viewer": { "from": later } } }]);
    assert_eq!(shown["items"], item);
    let before = shown["position"].as_i64().expect("a position");

    let soon = now() + TimeDelta::seconds(3);
    let brief = json!({ "roles": ["viewer"], "terms": { "viewer": { "until": written(soon) } } });
    let set = house.put(&ada, &person, brief.clone()).await;
    assert_eq!((set.status, &set.body["changed"]), (StatusCode::OK, &json!(true)), "{}", set.body);
    assert_eq!(house.put(&ada, &person, brief).await.body["changed"], false);
    assert_eq!(house.get(&jo, &people).await.status, StatusCode::OK);
    while house.get(&jo, &people).await.status == StatusCode::OK {
        assert!(now() < soon + TimeDelta::seconds(30), "it does not end");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(now() >= soon - TimeDelta::seconds(1), "it ended early");
    assert_eq!(house.get(&jo, &people).await.status, StatusCode::NOT_FOUND);
    // Nothing was recorded at that instant, and what was before is still told.
    let after = house.get(&ada, &people).await.body;
    assert_eq!(after["position"], before + 1, "{after}");
    assert_eq!(house.get(&ada, &format!("{people}?as_of={before}")).await.body["items"], item);
    let history = house.get(&ada, &format!("{tenant}/roles/history?after={before}")).await.body;
    let changes = json!([
        { "field": "terms.jo.viewer.from", "from": later, "to": null },
        { "field": "terms.jo.viewer.until", "from": null, "to": written(soon) },
    ]);
    assert_eq!(history["items"][0]["changes"], changes, "{history}");

    // A time that has passed is no time to give; to go on with the one that is over is no change.
    let over = house
        .put(
            &ada,
            &format!("{tenant}/people/kim"),
            json!({ "roles": ["viewer"], "terms": { "viewer": { "until": written(soon) } } }),
        )
        .await;
    assert_eq!((over.status, &over.body["type"]), (StatusCode::CONFLICT, &json!("urn:stele:problem:over_already")));
    let wrong = house.put(&ada, &person, json!({ "roles": ["viewer"], "terms": { "risk_owner": {} } })).await;
    assert_eq!(
        (wrong.status, &wrong.body["errors"][0]["field"]),
        (StatusCode::BAD_REQUEST, &json!("terms.risk_owner"))
    );
    house.running.stop().await;
}

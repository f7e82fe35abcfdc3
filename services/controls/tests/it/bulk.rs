//! Saying the same of many controls: all of them or none, each with a history of its own.

use crate::house::House;
use crate::{ids, soa_row, views_equal_a_rebuild};
use serde_json::{Value, json};

#[tokio::test]
async fn all_93_are_decided_in_one_call_each_with_its_history() {
    let house = House::new().await;
    let tenant = house.tenant().await;
    let body = json!({
        "filter": {}, "owner": "mara", "state": "planned", "next_review": "2999-01-01", "reason": "kick-off",
        "applicability": {"applicable": true, "basis": "good_practice", "justification": "We take the whole Annex A"},
    });
    let dry = tenant.post("/controls?dry_run=true", body.clone()).await.json();
    assert_eq!((&dry["dry_run"], &dry["changed"], &dry["position"]), (&json!(true), &json!(93), &json!(94)));
    assert_eq!(tenant.get("/controls?owner=mara").await.json()["items"], json!([]), "nothing was recorded");

    let done = tenant.post_once("/controls", body.clone(), "one").await.json();
    let counts = (&done["changed"], &done["unchanged"], &done["position"]);
    assert_eq!(counts, (&json!(93), &json!(0), &json!(94 + 4 * 93)), "{done}");
    assert_eq!(tenant.post_once("/controls", body.clone(), "one").await.json(), done);
    let again = tenant.post("/controls", body).await.json();
    assert_eq!((&again["changed"], &again["unchanged"], &again["errors"]), (&json!(0), &json!(93), &json!([])));
    assert_eq!(tenant.get("/soa").await.json()["counts"]["undecided"], 0);

    for control in ["A.5.1", "A.8.34"] {
        let history = tenant.get(&format!("/controls/{control}/history")).await.json();
        let told: Vec<_> = history["items"].as_array().expect("items")[1..]
            .iter()
            .map(|entry| (entry["type"].as_str().expect("a type"), entry["reason"].as_str().expect("a reason")))
            .collect();
        let expected =
            ["control.included", "control.owner_assigned", "control.implementation_set", "control.review_planned"];
        assert_eq!(told, expected.map(|kind| (kind, "kick-off")));
    }
    views_equal_a_rebuild(&house, &tenant).await;
}

#[tokio::test]
async fn one_that_is_refused_keeps_all_back_and_each_is_told() {
    let house = House::new().await;
    let tenant = house.tenant().await;
    tenant.treat("R-7", &["A.8.13"], &[]).await.expect("linked");
    let position = tenant.treat("R-9", &["A.8.14"], &[]).await.expect("linked");
    let body = json!({
        "controls": ["A.8.14", "A.5.1", "A.8.13", "A.9.1"], "reason": "too dear",
        "applicability": {"applicable": false, "justification": "Not needed"},
    });
    let told = |answer: Value| {
        let errors = answer["errors"].as_array().expect("errors").clone();
        errors.iter().map(|error| format!("{}: {}", error["field"], error["detail"])).collect::<Vec<_>>().join("\n")
    };
    let refused = tenant.post("/controls", body.clone()).await;
    assert_eq!(refused.status.as_u16(), 400, "{refused:?}");
    let errors = told(refused.json());
    for part in
        ["\"controls.A.8.13\": \"the treatment of R-7 relies", "\"controls.A.8.14\": \"the treatment of R-9", "A.9.1"]
    {
        assert!(errors.contains(part), "{errors}");
    }
    let dry = tenant.post("/controls?dry_run=true", body).await.json();
    assert_eq!((told(dry.clone()), &dry["changed"]), (errors, &json!(1)));
    assert_eq!(soa_row(&tenant, "A.5.1", "").await["applicable"], Value::Null);
    assert_eq!(tenant.get("/controls").await.json()["position"], position);
}

#[tokio::test]
async fn what_a_treatment_relies_on_is_not_undecided() {
    let house = House::new().await;
    let tenant = house.tenant().await;
    tenant.treat("R-7", &["A.8.13"], &[]).await.expect("linked");
    let body = json!({
        "filter": {"applicability": "undecided"}, "reason": "kick-off",
        "applicability": {"applicable": true, "basis": "good_practice", "justification": "State of the art"},
    });
    let done = tenant.post("/controls", body).await.json();
    assert_eq!((&done["changed"], &done["unchanged"]), (&json!(92), &json!(0)), "{done}");
    let (kept, decided) = (soa_row(&tenant, "A.8.13", "").await, soa_row(&tenant, "A.5.1", "").await);
    assert_eq!((&kept["basis"], &kept["decided"]), (&json!("risk_treatment"), &json!(false)), "{kept}");
    assert_eq!((&decided["basis"], &decided["decided"]), (&json!("good_practice"), &json!(true)), "{decided}");
}

#[tokio::test]
async fn a_filter_chooses_what_is_so_and_how_each_is_implemented_stays() {
    let house = House::new().await;
    let tenant = house.tenant().await;
    tenant.put("/controls/A.6.3/implementation", json!({"state": "planned", "how": "A course a year"})).await;
    let body = json!({"filter": {"theme": "people"}, "state": "implemented", "reason": "a review"});
    let done = tenant.post("/controls", body).await.json();
    assert_eq!((&done["changed"], done["items"][0]["id"].as_str()), (&json!(8), Some("A.6.1")));
    let row = soa_row(&tenant, "A.6.3", "").await;
    assert_eq!((&row["state"], &row["how"]), (&json!("implemented"), &json!("A course a year")));

    for (body, field) in [
        (json!({"owner": "mara", "reason": "x"}), "controls"),
        (json!({"controls": ["A.5.1"], "filter": {}, "owner": "mara", "reason": "x"}), "controls"),
        (json!({"controls": ["A.5.1"], "owner": "mara"}), "reason"),
        (json!({"controls": ["A.5.1"], "reason": "x"}), "body"),
        (json!({"filter": {"theme": "cloud"}, "owner": "mara", "reason": "x"}), "filter.theme"),
    ] {
        let (status, _, detail) = tenant.post("/controls", body).await.problem();
        assert!(status == 400 && detail.starts_with(&format!("{field}: ")), "{status} {detail}");
    }
}

#[tokio::test]
async fn a_test_and_a_review_are_read_now_and_as_of_then() {
    let house = House::new().await;
    let tenant = house.tenant().await;
    tenant.put("/controls/A.8.13/next-review", json!({"next_review": "2026-01-01"})).await;
    let test =
        json!({"tested_on": "2026-02-01", "method": "reperformance", "sample": "2 of 12", "result": "effective"});
    assert_eq!(tenant.post("/controls/A.8.13/tests", test.clone()).await.status.as_u16(), 200);
    tenant.put("/controls/A.8.13/maturity", json!({"level": 4})).await;
    let control = tenant.get("/controls/A.8.13").await.json();
    assert_eq!((&control["last_test"], &control["maturity"]), (&test, &json!(4)));
    assert_eq!((&control["review_overdue"], &control["next_review"]), (&json!(true), &json!("2026-01-01")));
    let before = tenant.get("/controls/A.8.13?as_of=94").await.json();
    assert_eq!((&before["last_test"], &before["review_overdue"]), (&Value::Null, &json!(false)));
    for query in ["effectiveness=effective", "next_review=2026-01-01"] {
        assert_eq!(ids(&tenant.get(&format!("/controls?{query}")).await.json()["items"]), ["A.8.13"]);
    }
    let (status, _, detail) = tenant.put("/controls/A.8.13/next-review", json!({})).await.problem();
    assert!(status == 400 && detail.starts_with("next_review: "), "{detail}");
    tenant.put("/controls/A.8.13/next-review", json!({"next_review": null})).await;
    assert_eq!(tenant.get("/controls/A.8.13").await.json()["review_overdue"], false);

    for (body, field) in [
        (json!({"tested_on": "2999-01-01", "method": "inquiry", "sample": "x", "result": "effective"}), "tested_on"),
        (json!({"tested_on": "2026-01-01", "method": "inquiry", "sample": "x", "result": "ineffective"}), "finding"),
        (json!({"tested_on": "2026-01-01", "method": "inquiry", "sample": " ", "result": "effective"}), "sample"),
    ] {
        let (status, _, detail) = tenant.post("/controls/A.8.13/tests", body).await.problem();
        assert!(status == 400 && detail.starts_with(&format!("{field}: ")), "{status} {detail}");
    }
    let (status, _, detail) = tenant.put("/controls/A.8.13/maturity", json!({"level": 6})).await.problem();
    assert!(status == 400 && detail.starts_with("level: "), "{detail}");
    views_equal_a_rebuild(&house, &tenant).await;
}

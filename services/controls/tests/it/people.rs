//! Who must know and can what, and what is told to whom.

use crate::house::House;
use crate::{ids, views_equal_a_rebuild};
use serde_json::json;

#[tokio::test]
async fn the_gap_is_who_must_have_a_competence_and_has_not_shown_it() {
    let house = House::new().await;
    let tenant = house.tenant().await;
    let course = json!({"ref": "K-1", "title": "Secure coding", "kind": "competence", "criterion": "The course of this year",
                        "people": ["sam", "mara", "olga"], "due_on": "2020-01-01"});
    assert_eq!(tenant.post("/competences", course).await.status.as_u16(), 201);
    let path = "/competences/K-1/people";
    let told = tenant.get(path).await.json();
    assert_eq!((&told["gap"], &told["overdue"]), (&json!(["mara", "olga", "sam"]), &json!(true)));
    let show = |person: &str, until: Option<&str>| json!({"person": person, "shown_on": "2026-01-01", "by": "training", "evidence": "List of participants", "holds_until": until});
    let first = tenant.post(path, show("sam", None)).await;
    assert_eq!((first.status.as_u16(), first.json()["id"].as_str()), (200, Some("K-1/sam")), "{first:?}");
    tenant.post(path, show("mara", Some("2999-01-01"))).await;
    // It counted once, and no more.
    tenant.post(path, show("olga", Some("2026-01-02"))).await;
    let told = tenant.get(path).await.json();
    assert_eq!((&told["gap"], ids(&told["items"])), (&json!(["olga"]), vec!["K-1/mara", "K-1/olga", "K-1/sam"]));
    let then = tenant.get(&format!("{path}?as_of={}", first.json()["position"])).await.json();
    assert_eq!((&then["gap"], ids(&then["items"])), (&json!(["mara", "olga"]), vec!["K-1/sam"]));
    assert_eq!(ids(&tenant.get(&format!("{path}?person=mara")).await.json()["items"]), ["K-1/mara"]);
    tenant.post(path, show("olga", None)).await;
    let told = tenant.get(path).await.json();
    assert_eq!((&told["gap"], &told["overdue"]), (&json!([]), &json!(false)));

    for (body, field) in [
        (show("Sam", None), "person"),
        (show("sam", Some("2025-01-01")), "holds_until"),
        (json!({"person": "sam", "shown_on": "2999-01-01", "by": "test", "evidence": "x"}), "shown_on"),
    ] {
        let (status, _, detail) = tenant.post(path, body).await.problem();
        assert!(status == 400 && detail.starts_with(&format!("{field}: ")), "{status} {detail}");
    }
    for query in ["kind=competence", "state=needed", "due_on=2020-01-01", "sort=-title"] {
        assert_eq!(ids(&tenant.get(&format!("/competences?{query}")).await.json()["items"]), ["K-1"], "{query}");
    }
    tenant.put("/competences/K-1/retirement", json!({"reason": "another course"})).await;
    let (status, code, _) = tenant.post(path, show("sam", Some("2999-01-01"))).await.problem();
    assert_eq!((status, code.as_str()), (409, "not_needed"));
    assert_eq!(tenant.get("/competences/K-2/people").await.status.as_u16(), 404);
    assert_eq!(tenant.post("/competences/K-2/people", show("sam", None)).await.status.as_u16(), 404);
    views_equal_a_rebuild(&house, &tenant).await;
}

#[tokio::test]
async fn a_line_of_the_communication_plan_tells_when_it_is_overdue() {
    let house = House::new().await;
    let tenant = house.tenant().await;
    let line = json!({"ref": "C-1", "subject": "How our risks stand", "occasion": "Once a quarter",
                      "with_whom": "Top management", "means": "Report", "owner": "mara", "next_on": "2026-01-31"});
    assert_eq!(tenant.post("/communications", line).await.status.as_u16(), 201);
    assert_eq!(tenant.get("/communications/C-1").await.json()["overdue"], true);
    let made = json!({"made_on": "2026-02-01", "record": "Minutes of the meeting", "next_on": "2999-01-01"});
    assert_eq!(tenant.post("/communications/C-1/records", made).await.status.as_u16(), 200);
    let shown = tenant.get("/communications/C-1").await.json();
    let expected = (&json!(false), &json!("2026-02-01"), &json!("2999-01-01"));
    assert_eq!((&shown["overdue"], &shown["last_on"], &shown["next_on"]), expected);
    let before = shown["position"].as_i64().expect("a position") - 1;
    assert_eq!(tenant.get(&format!("/communications/C-1?as_of={before}")).await.json()["overdue"], true);
    for query in ["owner=mara", "state=planned", "next_on=2999-01-01", "sort=subject"] {
        assert_eq!(ids(&tenant.get(&format!("/communications?{query}")).await.json()["items"]), ["C-1"], "{query}");
    }
    let (status, _, detail) = tenant.post("/communications", json!({"ref": "C-2", "subject": "x"})).await.problem();
    assert!(status == 400 && detail.starts_with("occasion: "), "{detail}");
    tenant.put("/communications/C-1/end", json!({"reason": "told otherwise"})).await;
    let (status, code, _) =
        tenant.post("/communications/C-1/records", json!({"made_on": "2026-02-02", "record": "x"})).await.problem();
    assert_eq!((status, code.as_str()), (409, "stopped"));
    let history = tenant.get("/communications/C-1/history").await.json();
    assert_eq!(history["items"].as_array().map(Vec::len), Some(3));
    views_equal_a_rebuild(&house, &tenant).await;
}

//! The same said of many risks: of all of them or of none.

use crate::api::Api;
use serde_json::{Value, json};

fn fields(answer: &Value) -> Vec<String> {
    let errors = answer["errors"].as_array().expect("errors").iter();
    errors.filter_map(|error| error["field"].as_str().map(ToOwned::to_owned)).collect()
}

#[tokio::test]
async fn those_that_a_filter_finds_are_changed_together_with_one_reason_and_a_history_each() {
    let api = Api::with_examples().await;
    let graves = api.get("/risks?level=3&limit=1000").await["items"].as_array().expect("items").len();
    assert!(graves > 1, "the example has grave risks");
    let body = json!({
        "filter": {"level": 3}, "owner": "jo", "reason": "The committee decided",
        "treatment": {"option": "mitigate", "controls": ["A.8.13"]},
        "action": {"ref": "T-90", "what": "Restore a backup", "who": "jo", "due": "2999-03-31"},
    });
    let before = api.get("/risks").await["position"].clone();
    let dry = api.post("/risks/changes?dry_run=true", body.clone()).await.1;
    assert_eq!((&dry["dry_run"], &dry["changed"], &dry["position"]), (&json!(true), &json!(graves), &before));
    assert_eq!(api.get("/risks?owner=jo").await["items"], json!([]), "nothing was recorded");

    let (status, done) = api.post("/risks/changes", body.clone()).await;
    assert_eq!((status, &done["changed"], &done["errors"]), (200, &json!(graves), &json!([])), "{done}");
    let theirs = api.get("/risks?owner=jo&treatment=mitigate&limit=1000").await;
    assert_eq!(theirs["items"].as_array().map(Vec::len), Some(graves));
    assert_eq!(api.get("/actions?who=jo&limit=1000").await["items"].as_array().map(Vec::len), Some(graves));
    let first = done["items"][0]["id"].as_str().expect("an id").to_owned();
    let history = api.get(&format!("/risks/{first}/history")).await;
    let reasons = history["items"].as_array().expect("items").iter().filter(|entry| entry["reason"] == body["reason"]);
    assert_eq!(reasons.count(), 3);
    assert_eq!(api.post("/risks/changes", body).await.1["unchanged"], graves);

    let close = |closed: bool| json!({"risks": [first], "closed": closed, "reason": "x"});
    let (status, refused) = api.post("/risks/changes", close(true)).await;
    assert_eq!((status, fields(&refused)), (400, vec![format!("risks.{first}")]), "an action is open: {refused}");
    let finished = json!({"ref": "T-90"});
    assert_eq!(api.post(&format!("/risks/{first}/actions/done"), finished).await.0, 200);
    for (closed, state) in [(true, "closed"), (false, "monitored")] {
        assert_eq!(api.post("/risks/changes", close(closed)).await.0, 200);
        assert_eq!(api.get(&format!("/risks/{first}")).await["state"], state);
    }
    api.running.stop().await;
}

#[tokio::test]
async fn one_that_is_refused_keeps_all_back_and_each_is_told() {
    let api = Api::with_examples().await;
    assert_eq!(api.post("/risks", json!({"ref": "R-60", "name": "Fire"})).await.0, 201);
    let before = api.get("/risks").await["position"].clone();
    let treatment = json!({"option": "avoid"});
    let body = json!({"risks": ["R-1", "R-60", "R-99"], "treatment": treatment, "reason": "x"});
    let (status, refused) = api.post("/risks/changes", body.clone()).await;
    assert_eq!((status, fields(&refused)), (400, vec!["risks.R-60".to_owned(), "risks".to_owned()]), "{refused}");
    let dry = api.post("/risks/changes?dry_run=true", body).await.1;
    assert_eq!((&dry["errors"], &dry["position"]), (&refused["errors"], &before));
    assert_eq!(api.get("/risks").await["position"], before);

    for (wrong, field) in [
        (json!({"risks": ["R-1"], "reason": "x"}), "body"),
        (json!({"owner": "jo", "reason": "x"}), "risks"),
        (json!({"risks": ["R-1"], "filter": {}, "owner": "jo", "reason": "x"}), "risks"),
        (json!({"risks": ["R-1"], "owner": "jo"}), "reason"),
        (json!({"risks": ["R-1"], "owner": "Jo!", "reason": "x"}), "owner"),
        (json!({"risks": ["R-1"], "treatment": {"option": "mitigate"}, "reason": "x"}), "treatment.controls"),
    ] {
        let (status, refused) = api.post("/risks/changes", wrong).await;
        assert_eq!((status, fields(&refused)), (400, vec![field.to_owned()]), "{refused}");
    }
    api.running.stop().await;
}

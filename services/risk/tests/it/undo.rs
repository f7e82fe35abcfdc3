//! Uploads are listed, and taken back as long as nobody built on them.

use crate::api::{ASSETS, Api, RISKS, json_of};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

async fn upload(api: &Api, path: &str, file: &str) -> String {
    let (status, answer) = api.upload(path, file).await;
    assert_eq!(status, 200, "{answer}");
    answer["id"].as_str().unwrap_or_else(|| panic!("no id in {answer}")).to_owned()
}

async fn undo(api: &Api, register: &str, id: &str) -> (u16, Value) {
    api.post(&format!("/imports/{register}/{id}/undo"), json!({"reason": "another client's file"})).await
}

fn count(listed: &Value) -> usize {
    listed["items"].as_array().expect("items").len()
}

#[tokio::test]
async fn a_first_upload_is_taken_back_and_the_right_file_takes_its_place() {
    let api = Api::start().await;
    let assets = upload(&api, "/imports/assets", ASSETS).await;
    let risks = upload(&api, "/imports/risks", RISKS).await;
    let there = api.get("/risks").await["position"].clone();
    let (status, refused) = undo(&api, "assets", &assets).await;
    assert_eq!((status, &refused["type"]), (409, &json!("urn:stele:problem:built_on")), "{refused}");
    let first = &refused["errors"][0];
    assert_eq!(first["field"], "A-1");
    assert!(first["detail"].as_str().is_some_and(|detail| detail.starts_with("it is named by R-1, ")), "{first}");

    for (register, id) in [("risks", &risks), ("assets", &assets)] {
        let (status, done) = undo(&api, register, id).await;
        assert_eq!((status, &done["changed"], &done["id"]), (200, &json!(true), &json!(id)), "{done}");
        let (status, again) = undo(&api, register, id).await;
        assert_eq!((status, &again["changed"], &again["position"]), (200, &json!(false), &done["position"]));
    }
    assert_eq!((count(&api.get("/risks").await), count(&api.get("/assets").await)), (0, 0));
    assert_eq!(count(&api.get(&format!("/risks?limit=1000&as_of={there}")).await), 48, "the log keeps it");
    let shown = api.get(&format!("/imports/risks/{risks}")).await;
    assert_eq!((&shown["rows"], &shown["created"], &shown["by"]), (&json!(48), &json!(48), &json!("mara")));
    assert_eq!(shown["undone"]["reason"], "another client's file");
    assert_eq!(json_of(api.request(Method::GET, "/risks/R-1")).await.0, 404);
    let (status, gone) = api.put("/risks/R-1/owner", json!({"owner": "mara"})).await;
    assert_eq!((status, &gone["type"]), (409, &json!("urn:stele:problem:removed")), "{gone}");

    upload(&api, "/imports/assets", ASSETS).await;
    let (_, answer) = api.upload("/imports/risks", RISKS).await;
    assert_eq!(answer["created"], 48, "the refs are free");
    assert_eq!(api.get("/risks/R-1").await["state"], "treatment_decided");
    assert_eq!((count(&api.get("/imports/risks").await), count(&api.get("/imports/assets").await)), (2, 2));
    api.running.stop().await;
}

#[tokio::test]
async fn what_an_upload_changed_is_again_as_it_was_unless_somebody_changed_it_since() {
    let api = Api::with_examples().await;
    let before = api.get("/risks/R-1").await;
    let file = "ref_id,name,current_proba,current_impact,assets\nR-1,Other,1,1,A-2\nR-2,Another,1,1,\n";
    let id = upload(&api, "/imports/risks", file).await;
    assert_eq!(api.get("/risks/R-1").await["name"], "Other");
    let (status, _) = api.put("/risks/R-2/owner", json!({"owner": "jo"})).await;
    assert_eq!(status, 200);
    let (status, refused) = undo(&api, "risks", &id).await;
    let told: Vec<_> = refused["errors"].as_array().expect("errors").iter().map(|error| &error["field"]).collect();
    assert_eq!((status, told), (409, vec![&json!("R-2")]), "{refused}");
    assert_eq!(api.get("/risks/R-1").await["name"], "Other", "nothing was taken back");

    let id = upload(&api, "/imports/risks", "ref_id,name\nR-3,Third\n").await;
    let third = api.get("/imports/risks?limit=1000").await;
    assert_eq!((third["items"][2]["id"].as_str(), &third["items"][2]["changed"]), (Some(id.as_str()), &json!(1)));
    assert_eq!(undo(&api, "risks", &id).await.0, 200);
    assert_ne!(api.get("/risks/R-3").await["name"], "Third");

    let id = upload(&api, "/imports/risks", "ref_id,name,current_proba,current_impact\nR-1,Once more,5,5\n").await;
    assert_eq!(undo(&api, "risks", &id).await.0, 200);
    let after = api.get("/risks/R-1").await;
    assert_eq!((&after["name"], &after["assets"]), (&json!("Other"), &json!(["A-2"])));
    assert_eq!(after["current"]["score"], 1);
    assert_ne!(after["current"]["score"], before["current"]["score"]);
    api.running.stop().await;
}

#[tokio::test]
async fn only_what_is_kept_is_taken_back_with_a_reason() {
    let api = Api::with_examples().await;
    let (status, again) = api.upload("/imports/assets", ASSETS).await;
    assert_eq!((status, again.get("id")), (200, None), "what changed nothing is no upload");
    let risks = api.get("/imports/risks").await["items"][0]["id"].as_str().expect("an id").to_owned();
    let (status, refused) = api.post(&format!("/imports/risks/{risks}/undo"), json!({})).await;
    assert_eq!((status, &refused["errors"][0]["field"]), (400, &json!("reason")));
    for path in [format!("/imports/assets/{risks}/undo"), format!("/imports/risks/{}/undo", Uuid::nil())] {
        assert_eq!(api.post(&path, json!({"reason": "x"})).await.0, 404, "{path}");
    }
    api.running.stop().await;
}

#[tokio::test]
async fn what_a_risk_got_first_by_an_upload_it_is_without_again() {
    let api = Api::with_examples().await;
    assert_eq!(api.post("/risks", json!({"ref": "R-bare", "name": "Bare"})).await.0, 201);
    let before = api.get("/risks/R-bare").await;
    let file = "ref_id,name,owner,inherent_proba,inherent_impact,residual_proba,residual_impact,treatment,additional_controls\n\
                R-bare,Bare,jo,4,4,1,1,mitigate,A.8.13\n";
    let id = upload(&api, "/imports/risks", file).await;
    let between = api.get("/risks/R-bare").await;
    assert_eq!((&between["owner"], &between["state"]), (&json!("jo"), &json!("treatment_decided")));

    // A round that began meanwhile counts the assessment as one before it.
    let round = json!({"ref": "AR-1", "name": "Spring", "due": "2999-04-30", "risks": ["R-bare"]});
    assert_eq!(api.post("/assessment-rounds", round).await.0, 201);
    let (status, refused) = undo(&api, "risks", &id).await;
    assert_eq!((status, refused["errors"].as_array().map(Vec::len)), (409, Some(1)), "{refused}");
    assert_eq!(refused["errors"][0]["detail"], "it is named by AR-1, since: take that back first");
    assert_eq!(api.post("/assessment-rounds/AR-1/completion", json!({"reason": "too early"})).await.0, 200);

    assert_eq!(undo(&api, "risks", &id).await.0, 200);
    let mut after = api.get("/risks/R-bare").await;
    let revision = after["revision"].take();
    assert!(revision.as_u64() > between["revision"].as_u64(), "what was decided on it is stale");
    for of_the_event in ["position", "version", "changed_at", "revision"] {
        after[of_the_event] = before[of_the_event].clone();
    }
    assert_eq!(after, before);
    let types = api.get("/risks/R-bare/history?limit=1000").await;
    let types: Vec<_> = types["items"].as_array().expect("items").iter().map(|event| event["type"].as_str()).collect();
    let back = ["owner_taken_back", "treatment_taken_back", "assessment_taken_back", "assessment_taken_back"];
    let back = back.map(|kind| format!("risk.{kind}"));
    assert_eq!(types[types.len() - 4..], back.each_ref().map(|kind| Some(kind.as_str())));
    api.running.stop().await;
}

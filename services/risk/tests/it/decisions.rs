//! What is decided on risks: another methodology, acceptances that end by themselves, the treatment plan.

use crate::api::{Api, json_of};
use reqwest::Method;
use serde_json::{Value, json};

/// The refs of what a list gives.
async fn listed(api: &Api, tail: &str) -> Vec<String> {
    let listed = api.get(tail).await;
    let items = listed["items"].as_array().expect("items").iter();
    items.filter_map(|item| item["id"].as_str().map(ToOwned::to_owned)).collect()
}

fn simpler() -> Value {
    json!({
        "likelihood": ["Rare", "Possible", "Likely"], "impact": ["Minor", "Moderate", "Major"],
        "levels": ["green", "amber", "red"], "matrix": [[0, 0, 1], [0, 1, 2], [1, 2, 2]], "acceptance_level": 0,
        "appetite": [{"category": "Market", "acceptance_level": 1}], "review_days": [365, 90, 30],
        "reason": "Five levels were never used"
    })
}

#[tokio::test]
async fn what_is_left_is_suggested_from_what_the_tests_of_its_controls_showed() {
    let api = Api::start().await;
    assert_eq!(api.post("/risks", json!({"ref": "R-1", "name": "Fire"})).await.0, 201);
    let assessed = json!({"stage": "inherent", "likelihood": 5, "impact": 4});
    assert_eq!(api.post("/risks/R-1/assessments", assessed).await.0, 200);
    let treatment = json!({"option": "mitigate", "controls": ["A.8.3"], "reason": "decided"});
    assert_eq!(api.put("/risks/R-1/treatment", treatment).await.0, 200);
    let suggested = async || api.get("/risks/R-1").await["suggested_residual"].clone();
    let before = suggested().await;
    assert_eq!((&before["likelihood"]["score"], &before["impact"]["score"]), (&json!(5), &json!(4)));

    let planned = json!({"state": "operating"});
    api.control("A.8.3", "control.implementation_set", planned).await;
    let untested = api.get("/risks/R-1").await;
    assert_eq!(untested["suggested_residual"]["likelihood"], json!({"score": 4, "label": "Likely"}));
    let tested = json!({"tested_on": "2026-03-01", "method": "inspection", "sample": "3 of 9", "result": "effective"});
    api.control("A.8.3", "control.tested", tested).await;
    let after = api.get("/risks/R-1").await;
    let works = json!([{"id": "A.8.3", "works": "fully", "bears_on": ["likelihood"]}]);
    assert_eq!(
        (&after["suggested_residual"]["controls"], &after["controls"][0]["effectiveness"]),
        (&works, &json!("effective"))
    );
    assert_eq!(after["suggested_residual"]["likelihood"]["score"], 3);
    assert_eq!(after["residual_level"], Value::Null, "nothing is assessed by itself");
    let then = api.get(&format!("/risks/R-1?as_of={}", untested["position"])).await;
    assert_eq!(then["suggested_residual"], untested["suggested_residual"]);
    api.running.stop().await;
}

#[tokio::test]
async fn another_methodology_moves_no_level_and_lists_what_to_assess_again() {
    let api = Api::with_examples().await;
    let before = api.get("/risks/R-7").await;
    let assessed = listed(&api, "/risks?limit=1000&methodology_revision=1").await.len();
    assert_eq!((assessed, listed(&api, "/reassessments").await.len()), (48, 0));
    assert_eq!(api.put("/methodology", simpler()).await.1["changed"], true);
    assert_eq!(api.put("/methodology", simpler()).await.1["changed"], false);
    let methodology = api.get("/methodology").await;
    assert_eq!((&methodology["revision"], &methodology["appetite"][0]["category"]), (&json!(2), &json!("Market")));
    let unmoved = api.get("/risks/R-7").await;
    assert_eq!((&unmoved["current"], &unmoved["level"]), (&before["current"], &before["level"]));
    assert_eq!(listed(&api, "/reassessments?limit=1000").await.len(), 48);

    let assess = |likelihood: &str| json!({"stage": "current", "likelihood": likelihood, "impact": 2, "occurred_at": "2026-02-01T00:00:00Z"});
    let (status, refused) = api.post("/risks/R-7/assessments", assess("Almost certain")).await;
    assert_eq!(status, 400, "{refused}");
    let described = json!({"name": "Leak", "category": "market", "threat": "A forgotten filter"});
    assert_eq!(api.put("/risks/R-7/description", described).await.0, 200);
    assert_eq!(api.post("/risks/R-7/assessments", assess("Possible")).await.0, 200);
    let anew = api.get("/risks/R-7").await;
    assert_eq!(anew["current"]["level"], json!({"rank": 1, "label": "amber"}));
    // More is accepted of its category than of others.
    assert_eq!((&anew["current"]["acceptable"], &anew["review_due"]), (&json!(true), &json!("2026-05-02")));
    assert_eq!(listed(&api, "/reassessments?limit=1000").await.len(), 47);
    assert_eq!(listed(&api, "/risks?review_due_before=2026-05-03").await, ["R-7"]);
    assert!(listed(&api, "/risks?review_due_before=2026-05-02").await.is_empty());
    assert_eq!(listed(&api, "/risks?category=market").await, ["R-7"]);

    let mut unusable = simpler();
    unusable["matrix"] = json!([[0, 0, 1], [0, 1, 0], [1, 2, 2]]);
    let (status, told) = api.put("/methodology", unusable).await;
    assert_eq!((status, &told["errors"][0]["field"]), (400, &json!("matrix")), "{told}");
    let history = api.get("/methodology/history").await;
    assert_eq!(history["items"][1]["reason"], "Five levels were never used");
    api.running.stop().await;
}

/// A risk of mara's, mitigated, with what is left of it at this likelihood.
async fn treated(api: &Api, id: &str, left: u8) {
    let risk = json!({"ref": id, "name": "Fire", "owner": "mara"});
    assert_eq!(api.post("/risks", risk).await.0, 201);
    for (stage, likelihood) in [("current", 4), ("residual", left)] {
        let assessed = json!({"stage": stage, "likelihood": likelihood, "impact": 4});
        assert_eq!(api.post(&format!("/risks/{id}/assessments"), assessed).await.0, 200);
    }
    let treatment = json!({"option": "mitigate", "controls": ["A.8.13"], "reason": "decided"});
    assert_eq!(api.put(&format!("/risks/{id}/treatment"), treatment).await.0, 200);
}

async fn acceptance(api: &Api, tail: &str) -> Value {
    api.get(tail).await["acceptance"]["state"].clone()
}

#[tokio::test]
async fn an_acceptance_takes_two_above_the_level_and_ends_by_itself() {
    let api = Api::start().await;
    treated(&api, "R-1", 3).await;
    let until = json!({"until": "2999-12-31"});
    let reasoned = json!({"until": "2999-12-31", "reason": "No budget before May"});
    let by = async |person: &str, body: Value| api.by(person, Method::PUT, "/risks/R-1/acceptance", body).await;
    let confirm =
        async |person: &str| api.by(person, Method::POST, "/risks/R-1/acceptance/confirmation", json!({})).await;
    let code = |(status, told): (u16, Value)| format!("{status} {}", told["type"].as_str().unwrap_or_default());
    assert_eq!(code(by("jo", reasoned.clone()).await), "409 urn:stele:problem:not_the_owner");
    assert_eq!(code(by("mara", until.clone()).await), "409 urn:stele:problem:no_reason");
    assert_eq!(code(by("mara", json!({"until": "2020-01-01"})).await), "400 urn:stele:problem:invalid");
    assert_eq!(by("mara", reasoned.clone()).await.1["changed"], true);
    assert_eq!(acceptance(&api, "/risks/R-1").await, "asked");
    assert_eq!(listed(&api, "/risks?acceptance=asked").await, ["R-1"]);
    assert_eq!(code(confirm("mara").await), "409 urn:stele:problem:same_person");
    let asked_at = api.get("/risks/R-1").await["position"].clone();
    assert_eq!(confirm("jo").await.1["changed"], true);
    let risk = api.get("/risks/R-1").await;
    assert_eq!((&risk["acceptance"]["confirmed_by"], &risk["state"]), (&json!("jo"), &json!("monitored")));
    assert_eq!(risk["acceptance"]["reason"], "No budget before May");
    assert_eq!(acceptance(&api, &format!("/risks/R-1?as_of={asked_at}")).await, "asked");

    // Looked at again and found the same; then found otherwise.
    for (likelihood, state) in [(3, "accepted"), (4, "lapsed")] {
        let assessed = json!({"stage": "residual", "likelihood": likelihood, "impact": 4});
        api.post("/risks/R-1/assessments", assessed).await;
        assert_eq!(acceptance(&api, "/risks/R-1").await, state);
    }
    assert_eq!(code(confirm("jo").await), "409 urn:stele:problem:nothing_asked");

    // Below the level the owner's word is enough. It held for January.
    treated(&api, "R-2", 1).await;
    let january = json!({"until": "2026-01-31", "occurred_at": "2026-01-01T00:00:00Z"});
    assert_eq!(api.put("/risks/R-2/acceptance", january).await.0, 200);
    assert_eq!(acceptance(&api, "/risks/R-2").await, "expired");
    assert_eq!(api.get("/risks").await["items"][1]["acceptance"]["state"], "expired");
    assert_eq!(listed(&api, "/risks?accepted_until_before=2026-02-01").await, ["R-2"]);
    assert_eq!(api.put("/risks/R-2/acceptance", until).await.0, 200);
    assert_eq!(acceptance(&api, "/risks/R-2").await, "accepted");
    assert_eq!(api.put("/methodology", simpler()).await.0, 200);
    assert_eq!(acceptance(&api, "/risks/R-2").await, "outdated");
    let told = api.put("/risks/R-2/acceptance", json!({"until": "2999-12-30"})).await;
    assert_eq!(code(told), "409 urn:stele:problem:old_methodology");
    let (status, _) = api.delete("/risks/R-2/acceptance", json!({})).await;
    assert_eq!(status, 400, "it says why");
    assert_eq!(api.delete("/risks/R-2/acceptance", json!({"reason": "It burnt"})).await.1["changed"], true);
    assert_eq!(acceptance(&api, "/risks/R-2").await, "withdrawn");
    api.running.stop().await;
}

#[tokio::test]
async fn owners_approve_the_plan_and_a_change_makes_it_stale() {
    let api = Api::start().await;
    for (id, left) in [("R-1", 1), ("R-2", 3)] {
        treated(&api, id, left).await;
    }
    let action = |due: &str| json!({"ref": "T-1", "what": "Move the paper", "who": "jo", "due": due});
    assert_eq!(api.put("/risks/R-1/actions", action("2026-01-31")).await.0, 200);
    assert_eq!(api.get("/risks/R-1").await["state"], "in_treatment");
    assert_eq!(listed(&api, "/actions?done=&due_before=2026-02-01&who=jo").await, ["R-1/T-1"]);
    let approvals = async |body: Value| api.post("/treatment-plan/approvals", body).await;
    let (status, refused) = approvals(json!({"until": "2999-12-31", "risks": ["R-1", "R-2", "R-9"]})).await;
    let told: Vec<&str> =
        refused["errors"].as_array().expect("errors").iter().filter_map(|e| e["detail"].as_str()).collect();
    assert_eq!(status, 400, "{refused}");
    assert!(
        told[0].starts_with("R-2: reason: the level is high") && told[1] == "there is no risk R-9 here",
        "{told:?}"
    );
    assert_eq!(api.get("/treatment-plan").await["counts"]["approved"], 0, "all or none");

    let approved = approvals(json!({"until": "2999-12-31", "reason": "No budget"})).await.1;
    assert_eq!((&approved["accepted"], &approved["asked"]), (&json!(["R-1"]), &json!(["R-2"])));
    let (_, nobodys) = api.by("jo", Method::POST, "/treatment-plan/approvals", json!({"until": "2999-12-31"})).await;
    assert_eq!(nobodys["errors"][0]["field"], "risks", "jo owns none");
    let plan = api.get("/treatment-plan").await;
    let counts = json!({"risks": 2, "approved": 2, "accepted": 1, "open_actions": 1, "overdue_actions": 1});
    assert_eq!(plan["counts"], counts);
    assert_eq!((&plan["rows"][1]["acceptance"], &plan["rows"][1]["approved_by"]), (&json!("asked"), &json!("mara")));

    assert_eq!(api.put("/risks/R-1/actions", action("2999-01-31")).await.0, 200);
    let changed = api.get("/treatment-plan?owner=mara").await;
    assert_eq!(
        (&changed["rows"][0]["approval"], &changed["rows"][0]["acceptance"]),
        (&json!("stale"), &json!("lapsed"))
    );
    assert_eq!(changed["counts"]["overdue_actions"], 0);
    let then = api.get(&format!("/treatment-plan?as_of={}", plan["position"])).await;
    assert_eq!(then["rows"], plan["rows"]);
    let table =
        api.request(Method::GET, "/treatment-plan.csv").send().await.expect("an answer").text().await.expect("text");
    assert!(
        table.contains("\nR-1,Fire,mara,critical,mitigate,decided,A.8.13,T-1,Move the paper,jo,2999-01-31,,low,"),
        "{table}"
    );

    let (status, refused) = api.post("/risks/R-1/close", json!({"reason": "No paper left"})).await;
    assert_eq!((status, &refused["type"]), (409, &json!("urn:stele:problem:actions_open")));
    assert_eq!(api.post("/risks/R-1/actions/done", json!({"ref": "T-1"})).await.0, 200);
    assert_eq!(api.post("/risks/R-1/close", json!({"reason": "No paper left"})).await.0, 200);
    assert_eq!(api.get("/treatment-plan").await["counts"]["risks"], 1);
    assert_eq!(api.post("/risks/R-1/reopen", json!({"reason": "New paper"})).await.0, 200);
    assert_eq!(json_of(api.request(Method::GET, "/risks/R-1")).await.1["state"], "monitored");
    api.running.stop().await;
}

//! What the ISMS is about and where it goes: context, scope, objectives, planned changes, rounds; and what assets are worth.

use crate::api::Api;
use reqwest::Method;
use serde_json::{Value, json};

fn refs(items: &Value, field: &str) -> Vec<String> {
    let items = items.as_array().expect("items").iter();
    items.filter_map(|item| item[field].as_str().map(ToOwned::to_owned)).collect()
}

fn code((status, told): (u16, Value)) -> String {
    format!("{status} {}", told["type"].as_str().unwrap_or_default().trim_start_matches("urn:stele:problem:"))
}

fn scope(sites: &[&str]) -> Value {
    let sites: Vec<Value> = sites.iter().map(|site| json!({"ref": site, "name": "Porto"})).collect();
    json!({"scope": {"statement": "All of it", "sites": sites}, "reason": "decided"})
}

async fn determined(api: &Api) {
    let climate = json!({"relevant": false, "why": "No site at risk"});
    assert_eq!(api.put("/context/issues", json!({"issues": [], "climate": climate})).await.0, 200);
    assert_eq!(api.put("/context/parties", json!({"parties": []})).await.0, 200);
    assert_eq!(api.put("/context/scope", scope(&["S-1", "S-2"])).await.0, 200);
}

#[tokio::test]
async fn management_approves_the_context_and_a_change_makes_that_stale_and_shows_what_it_touches() {
    let api = Api::start().await;
    let approve = async |person: &str, revision: u32| {
        api.by(person, Method::POST, "/context/approvals", json!({"revision": revision})).await
    };
    assert_eq!(code(approve("mara", 0).await), "409 no_management");
    assert_eq!(code(api.put("/context/management", json!({"people": ["ann"]})).await), "400 invalid");
    let named = json!({"people": ["ann", "bo"], "reason": "the articles say so"});
    assert_eq!(api.put("/context/management", named).await.0, 200);
    assert_eq!(code(approve("ann", 0).await), "409 incomplete");
    determined(&api).await;
    assert_eq!(code(approve("mara", 3).await), "409 not_management");
    assert_eq!(code(approve("ann", 2).await), "409 other_revision");
    assert_eq!(approve("ann", 3).await.1["changed"], true);
    assert_eq!(approve("ann", 3).await.1["changed"], false);
    assert_eq!(approve("bo", 3).await.1["changed"], true);
    let approved = api.get("/context").await;
    assert_eq!((&approved["approval"], &approved["approved"]["by"]), (&json!("approved"), &json!(["ann", "bo"])));

    let asset = |id: &str, site: &str| json!({"ref": id, "name": "Files", "kind": "primary", "scope": [site]});
    let (status, refused) = api.post("/assets", asset("A-1", "S-9")).await;
    assert_eq!((status, &refused["errors"][0]["field"]), (400, &json!("scope")), "{refused}");
    for (id, site) in [("A-1", "S-1"), ("A-2", "S-2")] {
        assert_eq!(api.post("/assets", asset(id, site)).await.0, 201);
        let risk = json!({"ref": id.replace('A', "R"), "name": "Fire", "assets": [id]});
        assert_eq!(api.post("/risks", risk).await.0, 201);
    }
    let assessed = json!({"stage": "current", "likelihood": 3, "impact": 3});
    assert_eq!(api.post("/risks/R-2/assessments", assessed).await.0, 200);
    let treatment = json!({"option": "mitigate", "controls": ["A.7.5"], "reason": "decided"});
    assert_eq!(api.put("/risks/R-2/treatment", treatment).await.0, 200);

    let before = api.get("/context").await;
    let (status, preview) = api.post("/context/scope/preview", json!({"scope": scope(&["S-1", "S-3"])["scope"]})).await;
    assert_eq!((status, refs(&preview["assets"], "id")), (200, vec!["A-2".into()]), "{preview}");
    assert_eq!(api.get("/context").await, before, "nothing was recorded");
    assert_eq!(api.put("/context/scope", scope(&["S-1", "S-3"])).await.0, 200);
    assert_eq!(api.get("/context").await["approval"], "stale");
    let changes = api.get("/context/scope/changes").await;
    assert_eq!(
        (refs(&changes["added"], "ref"), refs(&changes["removed"], "ref")),
        (vec!["S-3".into()], vec!["S-2".into()])
    );
    assert_eq!(
        (refs(&changes["assets"], "id"), refs(&changes["risks"], "id")),
        (vec!["A-2".into()], vec!["R-2".into()])
    );
    assert_eq!((&changes["controls"], &changes["restated"]), (&json!(["A.7.5"]), &json!(false)));
    let whole = api.get("/context/scope/changes?since=0").await;
    assert_eq!(refs(&whole["added"], "ref"), ["S-1", "S-3"]);
    let then = api.get(&format!("/context/scope/changes?as_of={}", approved["position"])).await;
    assert_eq!((&then["added"], &then["removed"]), (&json!([]), &json!([])));
    let history = api.get("/context/history").await;
    let last = history["items"].as_array().and_then(|items| items.last()).expect("an entry");
    assert_eq!((&last["type"], &last["reason"]), (&json!("context.scope_determined"), &json!("decided")));
    api.running.stop().await;
}

#[tokio::test]
async fn objectives_and_changes_are_followed_to_their_end() {
    let api = Api::start().await;
    let objective = |what: &str| {
        json!({"ref": "O-1", "what": what, "measure": "Hours", "target": "4", "actions": "Rehearse", "resources": "A machine",
            "owner": "mara", "due": "2026-06-30", "evaluation": "By a test"})
    };
    assert_eq!(api.post("/objectives", objective("Restore")).await.0, 201);
    assert_eq!(api.post("/objectives", objective("Restore")).await.0, 200);
    assert_eq!(code(api.post("/objectives", objective("Other")).await), "409 ref_taken");
    let late = json!({"result": "9 hours", "verdict": "at_risk", "on": "2999-01-01"});
    assert_eq!(code(api.post("/objectives/O-1/evaluations", late).await), "400 invalid");
    for (result, verdict) in [("9 hours", "at_risk"), ("3 hours", "achieved")] {
        let evaluated = json!({"result": result, "verdict": verdict, "on": "2026-05-01"});
        assert_eq!(api.post("/objectives/O-1/evaluations", evaluated).await.0, 200);
    }
    let listed = api.get("/objectives?state=achieved&due_before=2026-07-01&owner=mara").await;
    assert_eq!(
        (&listed["items"][0]["evaluations"], &listed["items"][0]["evaluated"]["result"]),
        (&json!(2), &json!("3 hours"))
    );
    let history = api.get("/objectives/O-1/history").await;
    assert_eq!(refs(&history["items"], "type"), ["objective.set", "objective.evaluated", "objective.evaluated"]);
    assert_eq!(api.delete("/objectives/O-1", json!({"reason": "Reached"})).await.0, 200);
    let after = json!({"result": "2 hours", "verdict": "achieved"});
    assert_eq!(code(api.post("/objectives/O-1/evaluations", after).await), "409 dropped");

    let change = json!({"ref": "C-1", "what": "Move", "purpose": "Less to run", "consequences": "Suppliers", "integrity": "Both run",
        "resources": "Two people", "responsibilities": "Mara decides", "owner": "mara", "due": "2026-06-30"});
    assert_eq!(api.post("/planned-changes", change).await.0, 201);
    assert_eq!(refs(&api.get("/planned-changes?state=planned&due_before=2026-07-01").await["items"], "id"), ["C-1"]);
    assert_eq!(api.post("/planned-changes/C-1/outcome", json!({"result": "Moved"})).await.0, 200);
    assert_eq!(code(api.delete("/planned-changes/C-1", json!({"reason": "no"})).await), "409 over");
    assert_eq!(api.get("/planned-changes/C-1").await["outcome"]["result"], "Moved");
    api.running.stop().await;
}

#[tokio::test]
async fn a_round_tells_its_progress_and_its_result_stays() {
    let api = Api::with_examples().await;
    let round = |risks: Value| json!({"ref": "spring", "name": "Spring", "due": "2026-04-30", "risks": risks});
    let (status, refused) = api.post("/assessment-rounds", round(json!(["R-1", "R-999"]))).await;
    assert_eq!((status, &refused["errors"][0]["field"]), (400, &json!("risks")), "{refused}");
    assert_eq!(api.post("/assessment-rounds", round(json!(["R-7", "R-2"]))).await.0, 201);
    let begun = api.get("/assessment-rounds/spring").await;
    assert_eq!(
        (&begun["assessed"], &begun["overdue"], refs(&begun["result"], "risk")),
        (&json!(0), &json!(true), vec!["R-2".into(), "R-7".into()])
    );
    let assess = |likelihood: u8| json!({"stage": "current", "likelihood": likelihood, "impact": 5});
    assert_eq!(api.post("/risks/R-7/assessments", assess(5)).await.0, 200);
    assert_eq!(api.post("/assessment-rounds", round(json!(["R-7", "R-2"]))).await.0, 200, "it is the same round");
    let going = api.get("/assessment-rounds/spring").await;
    assert_eq!((&going["assessed"], &going["result"][1]["assessed"]), (&json!(1), &json!(true)));
    assert_eq!(code(api.post("/assessment-rounds/spring/completion", json!({})).await), "409 unfinished");
    let ended = api.post("/assessment-rounds/spring/completion", json!({"reason": "R-2 is sold"})).await;
    assert_eq!(ended.1["changed"], true);

    assert_eq!(api.post("/risks/R-7/assessments", assess(1)).await.0, 200);
    let kept = api.get("/assessment-rounds/spring").await;
    assert_eq!((&kept["state"], &kept["assessed"], &kept["overdue"]), (&json!("completed"), &json!(1), &json!(false)));
    assert_eq!(
        (&kept["result"][1]["rating"]["level"]["label"], &kept["completed"]["unassessed"]),
        (&json!("critical"), &json!(["R-2"]))
    );
    assert_eq!(refs(&api.get("/assessment-rounds?state=completed").await["items"], "id"), ["spring"]);
    api.running.stop().await;
}

#[tokio::test]
async fn assets_inherit_from_what_relies_on_them_and_never_from_themselves() {
    let api = Api::start().await;
    let asset = |id: &str, confidentiality: u8, supports: Value| {
        json!({"ref": id, "name": "x", "kind": "supporting", "supports": supports,
            "security_objectives": {"confidentiality": confidentiality}})
    };
    for (id, own, supports) in [("A-1", 4, json!([])), ("A-2", 1, json!(["A-1"])), ("A-3", 2, json!(["A-2"]))] {
        assert_eq!(api.post("/assets", asset(id, own, supports)).await.0, 201);
    }
    let power = api.get("/assets/A-3").await;
    assert_eq!(
        (&power["value"]["confidentiality"], &power["security_objectives"]["confidentiality"]),
        (&json!(4), &json!(2))
    );
    let values: Vec<Value> = api.get("/assets?limit=2&sort=-name").await["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|item| item["value"]["confidentiality"].clone())
        .collect();
    assert_eq!(values, [json!(4), json!(4)]);

    let mut circular = asset("A-1", 4, json!(["A-3"]));
    circular.as_object_mut().expect("a body").remove("ref");
    let (status, refused) = api.put("/assets/A-1", circular).await;
    assert_eq!(status, 400, "{refused}");
    assert_eq!(refused["errors"][0]["detail"], "A-1, A-3, A-2, A-1 go round in a circle: leave one of them out");
    let table = "ref_id,name,parent_assets\nA-4,x,A-5\nA-5,x,A-6\nA-6,x,A-4\nA-7,x,A-4\n";
    let (status, refused) = api.upload("/imports/assets", table).await;
    assert_eq!(
        (status, &refused["errors"][0]["row"], &refused["errors"][0]["field"]),
        (400, &json!(2), &json!("parent_assets")),
        "{refused}"
    );
    assert_eq!(api.get("/assets").await["items"].as_array().map(Vec::len), Some(3));
    let straight = "ref_id,name,parent_assets\nA-4,x,A-5\nA-5,x,A-6\nA-6,x,A-1\n";
    assert_eq!(api.upload("/imports/assets", straight).await.1["created"], 3);
    assert_eq!(api.get("/assets/A-4").await["value"]["confidentiality"], 4);
    api.running.stop().await;
}

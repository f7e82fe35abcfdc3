//! The routes as a client meets them.

use crate::api::{ASSETS, Api, MISTAKEN, RISKS, json_of};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

fn refs(listed: &Value) -> Vec<&str> {
    listed["items"].as_array().expect("items").iter().filter_map(|item| item["id"].as_str()).collect()
}

#[tokio::test]
async fn a_register_is_uploaded_treated_and_read_as_it_was() {
    let api = Api::start().await;
    assert_eq!(api.get("/methodology").await["revision"], 1);
    assert_eq!(api.upload("/imports/assets", ASSETS).await.1["created"], 26);
    let (status, told) = api.upload("/imports/risks?dry_run=true", MISTAKEN).await;
    assert_eq!((status, told["errors"].as_array().map(Vec::len)), (200, Some(6)));
    assert_eq!(told["errors"][0]["row"], 3);
    let (status, refused) = api.upload("/imports/risks", MISTAKEN).await;
    assert_eq!((status, refused["errors"].as_array().map(Vec::len)), (400, Some(6)));
    let before = api.upload("/imports/risks", RISKS).await.1["position"].clone();

    let assessed =
        json!({"stage": "residual", "likelihood": "Rare", "impact": 5, "rationale": "Checked in every query"});
    assert_eq!(api.post("/risks/R-7/assessments", assessed).await.0, 200);
    let treatment = json!({"option": "mitigate", "controls": ["A.8.28"], "reason": "It was found twice"});
    assert_eq!(api.put("/risks/R-7/treatment", treatment).await.0, 200);
    api.control("A.8.28", "control.implementation_set", json!({"state": "implemented"})).await;
    api.control("A.8.28", "control.evidence_attached", json!({"evidence": Uuid::nil(), "title": "Review"})).await;

    let risk = api.get("/risks/R-7").await;
    assert_eq!((&risk["state"], &risk["residual"]["level"]["label"]), (&json!("treatment_decided"), &json!("medium")));
    assert_eq!(risk["treatment"]["reason"], "It was found twice");
    let treating = risk["controls"].as_array().and_then(|controls| controls.last()).expect("a control");
    assert_eq!(
        treating,
        &json!({"id": "A.8.28", "title": "Secure coding", "role": "treatment", "state": "implemented", "evidence": 1})
    );
    let earlier = api.get(&format!("/risks/R-7?as_of={before}")).await;
    assert_eq!((&earlier["state"], earlier.get("treatment")), (&json!("assessed"), None));
    let history = api.get("/risks/R-7/history").await;
    let last = history["items"].as_array().and_then(|items| items.last()).expect("an entry");
    assert_eq!(
        (&last["type"], &last["actor"], &last["reason"]),
        (&json!("risk.treatment_decided"), &json!("mara"), &json!("It was found twice"))
    );
    api.running.stop().await;
}

#[tokio::test]
async fn a_word_is_found_as_it_was_written_and_no_name_of_a_field_is_one() {
    let api = Api::start().await;
    let description = "They said \"never\" of C:\\backups.\nGr\u{fc}\u{df}e";
    assert_eq!(api.post("/risks", json!({"ref": "R-1", "name": "Leak", "description": description})).await.0, 201);
    for (word, found) in [
        ("%22NEVER%22", 1),
        ("c%3A%5Cbackups", 1),
        ("%5C%5C", 0),
        ("gr%C3%BC", 1),
        ("r-1", 1),
        ("leak%20said", 1),
        ("description", 0),
        ("existing_controls", 0),
        ("%5Cn", 0),
    ] {
        assert_eq!(refs(&api.get(&format!("/risks?q={word}")).await).len(), found, "{word}");
    }
    api.running.stop().await;
}

#[tokio::test]
async fn lists_filter_sort_and_page() {
    let api = Api::with_examples().await;
    let first = api.get("/risks?limit=11").await;
    assert_eq!(refs(&first)[8..], ["R-9", "R-10", "R-11"]);
    let next = first["next"].as_str().expect("another page");
    assert_eq!(refs(&api.get(&format!("/risks?limit=11&cursor={next}")).await)[0], "R-12");
    for (query, count) in [
        ("treatment=", 13),
        ("treatment=avoid", 2),
        ("state=treatment_decided", 35),
        ("owner=", 48),
        ("residual_level=-1", 13),
    ] {
        assert_eq!(refs(&api.get(&format!("/risks?limit=1000&{query}")).await).len(), count, "{query}");
    }
    let searched = api.get("/risks?q=customer%20EXPORTS&limit=1000").await;
    assert_eq!(refs(&searched).first(), Some(&"R-1"));
    let of_all = refs(&api.get("/risks?limit=1000").await).len();
    assert!(refs(&searched).len() < of_all, "{searched}");
    assert_eq!(refs(&api.get("/risks?q=nobody%20wrote%20this").await).len(), 0);
    let (status, refused) = json_of(api.request(Method::GET, "/risks?q=a+b+c+d+e+f+g+h+i+j+k")).await;
    assert_eq!((status, &refused["errors"][0]["field"]), (400, &json!("q")));
    let grave = api.get("/risks?sort=-score&limit=2").await;
    assert_eq!((&grave["items"][0]["score"], &grave["items"][1]["score"]), (&json!(16), &json!(16)));
    let unscored = api.get("/risks?sort=residual_level&limit=40").await;
    assert_eq!(unscored["items"].as_array().map(Vec::len), Some(40));
    assert_eq!(refs(&api.get("/assets?kind=primary").await).len(), 8);
    assert_eq!(refs(&api.get("/assets?limit=10").await)[9], "A-10");
    api.running.stop().await;
}

#[tokio::test]
async fn what_was_exported_can_be_uploaded_again() {
    let api = Api::with_examples().await;
    // What a spreadsheet would run, what looks as if it had been kept from that already, and another kind of line end.
    let strange = ["- a list\r\n- of two", "'=1", "'- 'quoted', \"twice\"", "+49", "'tis"];
    for (number, description) in (49..).zip(strange) {
        let risk = json!({"ref": format!("R-{number}"), "name": "@home", "description": description});
        assert_eq!(api.post("/risks", risk).await.0, 201, "{description}");
    }
    let response = api.request(Method::GET, "/risks.csv").send().await.expect("an answer");
    let table = response.text().await.expect("a table");
    assert!(table.lines().nth(1).is_some_and(|row| row.starts_with("R-1,Customer exports")), "{table}");
    assert!(table.contains("\nR-50,'@home,''=1,"), "{table}");
    let (status, answer) = api.upload("/imports/risks", &table).await;
    assert_eq!((status, &answer["unchanged"], &answer["rows"]), (200, &json!(53), &json!(53)), "{answer}");
    assert_eq!(answer["ignored_columns"].as_array().map(Vec::len), Some(8));
    assert_eq!(api.get("/risks/R-50").await["description"], "'=1");
    api.running.stop().await;
}

#[tokio::test]
async fn a_mistake_names_its_field_and_the_remedy() {
    let api = Api::with_examples().await;
    let add = json!({"ref": "A-30", "name": "Wiki", "kind": "supporting", "supports": ["A-1", "A-98"]});
    let identify = json!({"ref": "R-60", "name": "Fire", "assets": ["A-99"]});
    let assess = |likelihood: Value| json!({"stage": "current", "likelihood": likelihood, "impact": "Awful"});
    let treat = |controls: Value| json!({"option": "mitigate", "controls": controls, "reason": "x"});
    api.control("A.7.4", "control.excluded", json!({"justification": "no rooms"})).await;
    let fire = |reference: &str| json!({"ref": reference, "name": "Fire"});
    for (reference, status) in [("R-61", 201), ("R-62", 201), ("R-62", 200)] {
        assert_eq!(api.post("/risks", fire(reference)).await.0, status);
    }
    let assessed = json!({"stage": "current", "likelihood": 3, "impact": 3});
    assert_eq!(api.post("/risks/R-61/assessments", assessed).await.0, 200);
    assert_eq!(api.put("/risks/R-61/treatment", treat(json!(["A.7.2"]))).await.0, 200);
    assert_eq!(api.post("/risks/R-61/close", json!({"reason": "x"})).await.0, 200);
    api.control("A.7.2", "control.excluded", json!({"justification": "no rooms"})).await;

    let mut told = Vec::new();
    for (status, problem) in [
        api.post("/assets", add).await,
        api.post("/risks", identify).await,
        api.post("/risks", json!({"ref": "R-1", "name": "Another"})).await,
        api.post("/risks/R-1/assessments", assess(json!(6))).await,
        api.post("/risks/R-1/assessments", assess(json!([]))).await,
        api.put("/risks/R-1/owner", json!({"owner": "Mara"})).await,
        api.put("/risks/R-1/existing-controls", json!({"controls": ["8.3"]})).await,
        api.put("/risks/R-1/treatment", json!({"option": "accept"})).await,
        api.put("/risks/R-1/treatment", treat(json!([]))).await,
        api.put("/risks/R-1/treatment", treat(json!(["A.7.4"]))).await,
        api.put("/risks/R-62/treatment", treat(json!(["A.7.5"]))).await,
        api.post("/risks/R-61/reopen", json!({"reason": "x"})).await,
        api.put("/risks/R-99/owner", json!({"owner": "mara"})).await,
        json_of(api.request(Method::GET, "/risks/R-9999")).await,
        api.upload("/imports/risks", "id,title\n1,x\n").await,
    ] {
        told.push(format!("{status} {}", problem["detail"].as_str().unwrap_or_default()));
    }
    let expected = [
        "400 supports: A-98 is not in the asset register: add it first",
        "400 assets: A-99 is not in the asset register: add it first",
        "409 ref: a risk of this ref is in the register, with other content: take another ref, or change that risk",
        "400 2 fields are wrong: see errors",
        "400 likelihood: write a label of the scale, such as \"Likely\", or its number, such as 4",
        "400 owner: `Mara` is not a person's handle: write it in lower case, such as mara",
        "400 controls: `8.3` is no control of ISO/IEC 27001:2022 Annex A: write an id such as A.8.13",
        "400 reason: say why: an auditor will ask",
        "400 controls: mitigating takes at least one control: name it, or choose another option",
        "400 controls: A.7.4 is excluded as not applicable: include it first, or choose another control",
        "409 a risk is assessed before its treatment is decided: record its current or inherent likelihood and impact",
        "400 controls: A.7.2 is excluded as not applicable: include it first, or choose another control",
        "404 there is no risk R-99 here",
        "404 there is no risk R-9999 here",
        "400 2 fields are wrong: see errors",
    ];
    assert_eq!(told, expected);
    api.running.stop().await;
}

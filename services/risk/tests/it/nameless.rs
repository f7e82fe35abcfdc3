//! Rows without a ref are about the one object of their name, or begin one.

use crate::api::Api;
use serde_json::{Value, json};

async fn uploaded(api: &Api, path: &str, file: &str) -> Value {
    let (_, dry) = api.upload(&format!("{path}?dry_run=true"), file).await;
    let (status, done) = api.upload(path, file).await;
    assert_eq!((status, &dry["errors"]), (200, &json!([])), "{done}");
    for count in ["rows", "created", "changed", "unchanged"] {
        assert_eq!(dry[count], done[count], "a dry run says the same: {dry} {done}");
    }
    done
}

/// The mistakes of a file, told by a dry run and by the real one alike.
async fn mistakes(api: &Api, path: &str, file: &str) -> Vec<String> {
    let (_, dry) = api.upload(&format!("{path}?dry_run=true"), file).await;
    let (status, refused) = api.upload(path, file).await;
    assert_eq!((status, &refused["errors"]), (400, &dry["errors"]), "{refused}");
    let told = dry["errors"].as_array().expect("errors").iter();
    told.map(|error| format!("{} {}: {}", error["row"], error["field"], error["detail"].as_str().unwrap_or_default()))
        .collect()
}

fn counts(done: &Value) -> [&Value; 3] {
    [&done["created"], &done["changed"], &done["unchanged"]]
}

#[tokio::test]
async fn a_row_without_a_ref_is_about_the_one_of_its_name_or_begins_one() {
    let api = Api::start().await;
    api.post("/assets", json!({"ref": "A-2", "name": "Ledger", "kind": "primary"})).await;
    let assets = "ref_id,name,domain\n, Ledger ,Finance\n,Files,\nA-3,Mail,\n,Wiki,\n";
    let (_, dry) = api.upload("/imports/assets?dry_run=true", assets).await;
    assert_eq!(dry["effects"], json!({"created": [3, 4, 5], "changed": [2]}));
    let done = uploaded(&api, "/imports/assets", assets).await;
    assert_eq!(done.get("effects"), None);
    assert_eq!(counts(&done), [&json!(3), &json!(1), &json!(0)], "{done}");
    let called = async |id: &str| api.get(&format!("/assets/{id}")).await["name"].clone();
    // Those that were taken are stepped over, by the file too, and none is missing.
    assert_eq!([called("A-1").await, called("A-2").await, called("A-4").await], ["Files", "Ledger", "Wiki"]);
    assert_eq!(api.get("/assets/A-2").await["domain"], "Finance");
    let again = uploaded(&api, "/imports/assets", assets).await;
    assert_eq!(counts(&again), [&json!(0), &json!(0), &json!(4)]);
    assert_eq!(again["position"], done["position"], "the same file changes nothing");

    let risks = "name,ref_id,current_proba,current_impact,assets\nFire,,3,4,Files\nFlood,,1,1,\n";
    let first = uploaded(&api, "/imports/risks", risks).await;
    assert_eq!(counts(&first), [&json!(2), &json!(0), &json!(0)], "{first}");
    assert_eq!(api.get("/risks/R-1").await["assets"], json!(["A-1"]));
    assert_eq!(api.get("/risks?name=Flood").await["items"][0]["id"], "R-2");

    // Taken back and sent again it has the same numbers: what was removed is in nobody's way.
    let undo = format!("/imports/risks/{}/undo", first["id"].as_str().expect("an id"));
    assert_eq!(api.post(&undo, json!({"reason": "too early"})).await.0, 200);
    assert_eq!(counts(&uploaded(&api, "/imports/risks", risks).await), [&json!(2), &json!(0), &json!(0)]);
    assert_eq!(api.get("/risks/R-2").await["name"], "Flood");
    assert_eq!(api.post("/risks", json!({"name": "Theft"})).await.1["id"], "R-3");
    api.running.stop().await;
}

#[tokio::test]
async fn what_cannot_be_told_by_its_name_is_told() {
    let api = Api::start().await;
    for id in ["A-1", "A-7"] {
        api.post("/assets", json!({"ref": id, "name": "Twin", "kind": "primary"})).await;
    }
    let file = "ref_id,name\n,Twin\n,Files\nA-3,Files\n,Wiki\n,Wiki\nA-1,Twin\n";
    let told = mistakes(&api, "/imports/assets", file).await;
    let expected = [
        r#"2 "ref_id": it is empty, and row 7 is called the same: give each of them its ref"#,
        r#"3 "ref_id": it is empty, and row 4 is called the same: give each of them its ref"#,
        r#"5 "ref_id": it is empty, and row 6 is called the same: give each of them its ref"#,
        r#"6 "ref_id": it is empty, and row 5 is called the same: give each of them its ref"#,
    ];
    assert_eq!(told, expected);
    let told = mistakes(&api, "/imports/assets", "ref_id,name,domain\n,Twin,\n,,Finance\n").await;
    let expected = [
        r#"2 "ref_id": it is empty, and A-1, A-7 are called so: say which is meant"#,
        r#"3 "ref_id": it is empty: give a short name such as R-7"#,
        r#"3 "name": it is empty"#,
    ];
    assert_eq!(told, expected);
    let (_, refused) = api.upload("/imports/assets", "name\nFiles\n").await;
    let detail = refused["errors"][0]["detail"].as_str().expect("a detail");
    assert!(detail.starts_with("this column is missing (its cells may be empty"), "{detail}");
    api.running.stop().await;
}

#[tokio::test]
async fn a_register_of_ten_thousand_risks_without_refs_is_known_again() {
    let api = Api::start().await;
    let rows = (0..10_000).map(|n| format!(",Risk number {n},3,4"));
    let file = format!("ref_id,name,current_proba,current_impact\n{}\n", rows.collect::<Vec<_>>().join("\n"));
    let (status, done) = api.upload("/imports/risks", &file).await;
    assert_eq!((status, counts(&done)), (200, [&json!(10_000), &json!(0), &json!(0)]), "{done}");
    let (status, again) = api.upload("/imports/risks", &file).await;
    assert_eq!((status, counts(&again)), (200, [&json!(0), &json!(0), &json!(10_000)]), "{again}");
    assert_eq!(api.get("/risks/R-10000").await["name"], "Risk number 9999");
    api.running.stop().await;
}

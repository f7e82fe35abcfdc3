//! An old statement of 2013 becomes decisions: what is clear together, what is not is listed.

use crate::house::House;
use crate::{ids, soa_row, views_equal_a_rebuild};
use serde_json::{Value, json};

const OLD: &str = include_str!("../../../../examples/soa-2013.csv");

fn of(told: &Value, control: &str) -> Value {
    let items = told["items"].as_array().expect("items");
    items.iter().find(|item| item["id"] == control).expect("one of 93").clone()
}

#[tokio::test]
async fn an_old_statement_decides_what_is_clear_and_lists_the_rest() {
    let house = House::new().await;
    let tenant = house.tenant().await;
    let dry = tenant.upload("/imports/soa-2013?dry_run=true", OLD).await.json();
    assert_eq!((ids(&dry["items"]).len(), &dry["position"], &dry["errors"]), (93, &json!(94), &json!([])));
    assert_eq!(tenant.get("/soa").await.json()["counts"]["undecided"], 93, "nothing was recorded");
    // 11 are new, and two merge what was included with what was not.
    assert_eq!((&dry["decided"], &dry["to_decide"], &dry["kept"]), (&json!(80), &json!(13), &json!(0)));
    assert_eq!(dry["ignored_columns"], json!(["title"]));
    let new: Vec<Value> =
        dry["items"].as_array().expect("items").iter().filter(|item| item["relation"] == "new").cloned().collect();
    assert_eq!(new.len(), 11);
    assert!(new.iter().all(|item| item["outlook"] == "to_decide" && item["why"] == "it is new in 2022"));
    for control in ["A.5.14", "A.7.2"] {
        let merged = of(&dry, control);
        assert!(merged["why"].as_str().is_some_and(|why| why.starts_with("it merges what was included")), "{merged}");
    }
    for control in ["A.5.36", "A.8.8"] {
        assert_eq!(of(&dry, control)["split"], json!(["A.18.2.3"]));
    }

    let done = tenant.upload("/imports/soa-2013", OLD).await;
    assert_eq!(done.status.as_u16(), 200, "{done:?}");
    assert_eq!(done.json()["items"], dry["items"], "it does what it said");
    let soa = tenant.get("/soa").await.json();
    assert_eq!((&soa["counts"]["undecided"], &soa["counts"]["excluded"]), (&json!(13), &json!(2)));
    let row = soa_row(&tenant, "A.8.13", "").await;
    assert_eq!(
        (&row["basis"], &row["state"], &row["owner"]),
        (&json!("contract"), &json!("implemented"), &json!("mara"))
    );
    assert_eq!(soa_row(&tenant, "A.8.30", "").await["justification"], "All development is done by employees");
    let history = tenant.get("/controls/A.8.13/history").await.json();
    assert_eq!(history["items"][1]["reason"], "as in the statement of 2013");

    let again = tenant.upload("/imports/soa-2013", OLD).await.json();
    assert_eq!((&again["decided"], &again["kept"]), (&json!(0), &json!(80)));
    assert_eq!(again["position"], done.json()["position"], "the same file again changes nothing");
    views_equal_a_rebuild(&house, &tenant).await;
}

#[tokio::test]
async fn what_was_decided_stays_and_what_a_treatment_relies_on_is_not_excluded() {
    let house = House::new().await;
    let tenant = house.tenant().await;
    let included = json!({"applicable": true, "basis": "law", "justification": "We must"});
    tenant.put("/controls/A.8.13/applicability", included).await;
    tenant.treat("R-7", &["A.8.30"], &[]).await.expect("linked");
    let done = tenant.upload("/imports/soa-2013", OLD).await.json();
    assert_eq!(of(&done, "A.8.13")["outlook"], "kept");
    assert_eq!(soa_row(&tenant, "A.8.13", "").await["justification"], "We must");
    let relied = of(&done, "A.8.30");
    assert_eq!(relied["outlook"], "to_decide");
    assert!(relied["why"].as_str().is_some_and(|why| why.contains("R-7")), "{relied}");
    views_equal_a_rebuild(&house, &tenant).await;
}

#[tokio::test]
async fn a_file_with_a_mistake_is_told_whole_and_records_nothing() {
    let house = House::new().await;
    let tenant = house.tenant().await;
    let file = "control,applicable\nA.12.3.1,perhaps\nA.8.13,yes\n";
    let dry = tenant.upload("/imports/soa-2013?dry_run=true", file).await;
    assert_eq!((dry.status.as_u16(), dry.json()["errors"].as_array().map(Vec::len)), (200, Some(2)));
    let refused = tenant.upload("/imports/soa-2013", file).await;
    assert_eq!((refused.status.as_u16(), &refused.json()["errors"]), (400, &dry.json()["errors"]));
    assert_eq!(tenant.get("/controls").await.json()["position"], 94);
    let (status, _, detail) = tenant.upload("/imports/soa-2013?basis=luck", OLD).await.problem();
    assert!(status == 400 && detail.starts_with("basis: "), "{detail}");
    let heading = tenant.upload("/imports/soa-2013", "id,text\n1,2\n").await;
    assert_eq!(heading.json()["errors"][0]["field"], "control");
    let none = house.empty_tenant().await;
    assert_eq!(none.upload("/imports/soa-2013", OLD).await.status.as_u16(), 404);
}

//! The Statement of Applicability from a draft to one that was issued, and what differs between two.

use crate::house::{House, Tenant};
use crate::{ids, views_equal_a_rebuild};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fmt::Write;

async fn decide_all(tenant: &Tenant<'_>) {
    let decided = json!({"applicable": true, "basis": "good_practice", "justification": "We take the whole Annex A"});
    let body = json!({"filter": {}, "applicability": decided, "reason": "kick-off"});
    assert_eq!(tenant.post("/controls", body).await.status.as_u16(), 200);
}

async fn approve(tenant: &Tenant<'_>) -> Value {
    let digest = tenant.get("/soa").await.json()["digest"].clone();
    let approved = tenant.post("/soa/approvals", json!({"digest": digest})).await;
    assert_eq!(approved.status.as_u16(), 200, "{approved:?}");
    digest
}

async fn state(tenant: &Tenant<'_>) -> (String, Value) {
    let soa = tenant.get("/soa").await.json();
    (soa["state"].as_str().expect("a state").to_owned(), soa["approval"]["stale"].clone())
}

fn digest(text: &str) -> String {
    Sha256::digest(text).iter().fold(String::new(), |mut digest, byte| {
        let _ = write!(digest, "{byte:02x}");
        digest
    })
}

#[tokio::test]
async fn with_one_control_undecided_nothing_is_issued_and_it_is_named() {
    let house = House::new().await;
    let tenant = house.tenant().await;
    let (status, code, detail) = tenant.post("/soa/issues", json!({})).await.problem();
    assert_eq!((status, code.as_str()), (409, "undecided"));
    assert!(detail.contains("A.5.1, A.5.2, ") && detail.ends_with("A.8.34"), "{detail}");

    let most: Vec<_> = crate::annex_a_ids().into_iter().filter(|id| *id != "A.5.7").collect();
    let decided = json!({"applicable": true, "basis": "law", "justification": "We must"});
    tenant.post("/controls", json!({"controls": most, "applicability": decided, "reason": "x"})).await;
    let (_, _, detail) = tenant.post("/soa/issues", json!({})).await.problem();
    assert_eq!(detail, "it is not decided whether these controls apply, and why: A.5.7");
    // A treatment that relies on it is a justification too.
    tenant.treat("R-1", &["A.5.7"], &[]).await.expect("linked");
    let (_, code, _) = tenant.post("/soa/issues", json!({})).await.problem();
    assert_eq!(code, "not_approved");
    approve(&tenant).await;
    assert_eq!(tenant.post("/soa/issues", json!({})).await.status.as_u16(), 201);

    let excluded = json!({"applicable": false, "justification": "Not needed"});
    tenant.put("/controls/A.7.6/applicability", excluded).await;
    tenant.treat("R-2", &["A.7.6"], &[]).await.expect("linked");
    let (_, code, detail) = tenant.post("/soa/issues", json!({})).await.problem();
    assert!(code == "conflicting" && detail.contains("A.7.6"), "{code} {detail}");
    let empty = house.empty_tenant().await;
    assert_eq!(empty.post("/soa/issues", json!({})).await.status.as_u16(), 404);
}

#[tokio::test]
async fn an_approval_is_of_what_was_read_and_goes_stale_by_itself() {
    let house = House::new().await;
    let tenant = house.tenant().await;
    decide_all(&tenant).await;
    assert_eq!(state(&tenant).await, ("draft".to_owned(), Value::Null));
    let (_, code, _) = tenant.post("/soa/approvals", json!({"digest": "00".repeat(32)})).await.problem();
    assert_eq!(code, "changed_since");
    let first = approve(&tenant).await;
    assert_eq!(state(&tenant).await, ("approved".to_owned(), json!(false)));
    let approval = tenant.get("/soa").await.json()["approval"].clone();
    assert_eq!((&approval["approved_by"], &approval["digest"]), (&json!("mara"), &first));

    tenant.put("/controls/A.8.13/implementation", json!({"state": "operating"})).await;
    assert_eq!(state(&tenant).await, ("draft".to_owned(), json!(true)));
    let (_, code, _) = tenant.post("/soa/issues", json!({})).await.problem();
    assert_eq!(code, "approval_stale");
    // What says the same again is the same.
    tenant.put("/controls/A.8.13/implementation", json!({"state": "not_started"})).await;
    assert_eq!(state(&tenant).await, ("approved".to_owned(), json!(false)));
    views_equal_a_rebuild(&house, &tenant).await;
}

#[tokio::test]
async fn what_was_issued_is_read_again_to_the_byte_and_two_are_compared() {
    let house = House::new().await;
    let tenant = house.tenant().await;
    decide_all(&tenant).await;
    let digest_1 = approve(&tenant).await;
    let issued = tenant.post_once("/soa/issues", json!({}), "one").await;
    assert_eq!((issued.status.as_u16(), issued.json()["id"].as_str()), (201, Some("1")), "{issued:?}");
    assert!(issued.location.as_deref().is_some_and(|place| place.ends_with("/soa/issues/1")));
    assert_eq!(tenant.post_once("/soa/issues", json!({}), "one").await.json(), issued.json());
    assert_eq!(state(&tenant).await.0, "issued");
    let again = tenant.post("/soa/issues", json!({})).await;
    assert_eq!((again.status.as_u16(), &again.json()["changed"]), (200, &json!(false)), "it was issued already");
    let document = tenant.get("/soa/issues/1/document").await.text;
    assert_eq!(json!(digest(&document)), digest_1);

    tenant.put("/controls/A.8.13/implementation", json!({"state": "operating", "how": "Nightly"})).await;
    tenant.treat("R-7", &["A.8.14"], &[]).await.expect("linked");
    let now = tenant.get("/soa/differences?from=1").await.json();
    assert_eq!(ids(&now["items"]), ["A.8.13", "A.8.14"]);
    let changes = &now["items"][0]["changes"];
    assert_eq!(changes[0], json!({"field": "how", "from": null, "to": "Nightly"}));
    assert_eq!(changes[1], json!({"field": "state", "from": "not_started", "to": "operating"}));

    approve(&tenant).await;
    tenant.post("/soa/issues", json!({})).await;
    tenant.put("/controls/A.5.1/owner", json!({"owner": "mara"})).await;
    let listed = tenant.get("/soa/issues").await.json();
    assert_eq!(ids(&listed["items"]), ["1", "2"]);
    assert_eq!((&listed["items"][0]["digest"], &listed["items"][0]["included"]), (&digest_1, &json!(93)));
    assert_eq!(tenant.get("/soa/issues/1/document").await.text, document);
    let one = tenant.get("/soa/issues/2").await.json();
    assert_eq!((&one["number"], &one["issued_by"]), (&json!(2), &json!("mara")));
    let between = tenant.get("/soa/differences?from=1&to=2").await.json();
    assert_eq!(between["items"], now["items"]);
    assert_eq!(ids(&tenant.get("/soa/differences?from=2").await.json()["items"]), ["A.5.1"]);

    let position = issued.json()["position"].as_i64().expect("a position");
    assert_eq!(tenant.get(&format!("/soa/issues/1?as_of={}", position - 1)).await.status.as_u16(), 404);
    assert_eq!(
        tenant.get(&format!("/soa/issues?as_of={position}")).await.json()["items"].as_array().map(Vec::len),
        Some(1)
    );
    for path in ["/soa/issues/3", "/soa/issues/3/document", "/soa/differences?from=3", "/soa/differences?from=1&to=x"] {
        assert_eq!(tenant.get(path).await.status.as_u16(), 404, "{path}");
    }
    let history = tenant.get("/soa/history").await.json();
    let types: Vec<_> = history["items"].as_array().expect("items").iter().map(|item| &item["type"]).collect();
    assert_eq!(types, ["soa.approved", "soa.issued", "soa.approved", "soa.issued"]);
    views_equal_a_rebuild(&house, &tenant).await;
}

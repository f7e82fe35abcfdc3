//! Suppliers, and exceptions from what the ISMS asks for.

use crate::house::House;
use crate::{ids, views_equal_a_rebuild};
use serde_json::{Value, json};

#[tokio::test]
async fn what_nobody_named_is_called_by_the_next_number_of_its_kind() {
    let house = House::new().await;
    let tenant = house.tenant().await;
    for id in ["D-1", "D-2"] {
        let document = tenant.post("/documents", json!({"title": id, "kind": "policy", "approvers": ["mara"]})).await;
        assert_eq!((document.status.as_u16(), &document.json()["id"]), (201, &json!(id)), "{document:?}");
    }
    let supplier = tenant.post("/suppliers", json!({"name": "Fjordcloud", "criticality": "high"})).await;
    assert_eq!((supplier.status.as_u16(), &supplier.json()["id"]), (201, &json!("S-1")), "{supplier:?}");
    assert_eq!(tenant.get("/suppliers/S-1").await.json()["name"], "Fjordcloud");
}

#[tokio::test]
async fn a_supplier_tells_what_it_lacks_until_it_ends() {
    let house = House::new().await;
    let tenant = house.tenant().await;
    let cloud =
        json!({"ref": "S-1", "name": "Fjordcloud", "criticality": "critical", "services": ["Hosts the platform"]});
    assert_eq!(tenant.post("/suppliers", cloud.clone()).await.status.as_u16(), 201);
    let again = tenant.post("/suppliers", cloud).await;
    assert_eq!((again.status.as_u16(), &again.json()["changed"]), (200, &json!(false)), "the same is there already");
    let lacks = async || tenant.get("/suppliers/S-1").await.json()["lacks"].clone();
    assert_eq!(lacks().await, json!(["assessment", "agreement", "exit_plan"]));
    let end = json!({"ended_on": "2026-01-31", "reason": "too dear"});
    let (status, code, _) = tenant.put("/suppliers/S-1/end", end.clone()).await.problem();
    assert_eq!((status, code.as_str()), (409, "no_exit_plan"));

    let assessed = json!({"assessed_on": "2026-01-01", "method": "Certificate", "result": "conditional", "finding": "No second site", "assessed_again_by": "2999-01-01"});
    let assessed = tenant.post("/suppliers/S-1/assessments", assessed).await;
    assert_eq!(assessed.status.as_u16(), 200, "{assessed:?}");
    let ended = json!({"title": "Contract", "kind": "contract", "signed_on": "2020-01-01", "ends_on": "2021-01-01"});
    tenant.post("/suppliers/S-1/agreements", ended).await;
    assert_eq!(lacks().await, json!(["agreement", "exit_plan"]));
    let holds =
        json!({"title": "Contract", "kind": "contract", "signed_on": "2021-01-01", "link": "https://example.org/c"});
    tenant.post("/suppliers/S-1/agreements", holds).await;
    tenant.put("/suppliers/S-1/exit-plan", json!({"plan": "Restore the backups elsewhere"})).await;
    assert_eq!(lacks().await, json!([]));
    let shown = tenant.get("/suppliers/S-1").await.json();
    assert_eq!((shown["agreements"].as_array().map(Vec::len), &shown["state"]), (Some(1), &json!("active")));

    tenant.post("/suppliers", json!({"ref": "S-10", "name": "Cleaners", "criticality": "low", "owner": "mara"})).await;
    tenant.post("/suppliers", json!({"ref": "S-2", "name": "Auditors", "criticality": "low"})).await;
    assert_eq!(ids(&tenant.get("/suppliers").await.json()["items"]), ["S-1", "S-2", "S-10"]);
    assert_eq!(ids(&tenant.get("/suppliers?sort=name").await.json()["items"]), ["S-2", "S-10", "S-1"]);
    for (query, found) in [
        ("criticality=critical", "S-1"),
        ("owner=mara", "S-10"),
        ("assessed_again_by=2999-01-01", "S-1"),
        ("assessed_again_by_before=2999-01-02", "S-1"),
    ] {
        assert_eq!(ids(&tenant.get(&format!("/suppliers?{query}")).await.json()["items"]), [found], "{query}");
    }
    let before = tenant.get("/suppliers?state=active").await.json()["position"].clone();
    tenant.put("/suppliers/S-1/end", end).await;
    assert_eq!(ids(&tenant.get("/suppliers?state=active").await.json()["items"]), ["S-2", "S-10"]);
    let then = tenant.get(&format!("/suppliers?state=active&as_of={before}")).await.json();
    assert_eq!(ids(&then["items"]), ["S-1", "S-2", "S-10"]);
    let (status, code, _) = tenant.put("/suppliers/S-1/exit-plan", json!({"plan": "x"})).await.problem();
    assert_eq!((status, code.as_str()), (409, "ended"));
    let history = tenant.get("/suppliers/S-1/history").await.json();
    assert_eq!(history["items"].as_array().map(Vec::len), Some(6));

    for (path, body, field) in [
        ("/suppliers", json!({"ref": "S-3", "name": "x"}), "criticality"),
        (
            "/suppliers/S-2/assessments",
            json!({"assessed_on": "2999-01-01", "method": "x", "result": "adequate", "assessed_again_by": "2999-01-01"}),
            "assessed_on",
        ),
        (
            "/suppliers/S-2/assessments",
            json!({"assessed_on": "2026-01-01", "method": "x", "result": "inadequate", "assessed_again_by": "2999-01-01"}),
            "finding",
        ),
        (
            "/suppliers/S-2/agreements",
            json!({"title": "x", "kind": "contract", "signed_on": "2026-01-01", "ends_on": "2025-01-01"}),
            "ends_on",
        ),
        (
            "/suppliers/S-2/agreements",
            json!({"title": "x", "kind": "contract", "signed_on": "2026-01-01", "link": "x"}),
            "link",
        ),
    ] {
        let (status, _, detail) = tenant.post(path, body).await.problem();
        assert!(status == 400 && detail.starts_with(&format!("{field}: ")), "{path} {status} {detail}");
    }
    assert_eq!(tenant.get("/suppliers/S-9").await.status.as_u16(), 404);
    views_equal_a_rebuild(&house, &tenant).await;
}

fn asked(also: &Value) -> Value {
    let mut asked = json!({
        "title": "The old accounting system without a second factor", "waived": "Sign-in by password alone",
        "controls": ["A.8.5"], "justification": "It knows no other", "compensating_measure": "Reachable from one room",
        "expires_on": "2999-01-01",
    });
    for (name, value) in also.as_object().expect("an object") {
        asked[name] = value.clone();
    }
    asked
}

#[tokio::test]
async fn an_exception_is_approved_by_somebody_else_and_anew_when_it_changes() {
    let house = House::new().await;
    let tenant = house.tenant().await;
    assert_eq!(tenant.by("sam").post("/exceptions", asked(&json!({"ref": "E-1"}))).await.status.as_u16(), 201);
    let approve = async |person: &str| tenant.by(person).put("/exceptions/E-1/approval", json!({})).await;
    let (status, code, detail) = approve("sam").await.problem();
    assert_eq!((status, code.as_str()), (409, "own_request"));
    assert!(detail.starts_with("sam asked for it"), "{detail}");
    assert_eq!(approve("mara").await.status.as_u16(), 200);
    let shown = tenant.get("/exceptions/E-1").await.json();
    assert_eq!(
        (&shown["in_force"], &shown["decided_by"], &shown["requested_by"]),
        (&json!(true), &json!("mara"), &json!("sam"))
    );
    let approved = shown["position"].clone();

    tenant.by("sam").put("/exceptions/E-1", asked(&json!({"expires_on": "2999-06-30"}))).await;
    let shown = tenant.get("/exceptions/E-1").await.json();
    assert_eq!(
        (&shown["state"], &shown["in_force"], &shown["decided_by"]),
        (&json!("requested"), &json!(false), &Value::Null)
    );
    let then = tenant.get(&format!("/exceptions/E-1?as_of={approved}")).await.json();
    assert_eq!((&then["state"], &then["in_force"]), (&json!("approved"), &json!(true)));
    assert_eq!(approve("mara").await.status.as_u16(), 200);
    for query in ["state=approved", "requested_by=sam", "document=", "expires_on_from=2999-06-30", "sort=-title"] {
        assert_eq!(ids(&tenant.get(&format!("/exceptions?{query}")).await.json()["items"]), ["E-1"], "{query}");
    }
    assert!(ids(&tenant.get("/exceptions?expires_on_before=2999-06-30").await.json()["items"]).is_empty());
    for (bound, refused) in
        [("expires_on_before=never", "`never` is not a day"), ("expires_on_from=", "`` is not a day")]
    {
        let (status, _, detail) = tenant.get(&format!("/exceptions?{bound}")).await.problem();
        assert!(status == 400 && detail.contains(refused), "{detail}");
    }
    tenant.put("/exceptions/E-1/end", json!({"reason": "the system is gone"})).await;
    assert_eq!(tenant.get("/exceptions/E-1").await.json()["in_force"], false);
    let history = tenant.get("/exceptions/E-1/history").await.json();
    let types: Vec<_> =
        history["items"].as_array().expect("items").iter().filter_map(|item| item["type"].as_str()).collect();
    let expected = ["requested", "approved", "changed", "approved", "ended"].map(|what| format!("exception.{what}"));
    assert_eq!(types, expected);
    views_equal_a_rebuild(&house, &tenant).await;
}

#[tokio::test]
async fn an_exception_is_about_what_is_there_and_ends_by_a_day_to_come() {
    let house = House::new().await;
    let tenant = house.tenant().await;
    for (also, field) in [
        (json!({"controls": ["A.9.1"]}), "controls"),
        (json!({"controls": []}), "controls"),
        (json!({"document": "P-9"}), "document"),
        (json!({"expires_on": "2020-01-01"}), "expires_on"),
        (json!({"compensating_measure": " "}), "compensating_measure"),
    ] {
        let mut body = asked(&also);
        body["ref"] = json!("E-1");
        let (status, _, detail) = tenant.post("/exceptions", body).await.problem();
        assert!(status == 400 && detail.starts_with(&format!("{field}: ")), "{status} {detail}");
    }
    tenant.post("/documents", json!({"ref": "P-1", "title": "Access policy", "kind": "policy"})).await;
    let of_document = asked(&json!({"ref": "E-1", "controls": [], "document": "P-1"}));
    assert_eq!(tenant.post("/exceptions", of_document).await.status.as_u16(), 201);
    assert_eq!(ids(&tenant.get("/exceptions?document=P-1").await.json()["items"]), ["E-1"]);
    let (status, _, detail) = tenant.put("/exceptions/E-1/refusal", json!({})).await.problem();
    assert!(status == 400 && detail.starts_with("reason: "), "{detail}");
    let refused = tenant.by("sam").put("/exceptions/E-1/refusal", json!({"reason": "no need"})).await;
    assert_eq!(refused.status.as_u16(), 200, "{refused:?}");
    let (_, code, _) = tenant.by("sam").put("/exceptions/E-1/approval", json!({})).await.problem();
    assert_eq!(code, "refused");
    views_equal_a_rebuild(&house, &tenant).await;
}

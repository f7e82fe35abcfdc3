//! Registers come as one file: controls as they are implemented, suppliers, exceptions.

use crate::house::{Answer, House, Tenant};
use crate::{soa_row, views_equal_a_rebuild};
use serde_json::{Value, json};

const CONTROLS: &str = "ref_id,name,description,domain,status,category,priority,csf_function,effort,control_impact,start_date,eta,\
     expiry_date,link,observation,filtering_labels,reference_control,owner\n\
     C-1,Backup,Nightly to another site,,active,technical,1,protect,M,4,,,,,Tested in May,,A.8.13,mara\n\
     C-2,Restore tests,,,to_do,process,2,recover,S,3,,2026-09-30,,,,,iso27001-2022:a.8.13,\n\
     C-3,Logging,,,on_hold,technical,,,,,,,,,,,8.15,\n";

#[tokio::test]
async fn controls_come_as_another_program_lists_them() {
    let house = House::new().await;
    let tenant = house.tenant().await;
    let dry = tenant.upload("/imports/controls?dry_run=true", CONTROLS).await.json();
    assert_eq!(
        (&dry["rows"], &dry["errors"][0]["row"], &dry["errors"][0]["field"]),
        (&json!(3), &json!(4), &json!("status"))
    );
    let (status, code, detail) = tenant.upload("/imports/controls", CONTROLS).await.problem();
    assert_eq!((status, code.as_str()), (400, "invalid"));
    assert!(detail.starts_with("status: `on_hold` does not say how far it is"), "{detail}");
    assert_eq!(soa_row(&tenant, "A.8.13", "").await["state"], "not_started", "nothing was recorded");

    let done = tenant.upload("/imports/controls?map=status:on_hold=planned", CONTROLS).await.json();
    assert_eq!((&done["changed"], &done["created"], &done["unchanged"]), (&json!(2), &json!(0), &json!(0)), "{done}");
    let ignored = [
        "domain",
        "category",
        "priority",
        "csf_function",
        "effort",
        "control_impact",
        "start_date",
        "eta",
        "expiry_date",
        "link",
        "filtering_labels",
    ];
    assert_eq!(done["ignored_columns"], json!(ignored));
    let row = soa_row(&tenant, "A.8.13", "").await;
    assert_eq!((&row["state"], &row["owner"]), (&json!("partial"), &json!("mara")));
    assert_eq!(row["how"], "Backup: Nightly to another site\nTested in May\n\nRestore tests");
    assert_eq!(soa_row(&tenant, "A.8.15", "").await["state"], "planned");

    let again = tenant.upload("/imports/controls?map=status:on_hold=planned", CONTROLS).await.json();
    assert_eq!((&again["unchanged"], &again["position"]), (&json!(2), &done["position"]));
    let excluded = json!({"applicable": false, "justification": "no logs"});
    assert_eq!(tenant.put("/controls/A.8.16/applicability", excluded).await.status.as_u16(), 200);
    let file = "control,status\nA.8.16,implemented\n";
    let (_, _, detail) = tenant.upload("/imports/controls", file).await.problem();
    assert!(detail.starts_with("status: an excluded control is neither implemented"), "{detail}");
    views_equal_a_rebuild(&house, &tenant).await;
}

#[tokio::test]
async fn suppliers_and_exceptions_come_as_files_and_no_file_approves_any() {
    let house = House::new().await;
    let tenant = house.tenant().await;
    let suppliers =
        "ref_id,name,criticality,services,information,owner\nS-1,Fjordcloud,high,Hosting|Backups,All of it,mara\n";
    let done = tenant.upload("/imports/suppliers", suppliers).await.json();
    assert_eq!((&done["created"], &done["rows"]), (&json!(1), &json!(1)), "{done}");
    let supplier = tenant.get("/suppliers/S-1").await.json();
    assert_eq!((&supplier["services"], &supplier["criticality"]), (&json!(["Hosting", "Backups"]), &json!("high")));
    let again = tenant.upload("/imports/suppliers", suppliers).await.json();
    assert_eq!((&again["unchanged"], &again["position"]), (&json!(1), &done["position"]));

    let exceptions = "ref_id,name,description,severity,status,expiration_date,controls,justification,compensating_measure\n\
                      E-1,Old system,No second factor,high,approved,2999-12-31,A.8.5,Too old,Only from inside\n";
    let done = tenant.upload("/imports/exceptions", exceptions).await.json();
    assert_eq!((&done["created"], &done["ignored_columns"]), (&json!(1), &json!(["severity"])), "{done}");
    let exception = tenant.get("/exceptions/E-1").await.json();
    assert_eq!((&exception["state"], &exception["requested_by"]), (&json!("requested"), &json!("mara")), "{exception}");
    let (status, code, _) = tenant.put("/exceptions/E-1/approval", json!({})).await.problem();
    assert_eq!((status, code.as_str()), (409, "own_request"), "who uploads it does not approve it");
    let again = tenant.upload("/imports/exceptions", exceptions).await.json();
    assert_eq!((&again["unchanged"], &again["position"]), (&json!(1), &done["position"]));
    views_equal_a_rebuild(&house, &tenant).await;
}

#[tokio::test]
async fn what_is_uploaded_is_of_one_tenant() {
    let house = House::new().await;
    let (ours, theirs) = (house.tenant().await, house.tenant().await);
    let suppliers = "ref_id,name,criticality\nS-1,Fjordcloud,high\n";
    ours.upload("/imports/suppliers", suppliers).await.json();
    ours.upload("/imports/controls", "control,status\nA.5.1,implemented\n").await.json();
    assert_eq!(theirs.get("/suppliers").await.json()["items"], json!([]));
    assert_eq!(soa_row(&theirs, "A.5.1", "").await["state"], "not_started");
    let told = theirs.upload("/imports/suppliers?dry_run=true", suppliers).await.json();
    assert_eq!(told["created"], 1, "what is there is not known from elsewhere");
}

async fn undo(tenant: &Tenant<'_>, register: &str, done: &Value) -> Answer {
    let id = done["id"].as_str().unwrap_or_else(|| panic!("no id in {done}"));
    tenant.post(&format!("/imports/{register}/{id}/undo"), json!({"reason": "another client's file"})).await
}

#[tokio::test]
async fn controls_are_again_what_they_were_and_what_else_was_decided_stays() {
    let house = House::new().await;
    let tenant = house.tenant().await;
    let before = soa_row(&tenant, "A.8.13", "").await;
    let file = "control,status,how,owner\nA.8.13,implemented,Nightly,mara\nA.8.15,planned,,\n";
    let done = tenant.upload("/imports/controls", file).await.json();
    // A risk relies on it since, which is in nobody's way; who says anew how far it is, is.
    tenant.treat("R-1", &["A.8.13"], &[]).await.expect("linked");
    assert_eq!(tenant.put("/controls/A.8.15/implementation", json!({"state": "partial"})).await.status.as_u16(), 200);
    let (status, code, _) = undo(&tenant, "controls", &done).await.problem();
    assert_eq!((status, code.as_str()), (409, "built_on"));
    let refused = undo(&tenant, "controls", &done).await.json();
    assert_eq!(
        (&refused["errors"][0]["field"], refused["errors"].as_array().map(Vec::len)),
        (&json!("A.8.15"), Some(1))
    );
    assert_eq!(tenant.put("/controls/A.8.15/implementation", json!({"state": "planned"})).await.status.as_u16(), 200);

    let back = undo(&tenant, "controls", &done).await.json();
    assert_eq!(back["changed"], true, "{back}");
    assert_eq!(undo(&tenant, "controls", &done).await.json()["changed"], false);
    let row = soa_row(&tenant, "A.8.13", "").await;
    assert_eq!((&row["state"], &row["how"], &row["owner"]), (&before["state"], &before["how"], &before["owner"]));
    assert_eq!(tenant.get("/controls/A.8.13").await.json()["required_by"][0]["risk"], "R-1");
    let kept = tenant.get("/imports/controls").await.json();
    assert_eq!(
        (&kept["items"][0]["changed"], &kept["items"][0]["undone"]["by"]),
        (&json!(2), &json!("mara")),
        "{kept}"
    );
    views_equal_a_rebuild(&house, &tenant).await;
}

#[tokio::test]
async fn suppliers_without_refs_are_known_by_their_names_and_taken_back() {
    let house = House::new().await;
    let tenant = house.tenant().await;
    tenant.post("/suppliers", json!({"ref": "S-2", "name": "Post", "criticality": "low"})).await;
    let file = "ref_id,name,criticality\n,Post,high\n,Fjordcloud,high\n,Couriers,low\n";
    let done = tenant.upload("/imports/suppliers", file).await.json();
    assert_eq!((&done["created"], &done["changed"]), (&json!(2), &json!(1)), "{done}");
    for (id, name) in [("S-1", "Fjordcloud"), ("S-3", "Couriers")] {
        assert_eq!(tenant.get(&format!("/suppliers/{id}")).await.json()["name"], name);
    }
    let again = tenant.upload("/imports/suppliers", file).await.json();
    assert_eq!((&again["unchanged"], &again["position"]), (&json!(3), &done["position"]));
    assert_eq!(undo(&tenant, "suppliers", &done).await.json()["changed"], true);
    let left = tenant.get("/suppliers").await.json();
    assert_eq!((left["items"].as_array().map(Vec::len), &left["items"][0]["criticality"]), (Some(1), &json!("low")));

    // What somebody has looked at since is not removed.
    let done = tenant.upload("/imports/suppliers", file).await.json();
    assert_eq!(done["created"], 2);
    assert_eq!(tenant.put("/suppliers/S-3/exit-plan", json!({"plan": "By hand"})).await.status.as_u16(), 200);
    let refused = undo(&tenant, "suppliers", &done).await.json();
    assert_eq!((&refused["errors"][0]["field"], refused["errors"].as_array().map(Vec::len)), (&json!("S-3"), Some(1)));
    views_equal_a_rebuild(&house, &tenant).await;
}

#[tokio::test]
async fn an_exception_is_asked_for_as_before_and_decided_anew() {
    let house = House::new().await;
    let tenant = house.tenant().await;
    let file = "ref_id,name,description,justification,compensating_measure,expiration_date,controls\n\
                ,Old system,No second factor,Too old,Only from inside,2999-12-31,A.8.5\n";
    let done = tenant.upload("/imports/exceptions", file).await.json();
    assert_eq!(tenant.get("/exceptions/E-1").await.json()["title"], "Old system");
    assert_eq!(tenant.upload("/imports/exceptions", file).await.json()["unchanged"], 1);
    let approve = async || tenant.by("jo").put("/exceptions/E-1/approval", json!({})).await.status.as_u16();
    assert_eq!(approve().await, 200);
    let refused = undo(&tenant, "exceptions", &done).await.json();
    assert_eq!(refused["errors"][0]["detail"], "it was changed since: change it by hand");

    let file = "ref_id,name,description,justification,compensating_measure,expiration_date,controls\n\
                ,Old system,Nothing,,,,\n";
    let changed = tenant.by("jo").upload("/imports/exceptions", file).await.json();
    assert_eq!(approve().await, 409, "jo asks for it now");
    assert_eq!(undo(&tenant, "exceptions", &changed).await.json()["changed"], true);
    let exception = tenant.get("/exceptions/E-1").await.json();
    assert_eq!((&exception["waived"], &exception["state"]), (&json!("No second factor"), &json!("requested")));
    assert_eq!(exception["requested_by"], "mara");
    assert_eq!(approve().await, 200);
    views_equal_a_rebuild(&house, &tenant).await;
}

//! What audits found: raised, followed and closed by those who may, uploaded and taken back.

use crate::fixture::House;
use access::Role;
use serde_json::{Value, json};

fn ids(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().unwrap_or_else(|| panic!("no items in {page}"));
    items.iter().map(|item| item["id"].as_str().expect("an id")).collect()
}

#[tokio::test]
async fn a_finding_is_raised_followed_and_closed_and_another_tenant_sees_nothing() {
    let house = House::new().await;
    let tenant = house.tenant("hana", Role::InternalAuditor).await;
    let theirs = house.tenant("theo", Role::IsmsManager).await;
    let seen = house.tenant("vera", Role::Viewer).await;
    let found = json!({"title": "Restores are not rehearsed", "kind": "minor_nonconformity", "requirements": ["9.1", "a.8.13"],
        "raised_on": "2026-01-10", "owner": "priya", "due": "2026-02-01"});
    let (status, raised) = house.post("hana", tenant, "/findings", found.to_string()).await;
    assert_eq!((status, &raised["id"]), (201, &json!("F-1")), "{raised}");
    let good = json!({"title": "Handovers are read", "kind": "good_practice", "source": "Walk"}).to_string();
    assert_eq!(house.post("hana", tenant, "/findings", good).await.1["id"], "F-2");
    for (query, expected) in [
        ("", vec!["F-1", "F-2"]),
        ("?kind=good_practice", vec!["F-2"]),
        ("?owner=priya&state=open", vec!["F-1"]),
        ("?due_before=2026-02-02", vec!["F-1"]),
        ("?source=Walk", vec!["F-2"]),
        ("?q=a.8.13", vec!["F-1"]),
        ("?sort=-title", vec!["F-1", "F-2"]),
    ] {
        let (status, page) = house.ask("hana", tenant, &format!("/findings{query}")).await;
        assert_eq!((status, ids(&page)), (200, expected), "{query}");
    }
    let (_, shown) = house.ask("hana", tenant, "/findings/F-1").await;
    assert_eq!((&shown["overdue"], &shown["requirements"]), (&json!(true), &json!(["9.1", "A.8.13"])), "{shown}");

    let (status, told) = house.post("hana", tenant, "/findings/F-1/close", "{}".to_owned()).await;
    assert_eq!((status, &told["errors"][0]["field"]), (400, &json!("reason")), "{told}");
    let why = json!({"reason": "rehearsed twice"}).to_string();
    let (status, closed) = house.post("hana", tenant, "/findings/F-1/close", why).await;
    assert_eq!(status, 200, "{closed}");
    let (_, shown) = house.ask("hana", tenant, "/findings/F-1").await;
    assert_eq!((&shown["state"], &shown["overdue"]), (&json!("closed"), &json!(false)));
    let before = closed["position"].as_i64().expect("a position") - 1;
    let (_, then) = house.ask("hana", tenant, &format!("/findings/F-1?as_of={before}")).await;
    assert_eq!((&then["state"], &then["overdue"]), (&json!("open"), &json!(true)));
    let (_, history) = house.ask("hana", tenant, "/findings/F-1/history").await;
    assert_eq!(
        (&history["items"][1]["type"], &history["items"][1]["reason"]),
        (&json!("finding.closed"), &json!("rehearsed twice"))
    );

    for path in ["/findings/F-1", "/findings/F-1/history", "/findings/F-9"] {
        assert_eq!(house.ask("theo", theirs, path).await.0, 404, "{path}");
    }
    assert_eq!(ids(&house.ask("theo", theirs, "/findings").await.1), [""; 0]);
    assert_eq!(house.ask("theo", tenant, "/findings").await.0, 404);
    let stranger = json!({"title": "x", "kind": "observation"}).to_string();
    assert_eq!(house.post("vera", seen, "/findings", stranger).await.0, 403);
    assert_eq!(house.ask("vera", seen, "/findings").await.0, 200);
}

#[tokio::test]
async fn a_file_of_findings_is_recorded_whole_changes_nothing_again_and_is_taken_back() {
    let house = House::new().await;
    let tenant = house.tenant("mara", Role::IsmsManager).await;
    let other = house.tenant("otto", Role::IsmsManager).await;
    let standing = json!({"title": "Known", "kind": "observation", "raised_on": "2026-01-01"}).to_string();
    assert_eq!(house.post("mara", tenant, "/findings", standing).await.0, 201);
    let wrong = "ref_id,name,severity,status\nN-1,New,high,open\n".to_owned();
    let (status, told) = house.post("mara", tenant, "/imports/findings", wrong).await;
    assert_eq!((status, &told["errors"][0]["field"]), (400, &json!("kind")), "{told}");

    let file = "sep=;\nref_id;name;severity;status;due_date;priority\n;Known;major;resolved;;1\nN-1;New;minor;in_progress;31.12.2026;2\n";
    let path = "/imports/findings?map=kind:major=major_nonconformity;%20kind:minor=minor_nonconformity";
    let (status, taken) = house.post("mara", tenant, path, file.to_owned()).await;
    assert_eq!((status, &taken["created"], &taken["changed"]), (200, &json!(1), &json!(1)), "{taken}");
    assert_eq!(taken["ignored_columns"], json!(["priority"]));
    assert_eq!(house.ask("mara", tenant, "/findings/N-1").await.1["due"], "2026-12-31");
    let (_, known) = house.ask("mara", tenant, "/findings/F-1").await;
    assert_eq!((&known["kind"], &known["state"]), (&json!("major_nonconformity"), &json!("closed")), "{known}");
    let (_, again) = house.post("mara", tenant, path, file.to_owned()).await;
    assert_eq!(
        (&again["created"], &again["changed"], &again["unchanged"]),
        (&json!(0), &json!(0), &json!(2)),
        "{again}"
    );

    let upload = taken["id"].as_str().expect("an id");
    let undo = format!("/imports/findings/{upload}/undo");
    let why = || json!({"reason": "another client's"}).to_string();
    assert_eq!(house.post("otto", other, &undo, why()).await.0, 404);
    let (status, undone) = house.post("mara", tenant, &undo, why()).await;
    assert_eq!(status, 200, "{undone}");
    let (_, known) = house.ask("mara", tenant, "/findings/F-1").await;
    assert_eq!((&known["kind"], &known["state"]), (&json!("observation"), &json!("open")), "{known}");
    assert_eq!(ids(&house.ask("mara", tenant, "/findings").await.1), ["F-1"]);
    assert_eq!(house.ask("mara", tenant, "/imports/findings").await.1["items"][0]["undone"]["by"], "mara");
}

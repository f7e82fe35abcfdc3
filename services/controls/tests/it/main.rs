//! The controls service behind its HTTP shell, against real servers: from a new tenant to its Statement of Applicability.

mod bulk;
mod documents;
mod files;
mod frameworks;
mod house;
mod imports;
mod issuing;
mod others;
mod people;
mod transition;

use catalogue::annex_a;
use eventstore::NOW;
use house::{House, Tenant};
use serde_json::{Value, json};

fn ids(rows: &Value) -> Vec<&str> {
    rows.as_array().expect("rows").iter().map(|row| row["id"].as_str().expect("an id")).collect()
}

fn annex_a_ids() -> Vec<&'static str> {
    annex_a().iter().map(|control| control.id.as_str()).collect()
}

async fn soa_row(tenant: &Tenant<'_>, control: &str, query: &str) -> Value {
    let soa = tenant.get(&format!("/soa{query}")).await.json();
    let rows = soa["rows"].as_array().expect("rows");
    rows.iter().find(|row| row["id"] == control).unwrap_or_else(|| panic!("no {control} in {soa}")).clone()
}

const VIEWS: [&str; 15] = [
    "control",
    "requirement",
    "evidence",
    "file",
    "framework",
    "soa",
    "soa_issue",
    "document",
    "document_version",
    "acknowledgement",
    "supplier",
    "exception",
    "competence",
    "attainment",
    "communication",
];

async fn views_equal_a_rebuild(house: &House, tenant: &Tenant<'_>) {
    for view in VIEWS {
        let difference = controls::service(None).views.compare(&house.store, tenant.id, view).await.expect("compared");
        assert_eq!(difference, None, "{view}");
    }
}

#[tokio::test]
async fn a_new_tenant_has_the_93_controls_once_in_the_standards_order() {
    let house = House::new().await;
    let tenant = house.tenant().await;
    let listed = tenant.get("/controls?limit=1000").await.json();
    assert_eq!(ids(&listed["items"]), annex_a_ids());
    assert_eq!(listed["position"], 94);
    assert!(listed["items"].as_array().expect("items").iter().all(|item| item["version"] == 1));

    let people = tenant.get("/controls?theme=people&state=not_started&applicability=undecided").await.json();
    assert_eq!(people["items"].as_array().expect("items").len(), 8);
    for column in ["theme", "state", "owner", "applicability"] {
        let sorted = tenant.get(&format!("/controls?sort=-{column}&limit=1000")).await.json();
        assert_eq!(sorted["items"].as_array().expect("items").len(), 93, "{column}");
    }
    assert_eq!(tenant.get("/controls?owner=&limit=1000").await.json()["items"].as_array().expect("items").len(), 93);
    // Pages follow the same order as the whole.
    let first = tenant.get("/controls?limit=9").await.json();
    let cursor = first["next"].as_str().expect("a next page");
    let second = tenant.get(&format!("/controls?limit=2&cursor={cursor}")).await.json();
    assert_eq!(ids(&second["items"]), ["A.5.10", "A.5.11"]);
    views_equal_a_rebuild(&house, &tenant).await;
}

#[tokio::test]
async fn a_treatment_requires_its_controls_until_it_releases_them() {
    let house = House::new().await;
    let tenant = house.tenant().await;
    tenant.treat("R-10", &["A.8.13", "A.5.30"], &[]).await.expect("linked");
    let position = tenant.treat("R-2", &["A.8.13"], &[]).await.expect("linked");
    assert_eq!(
        tenant.treat("R-2", &["A.8.13"], &[]).await.expect("linked"),
        position,
        "what is so already is no event"
    );

    let row = soa_row(&tenant, "A.8.13", "").await;
    assert_eq!(row["required_by"][0], json!({"risk": "R-2", "option": "mitigate"}));
    let derived = (&row["applicable"], &row["decided"], &row["justification"]);
    assert_eq!(derived, (&json!(true), &json!(false), &json!("Treats R-2, R-10")));
    assert_eq!(soa_row(&tenant, "A.5.1", "").await["justification"], "Not decided yet");

    let refused =
        tenant.put("/controls/A.8.13/applicability", json!({"applicable": false, "justification": "dear"})).await;
    let (status, code, detail) = refused.problem();
    assert_eq!((status, code.as_str()), (409, "relied_on"));
    assert!(detail.contains("R-2, R-10"), "{detail}");

    tenant.treat("R-2", &[], &["A.8.13"]).await.expect("released");
    tenant.treat("R-10", &["A.5.30"], &["A.8.13"]).await.expect("released");
    let excluded =
        tenant.put("/controls/A.8.13/applicability", json!({"applicable": false, "justification": "dear"})).await;
    assert_eq!((excluded.status.as_u16(), excluded.etag.as_deref()), (200, Some("\"6\"")), "{excluded:?}");
    let (status, code, _) = tenant.put("/controls/A.8.13/implementation", json!({"state": "planned"})).await.problem();
    assert_eq!((status, code.as_str()), (409, "excluded_control"));

    tenant.treat("R-3", &["A.8.13"], &[]).await.expect("recorded all the same");
    assert_eq!(soa_row(&tenant, "A.8.13", "").await["conflict"], true);
    let control = tenant.get("/controls/A.8.13").await.json();
    let required_by = json!([{"risk": "R-3", "option": "mitigate"}]);
    assert_eq!((&control["conflict"], &control["required_by"]), (&json!(true), &required_by));
    let listed = tenant.get("/controls?applicability=excluded").await.json();
    assert_eq!((ids(&listed["items"]), &listed["items"][0]["required_by"]), (vec!["A.8.13"], &required_by));
    assert_eq!(tenant.get("/soa").await.json()["counts"]["conflicts"], 1);
    views_equal_a_rebuild(&house, &tenant).await;
}

#[tokio::test]
async fn a_closed_risk_requires_no_control_until_it_is_reopened() {
    let house = House::new().await;
    let tenant = house.tenant().await;
    tenant.treat("R-1", &["A.8.13"], &[]).await.expect("linked");
    tenant.told("R-1", "risk.closed", json!({"released_controls": ["A.8.13"]})).await.expect("released");
    let excluded = json!({"applicable": false, "justification": "nothing to copy"});
    assert_eq!(tenant.put("/controls/A.8.13/applicability", excluded.clone()).await.status.as_u16(), 200);
    let included = json!({"applicable": true, "basis": "good_practice", "justification": "copies are kept"});
    assert_eq!(tenant.put("/controls/A.8.13/applicability", included).await.status.as_u16(), 200);

    let reopened = json!({"option": "transfer", "controls": ["A.8.13"]});
    tenant.told("R-1", "risk.reopened", reopened).await.expect("linked");
    let required = json!([{"risk": "R-1", "option": "transfer"}]);
    assert_eq!(tenant.get("/controls/A.8.13").await.json()["required_by"], required);
    assert_eq!(tenant.put("/controls/A.8.13/applicability", excluded).await.problem().1, "relied_on");

    let before_it_named_them = tenant.told("R-1", "risk.closed", json!({})).await.expect("heard");
    assert_eq!(tenant.told("R-1", "risk.reopened", json!({})).await.expect("heard"), before_it_named_them);
    views_equal_a_rebuild(&house, &tenant).await;
}

#[tokio::test]
async fn a_treatment_with_a_control_that_is_not_there_is_a_fault_and_records_nothing() {
    let house = House::new().await;
    let tenant = house.empty_tenant().await;
    let error = tenant.treat("R-1", &["A.8.13"], &[]).await.expect_err("a fault");
    assert!(error.to_string().contains("no such control"), "{error}");
    assert_eq!(house.store.session(tenant.id).await.expect("a session").head().await.expect("read"), 1);
}

#[tokio::test]
async fn the_statement_of_applicability_shows_every_earlier_position() {
    let house = House::new().await;
    let tenant = house.tenant().await;
    tenant.treat("R-1", &["A.8.13"], &[]).await.expect("linked");
    let body = json!({"applicable": true, "basis": "contract", "justification": "=customers ask", "reason": "review"});
    let included = tenant.put("/controls/A.8.13/applicability", body).await;
    assert_eq!(included.json()["position"], 96, "{included:?}");
    tenant.put("/controls/A.8.13/implementation", json!({"state": "operating", "how": "nightly"})).await;
    tenant.put("/controls/A.8.13/owner", json!({"owner": "mara"})).await;

    let soa = tenant.get("/soa").await.json();
    assert_eq!(ids(&soa["rows"]), annex_a_ids());
    assert_eq!(soa["counts"]["included"], 1);
    assert_eq!((&soa["counts"]["undecided"], &soa["counts"]["operating"]), (&json!(92), &json!(1)));
    let row = soa_row(&tenant, "A.8.13", "").await;
    assert_eq!((&row["decided"], &row["basis"], &row["owner"]), (&json!(true), &json!("contract"), &json!("mara")));

    // No control, some, all of them, then what a treatment and a decision made of one.
    assert_eq!(tenant.get("/soa?as_of=0").await.json()["rows"], json!([]));
    assert_eq!(ids(&tenant.get("/soa?as_of=11").await.json()["rows"]), annex_a_ids()[..10]);
    let adopted = tenant.get("/soa?as_of=94").await.json();
    assert_eq!((adopted["rows"].as_array().expect("rows").len(), &adopted["counts"]["undecided"]), (93, &json!(93)));
    assert_eq!(soa_row(&tenant, "A.8.13", "?as_of=95").await["justification"], "Treats R-1");
    assert_eq!(soa_row(&tenant, "A.8.13", "?as_of=96").await["justification"], "=customers ask");
    assert_eq!(soa_row(&tenant, "A.8.13", "?as_of=96").await["state"], "not_started");

    let table = tenant.get("/soa.csv").await.text;
    assert_eq!(table.lines().count(), 94);
    let heading = "id,title,theme,applicable,decided,basis,justification,required_by,conflict,state,how,owner,evidence";
    assert_eq!(table.lines().next(), Some(heading));
    let line =
        "A.8.13,Information backup,technological,true,true,contract,'=customers ask,R-1,false,operating,nightly,mara,0";
    assert!(table.lines().any(|one| one == line), "{table}");
    assert!(tenant.get("/soa.csv?as_of=95").await.text.contains(",Treats R-1,R-1,"));

    let history = tenant.get("/controls/A.8.13/history").await.json();
    let types: Vec<_> = history["items"].as_array().expect("items").iter().map(|item| &item["type"]).collect();
    let expected = [
        "control.added",
        "control.required",
        "control.included",
        "control.implementation_set",
        "control.owner_assigned",
    ];
    assert_eq!(types, expected);
    assert_eq!((&history["items"][2]["actor"], &history["items"][2]["reason"]), (&json!("mara"), &json!("review")));
    let required = json!([{"field": "required_by.R-1", "from": null, "to": {"risk": "R-1", "option": "mitigate"}}]);
    assert_eq!(history["items"][1]["changes"], required);
    views_equal_a_rebuild(&house, &tenant).await;
}

#[tokio::test]
async fn what_is_required_is_shown_as_of_every_earlier_position() {
    let house = House::new().await;
    let tenant = house.tenant().await;
    let one = tenant.treat("R-10", &["A.8.13", "A.8.14"], &[]).await.expect("linked");
    let two = tenant.treat("R-2", &["A.8.13"], &[]).await.expect("linked");
    let avoided = tenant.treat_by("avoid", "R-10", &["A.8.13"], &[]).await.expect("linked");
    let released = tenant.treat("R-10", &[], &["A.8.13", "A.8.14"]).await.expect("released");

    let requirement = |risk: &str, option: &str| json!({"risk": risk, "option": option});
    let (first, second) = (requirement("R-10", "mitigate"), requirement("R-2", "mitigate"));
    for (position, required_by) in [
        (94, json!([])),
        (one, json!([first])),
        (two, json!([second, first])),
        (avoided, json!([second, requirement("R-10", "avoid")])),
        (released, json!([second])),
    ] {
        let as_of = format!("?as_of={position}");
        assert_eq!(soa_row(&tenant, "A.8.13", &as_of).await["required_by"], required_by, "{position}");
        let control = tenant.get(&format!("/controls/A.8.13{as_of}")).await.json();
        assert_eq!((&control["required_by"], &control["position"]), (&required_by, &json!(position)));
        let listed = tenant.get(&format!("/controls{as_of}&limit=1000")).await.json();
        let item = listed["items"].as_array().expect("items").iter().find(|item| item["id"] == "A.8.13").expect("it");
        assert_eq!(item["required_by"], required_by, "{position}");
    }
    assert_eq!(soa_row(&tenant, "A.8.14", &format!("?as_of={avoided}")).await["justification"], "Treats R-10");
    assert_eq!(soa_row(&tenant, "A.8.14", "").await["justification"], "Not decided yet");

    let history = tenant.get("/controls/A.8.13/history").await.json();
    let told: Vec<_> = history["items"].as_array().expect("items").iter().map(|item| item["changes"].clone()).collect();
    let change =
        |risk: &str, from: Value, to: Value| json!([{"field": format!("required_by.{risk}"), "from": from, "to": to}]);
    let avoid = requirement("R-10", "avoid");
    let expected = [
        change("R-10", Value::Null, first.clone()),
        change("R-2", Value::Null, second),
        change("R-10", first, avoid.clone()),
        change("R-10", avoid, Value::Null),
    ];
    assert_eq!(told[1..], expected);
    views_equal_a_rebuild(&house, &tenant).await;
}

#[tokio::test]
async fn a_control_that_many_risks_rely_on_keeps_a_small_row() {
    let house = House::new().await;
    let tenant = house.tenant().await;
    let mut session = house.store.session(tenant.id).await.expect("a session");
    let mut largest = async || -> i32 {
        let longest = sqlx::query_scalar("select max(length(data::text)) from view_control where tenant_id = $1");
        longest.bind(tenant.id).fetch_one(session.connection()).await.expect("read")
    };
    let before = largest().await;
    for risk in 1..=60 {
        tenant.treat(&format!("R-{risk}"), &["A.8.13", "A.8.14"], &[]).await.expect("linked");
    }
    assert_eq!(largest().await, before);
    let row = soa_row(&tenant, "A.8.14", "").await;
    let risks: Vec<_> = row["required_by"].as_array().expect("risks").iter().map(|one| one["risk"].clone()).collect();
    assert_eq!(risks, (1..=60).map(|risk| json!(format!("R-{risk}"))).collect::<Vec<_>>());
}

#[tokio::test]
async fn evidence_supports_two_controls_in_one_append() {
    let house = House::new().await;
    let tenant = house.tenant().await;
    let body = json!({"title": "Restore test", "note": "abc", "supports": ["A.8.14", "A.8.13"],
                      "collected_at": "2026-01-01T00:00:00Z", "valid_until": "2027-01-01T00:00:00Z"});
    let collected = tenant.post_once("/evidence", body.clone(), "one").await;
    let answer = collected.json();
    let id = answer["id"].as_str().expect("an id");
    assert_eq!((collected.status.as_u16(), collected.etag.as_deref()), (201, Some("\"1\"")), "{collected:?}");
    let (version, position) = (&answer["version"], &answer["position"]);
    assert_eq!((version, position), (&json!(1), &json!(97)));
    assert_eq!(collected.location, Some(format!("/v1/tenants/{}/evidence/{id}", tenant.id)));
    let again = tenant.post_once("/evidence", body, "one").await;
    assert_eq!((again.status.as_u16(), again.json()), (201, answer.clone()), "the same key gives the same evidence");

    let kept = tenant.get(&format!("/evidence/{id}")).await.json();
    assert_eq!(kept["sha256"], "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(kept["supports"], json!(["A.8.13", "A.8.14"]));
    for control in ["A.8.13", "A.8.14"] {
        let control = tenant.get(&format!("/controls/{control}")).await.json();
        assert_eq!(control["evidence"], json!([{"id": id, "title": "Restore test"}]));
    }
    assert_eq!(soa_row(&tenant, "A.8.13", "").await["evidence"], 1);
    let history = tenant.get(&format!("/evidence/{id}/history")).await.json();
    let entries = history["items"].as_array().expect("items");
    assert_eq!((entries.len(), &entries[0]["type"]), (1, &json!("evidence.collected")));
    assert_eq!(entries[0]["actor"], "mara");
    assert_eq!(ids(&tenant.get("/evidence?sort=title").await.json()["items"]), [id]);
    assert_eq!(ids(&tenant.get("/evidence?title=Restore%20test").await.json()["items"]), [id]);
    views_equal_a_rebuild(&house, &tenant).await;
}

#[tokio::test]
async fn evidence_for_a_control_that_is_not_there_is_refused_whole() {
    let house = House::new().await;
    let tenant = house.tenant().await;
    let body = json!({"title": "Restore test", "note": "abc", "supports": ["A.8.13", "A.9.1"]});
    let (status, code, detail) = tenant.post("/evidence", body).await.problem();
    assert_eq!((status, code.as_str()), (400, "invalid"));
    assert!(detail.starts_with("supports: there is no control A.9.1"), "{detail}");
    assert_eq!(tenant.get("/controls/A.8.13").await.json()["evidence"], json!([]));
    assert_eq!(tenant.get("/evidence").await.json()["items"], json!([]));
}

#[tokio::test]
async fn bad_input_names_its_field_and_a_missing_control_is_404() {
    let house = House::new().await;
    let tenant = house.tenant().await;
    for (path, body, field) in [
        ("applicability", json!({"applicable": true, "justification": "x"}), "basis"),
        ("applicability", json!({"applicable": true, "basis": "luck", "justification": "x"}), "basis"),
        ("applicability", json!({"applicable": false, "justification": " "}), "justification"),
        ("applicability", json!({"applicable": false}), "justification"),
        ("implementation", json!({"state": "done"}), "state"),
        ("implementation", json!({"state": "planned", "when": "soon"}), "when"),
        ("owner", json!({"owner": "Mara"}), "owner"),
    ] {
        let (status, _, detail) = tenant.put(&format!("/controls/A.8.13/{path}"), body).await.problem();
        assert!(status == 400 && detail.starts_with(&format!("{field}: ")), "{status} {detail}");
    }
    let missing = tenant.put("/controls/A.9.1/owner", json!({"owner": "mara"})).await;
    assert_eq!(missing.status.as_u16(), 404);
}

#[tokio::test]
async fn many_pieces_of_evidence_at_once_are_each_kept() {
    let house = House::new().await;
    let tenant = house.tenant().await;
    let collect = async |number: usize| {
        let supports = if number.is_multiple_of(2) { ["A.8.13", "A.8.14"] } else { ["A.8.14", "A.8.15"] };
        let body = json!({"title": format!("Test {number}"), "note": "abc", "supports": supports});
        tenant.post("/evidence", body).await.status.as_u16()
    };
    for _ in 0..5 {
        let statuses = tokio::join!(collect(0), collect(1), collect(2), collect(3), collect(4), collect(5));
        assert_eq!(statuses, (201, 201, 201, 201, 201, 201));
    }
    let control = tenant.get("/controls/A.8.14").await.json();
    assert_eq!(control["evidence"].as_array().expect("evidence").len(), 30);
    views_equal_a_rebuild(&house, &tenant).await;
}

#[tokio::test]
async fn another_tenant_sees_nothing() {
    let house = House::new().await;
    let (ours, theirs) = (house.empty_tenant().await, house.tenant().await);
    theirs.treat("R-1", &["A.8.13"], &[]).await.expect("linked");
    let body = json!({"title": "Restore test", "note": "abc", "supports": ["A.8.13"]});
    let secret = theirs.post("/evidence", body).await.json();
    for path in ["/controls", "/evidence"] {
        assert_eq!(ours.get(path).await.json()["items"], json!([]), "{path}");
    }
    assert_eq!(ours.get("/soa").await.json()["rows"], json!([]));
    assert_eq!(ours.get(&format!("/evidence/{}", secret["id"].as_str().expect("an id"))).await.status.as_u16(), 404);
    assert_eq!(ours.get("/controls/A.8.13").await.status.as_u16(), 404);
    let owner = ours.put("/controls/A.8.13/owner", json!({"owner": "mara"})).await;
    assert_eq!(owner.status.as_u16(), 404);

    let mut session = house.store.session(ours.id).await.expect("a session");
    for table in [
        "select count(*) from view_control",
        "select count(*) from view_requirement",
        "select count(*) from view_evidence",
    ] {
        let seen: i64 = sqlx::query_scalar(table).fetch_one(session.connection()).await.expect("read");
        assert_eq!(seen, 0, "{table}");
    }
    assert_eq!(session.events_after(0, NOW).await.expect("read").len(), 1);
}

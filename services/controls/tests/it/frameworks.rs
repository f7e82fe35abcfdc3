//! One control answers requirements of several frameworks.

use crate::house::{Answer, House, Tenant};
use crate::views_equal_a_rebuild;
use reqwest::Method;
use serde_json::{Value, json};

async fn send(tenant: &Tenant<'_>, method: Method, path: &str, table: &'static str) -> Answer {
    Answer::of(tenant.request(method, path).body(table).send().await.expect("an answer")).await
}

fn row<'a>(coverage: &'a Value, id: &str) -> &'a Value {
    let items = coverage["items"].as_array().expect("items");
    items.iter().find(|item| item["id"] == id).unwrap_or_else(|| panic!("no {id} in {coverage}"))
}

#[tokio::test]
async fn what_answers_a_requirement_is_told_with_how_far_it_is() {
    let house = House::new().await;
    let tenant = house.tenant().await;
    let table = "ref_id,name,parent_ref\n21,Measures,\n21.a,Policies,21\n21.b,Incidents,21\n21.c,Backups,21\n";
    let begun = send(&tenant, Method::POST, "/frameworks?ref=NIS2&title=NIS2&version=2022", table).await;
    assert_eq!((begun.status.as_u16(), &begun.json()["id"]), (201, &json!("NIS2")), "{begun:?}");
    let answers = "requirement,answered_by,framework,strength\n21.a,A.5.1,,\n21.c,A.12.3.1,iso27001_2013,\n21.b,A.5.24,,partial\n";
    let mapped = send(&tenant, Method::PUT, "/frameworks/NIS2/mappings", answers).await;
    assert_eq!(mapped.status, 200, "{mapped:?}");
    tenant.put("/controls/A.8.13/implementation", json!({"state": "operating"})).await;
    let test = json!({"tested_on": "2026-01-01", "method": "inspection", "sample": "1 of 1", "result": "effective"});
    let tested = tenant.post("/controls/A.8.13/tests", test).await.json()["position"].as_i64().expect("a position");
    let excluded = json!({"applicable": false, "justification": "so"});
    assert_eq!(tenant.put("/controls/A.5.24/applicability", excluded).await.status, 200);

    let told = tenant.get("/frameworks/NIS2/coverage").await.json();
    let counts = json!({"requirements": 3, "full": 2, "partial": 0, "none": 1, "implemented": 1});
    assert_eq!((&told["counts"], &told["title"], &told["version"]), (&counts, &json!("NIS2"), &json!("2022")));
    let backups = row(&told, "21.c");
    assert_eq!(
        (&backups["answered"], &backups["state"], &backups["effectiveness"], &backups["controls"][0]["id"]),
        (&json!("full"), &json!("operating"), &json!("effective"), &json!("A.8.13"))
    );
    let incidents = row(&told, "21.b");
    assert_eq!((&incidents["answered"], &incidents["controls"][0]["applicable"]), (&json!("none"), &json!(false)));
    assert_eq!((&row(&told, "21")["heading"], &row(&told, "21.a")["heading"]), (&json!(true), &json!(false)));
    let then = tenant.get(&format!("/frameworks/NIS2/coverage?as_of={tested}")).await.json();
    assert_eq!((&row(&then, "21.b")["answered"], &then["counts"]["partial"]), (&json!("partial"), &json!(1)));

    // The same control answers the old edition, and its own.
    let old = tenant.get("/frameworks/iso27001_2013/coverage").await.json();
    assert_eq!((&old["counts"]["requirements"], &row(&old, "A.12.3.1")["state"]), (&json!(114), &json!("operating")));
    let new = tenant.get("/frameworks/iso27001_2022/coverage").await.json();
    assert_eq!((&new["counts"]["requirements"], &new["counts"]["implemented"]), (&json!(93), &json!(1)));
    let listed = tenant.get("/frameworks").await.json();
    let listed: Vec<_> =
        listed["items"].as_array().expect("items").iter().map(|one| (&one["id"], &one["mapped"])).collect();
    assert_eq!(
        listed,
        [(&json!("iso27001_2022"), &json!(93)), (&json!("iso27001_2013"), &json!(114)), (&json!("NIS2"), &json!(3))]
    );
    assert_eq!(tenant.get("/frameworks/NIS2").await.json()["requirements"][3]["name"], "Backups");
    let history = tenant.get("/frameworks/NIS2/history").await.json();
    assert_eq!(history["items"][1]["type"], "framework.mapped");
    views_equal_a_rebuild(&house, &tenant).await;
}

#[tokio::test]
async fn a_framework_is_removed_once_nothing_is_answered_by_it_and_there_are_so_many_at_most() {
    let house = House::new().await;
    let tenant = house.tenant().await;
    let table = "ref_id,name\n1,One\n";
    for number in 1..=50 {
        let path = format!("/frameworks?ref=F-{number}&title=X");
        assert_eq!(send(&tenant, Method::POST, &path, table).await.status, 201);
    }
    let (status, code, _) = send(&tenant, Method::POST, "/frameworks?ref=F-51&title=X", table).await.problem();
    assert_eq!((status, code.as_str()), (409, "too_many_frameworks"));
    assert_eq!(send(&tenant, Method::POST, "/frameworks?ref=F-1&title=X", table).await.status, 200, "it is there");
    send(&tenant, Method::PUT, "/frameworks/F-2/mappings", "requirement,answered_by,framework\n1,1,F-1\n").await;
    let remove = async |path: &str| {
        let request = tenant.request(Method::DELETE, path).json(&json!({"reason": "Another edition"}));
        Answer::of(request.send().await.expect("an answer")).await
    };
    let (status, code, detail) = remove("/frameworks/F-1").await.problem();
    assert_eq!((status, code.as_str()), (409, "answers"));
    assert!(detail.contains("F-2"), "{detail}");
    for path in ["/frameworks/F-2", "/frameworks/F-1"] {
        assert_eq!(remove(path).await.status, 200, "{path}");
        assert_eq!(tenant.get(path).await.status, 404, "{path}");
        assert_eq!(remove(path).await.status, 409, "{path}");
    }
    assert_eq!(remove("/frameworks/F-99").await.status, 404);
    assert_eq!(send(&tenant, Method::PUT, "/frameworks/F-1?title=X", table).await.status, 404);
    assert_eq!(send(&tenant, Method::POST, "/frameworks?ref=F-1&title=X", table).await.status, 201);
    views_equal_a_rebuild(&house, &tenant).await;
}

#[tokio::test]
async fn a_wrong_table_is_told_row_by_row_and_another_tenants_framework_is_not_there() {
    let house = House::new().await;
    let (ours, theirs) = (house.tenant().await, house.tenant().await);
    let table = "ref_id,name\n1,One\n";
    assert_eq!(send(&ours, Method::POST, "/frameworks?ref=X&title=X", table).await.status, 201);
    for (method, path, table, told) in [
        (Method::POST, "/frameworks?title=X", table, "ref: "),
        (Method::POST, "/frameworks?ref=Y", table, "title: say what people call it"),
        (Method::POST, "/frameworks?ref=iso27001_2022&title=X", table, "ref: iso27001_2022 is built in"),
        (Method::POST, "/frameworks?ref=Y&title=X", "ref_id,name\n1,One\n1,Two\n", "ref_id: 1 is in row 2 already"),
        (
            Method::PUT,
            "/frameworks/X/mappings",
            "requirement,answered_by\n1,A.9.9\n",
            "answered_by: framework iso27001_2022 has no A.9.9",
        ),
    ] {
        let (status, _, detail) = send(&ours, method, path, table).await.problem();
        assert!(status == 400 && detail.starts_with(told), "{path}: {detail}");
    }
    let text = "requirement,answered_by,framework\n1,A.5.1,\n2,\"A.5.1, A.9.9\",\n1,1,Y\n";
    let told = send(&ours, Method::PUT, "/frameworks/X/mappings", text).await.json();
    let told = told["errors"].as_array().expect("errors").iter().map(|error| (&error["row"], &error["field"]));
    let at = |row: u64, field: &str| (json!(row), json!(field));
    assert_eq!(
        told.map(|(row, field)| (row.clone(), field.clone())).collect::<Vec<_>>(),
        [at(3, "answered_by"), at(3, "requirement"), at(4, "framework")]
    );
    for (method, path) in [(Method::GET, "/frameworks/iso27001_2013"), (Method::PUT, "/frameworks/iso27001_2013")] {
        let (status, _, detail) = send(&ours, method, path, table).await.problem();
        assert!(status == 404 && detail.starts_with("iso27001_2013 is built in"), "{detail}");
    }

    for path in ["/frameworks/X", "/frameworks/X/coverage", "/frameworks/X/history"] {
        assert_eq!(theirs.get(path).await.status, 404, "{path}");
    }
    assert_eq!(send(&theirs, Method::PUT, "/frameworks/X?title=X", table).await.status, 404);
    assert_eq!(theirs.get("/frameworks").await.json()["items"].as_array().expect("items").len(), 2);
    send(&theirs, Method::POST, "/frameworks?ref=Z&title=Z", table).await;
    // What is another tenant's answers nothing here.
    let (status, _, detail) =
        send(&theirs, Method::PUT, "/frameworks/Z/mappings", "requirement,answered_by,framework\n1,1,X\n")
            .await
            .problem();
    assert!(status == 400 && detail.starts_with("framework: there is no framework X here"), "{detail}");
    let mut session = house.store.session(theirs.id).await.expect("a session");
    let seen: i64 =
        sqlx::query_scalar("select count(*) from view_framework").fetch_one(session.connection()).await.expect("read");
    assert_eq!(seen, 1);
}

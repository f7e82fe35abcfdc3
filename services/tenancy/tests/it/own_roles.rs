use crate::http::House;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// The code of a problem.
fn code(body: &Value) -> &str {
    body["type"].as_str().unwrap_or_default().rsplit(':').next().unwrap_or_default()
}

#[tokio::test]
async fn a_tenant_makes_roles_of_its_own_gives_changes_and_removes_them() {
    let house = House::start().await;
    let (tenant, ada, jo) = (house.tenant().await, house.token("ada", true), house.token("jo", false));
    let (keeper, person) = (format!("{tenant}/roles/keeper"), format!("{tenant}/people/jo"));
    let permissions = format!("{tenant}/permissions");
    let unknown = house.put(&ada, &person, json!({ "roles": ["keeper"] })).await;
    assert_eq!(unknown.status, StatusCode::BAD_REQUEST);
    assert_eq!(unknown.body["errors"][0]["field"], "roles", "{}", unknown.body);

    let allows = json!({ "actions": ["write_controls", "read"], "reason": "the archive" });
    let defined = house.put(&ada, &keeper, allows).await;
    assert_eq!((defined.status, &defined.body["id"]), (StatusCode::OK, &json!("keeper")), "{}", defined.body);
    let given = house.put(&ada, &person, json!({ "roles": ["keeper", "viewer"] })).await;
    assert_eq!(given.status, StatusCode::OK, "{}", given.body);
    let may = house.get(&jo, &permissions).await.body;
    assert_eq!((&may["roles"], &may["actions"]), (&json!(["viewer", "keeper"]), &json!(["read", "write_controls"])));
    let listed = house.get(&jo, &format!("{tenant}/roles")).await;
    let items = listed.body["items"].as_array().expect("items");
    let own: Vec<&Value> = items.iter().filter(|role| role["own"] == true).collect();
    assert_eq!(own, [&json!({ "role": "keeper", "own": true, "actions": ["read", "write_controls"] })]);
    assert_eq!((items.len(), &items[1]["role"]), (8, &json!("risk_owner")));
    assert_eq!(listed.etag, given.etag);

    // Whoever holds it may do at once what it allows, and at once no more.
    let before = listed.body["position"].as_i64().expect("a position");
    assert_eq!(house.put(&ada, &keeper, json!({ "actions": ["read", "read_trail"] })).await.status, StatusCode::OK);
    assert_eq!(house.get(&jo, &permissions).await.body["actions"], json!(["read", "read_trail"]));
    let then = house.get(&ada, &format!("{tenant}/roles?as_of={before}")).await.body;
    assert_eq!(then["items"][7]["actions"], json!(["read", "write_controls"]));
    let history = house.get(&ada, &format!("{tenant}/roles/history?after={before}")).await.body;
    assert_eq!(history["items"][0]["changes"][0]["field"], "own_roles.keeper", "{history}");

    let held = house.ask(&ada, Method::DELETE, &keeper, Value::Null, None).await;
    assert_eq!((held.status, code(&held.body)), (StatusCode::CONFLICT, "still_held"));
    assert!(held.body["detail"].as_str().is_some_and(|detail| detail.contains("held by jo:")), "{}", held.body);
    assert_eq!(house.put(&ada, &person, json!({ "roles": ["viewer"] })).await.status, StatusCode::OK);
    let removed = house.ask(&ada, Method::DELETE, &format!("{keeper}?reason=unused"), Value::Null, None).await;
    assert_eq!((removed.status, &removed.body["changed"]), (StatusCode::OK, &json!(true)), "{}", removed.body);
    let again = house.ask(&ada, Method::DELETE, &keeper, Value::Null, None).await;
    assert_eq!(again.status, StatusCode::NOT_FOUND, "{}", again.body);
    let reason = house.get(&ada, &format!("{tenant}/roles/history?after={}", before + 2)).await.body;
    assert_eq!(reason["items"][0]["reason"], "unused", "{reason}");
    house.running.stop().await;
}

#[tokio::test]
async fn nobody_raises_their_own_rights_by_a_role_of_the_tenants_own() {
    let house = House::start().await;
    let (tenant, ada, jo) = (house.tenant().await, house.token("ada", true), house.token("jo", false));
    let deputy = format!("{tenant}/roles/deputy");
    assert_eq!(house.put(&ada, &deputy, json!({ "actions": ["read", "manage_tenant"] })).await.status, StatusCode::OK);
    house.put(&ada, &format!("{tenant}/people/jo"), json!({ "roles": ["deputy"] })).await;
    for (path, body, expected) in [
        (&deputy, json!({ "actions": ["read", "manage_tenant", "write_risks"] }), "held_by_oneself"),
        (&format!("{tenant}/roles/mine"), json!({ "actions": ["read", "write_risks"] }), "beyond_own_rights"),
        (&format!("{tenant}/people/kim"), json!({ "roles": ["isms_manager"] }), "beyond_own_rights"),
        (&format!("{tenant}/people/jo"), json!({ "roles": ["isms_manager"] }), "own_role"),
    ] {
        let refused = house.put(&jo, path, body).await;
        assert_eq!((refused.status, code(&refused.body)), (StatusCode::CONFLICT, expected), "{path}: {}", refused.body);
    }
    // A deputy may give what they have, and an administrator everything.
    for (token, role) in [(&jo, "deputy"), (&jo, "viewer"), (&ada, "isms_manager")] {
        let given = house.put(token, &format!("{tenant}/people/kim"), json!({ "roles": [role] })).await;
        assert_eq!(given.status, StatusCode::OK, "{}", given.body);
    }
    // The organisation's own partition, whose roles would let their holders issue tokens, has none.
    let own = format!("/v1/tenants/{}/roles/deputy", house.organisation);
    let own = house.put(&ada, &own, json!({ "actions": ["read"] })).await;
    assert_eq!(own.status, StatusCode::NOT_FOUND);
    house.running.stop().await;
}

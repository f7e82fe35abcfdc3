//! A client's people and their roles come as one file, and nobody raises their own rights by it.

use crate::http::House;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

async fn upload(house: &House, token: &str, path: &str, file: &str) -> (StatusCode, Value) {
    let answer = house.send(token, Method::POST, path, file.to_owned()).await;
    (answer.status, answer.body)
}

#[tokio::test]
async fn people_and_their_roles_come_as_one_file() {
    let house = House::start().await;
    let (tenant, ada) = (house.tenant().await, house.token("ada", true));
    let (imports, people) = (format!("{tenant}/imports/people"), format!("{tenant}/people"));
    let file =
        "person,name,email,roles,until\njo,Jo,jo@example.org,isms_manager,\nsam,Sam,,risk_owner|viewer,2999-12-31\n";
    let (status, dry) = upload(&house, &ada, &format!("{imports}?dry_run=true"), file).await;
    assert_eq!((status, &dry["created"], &dry["errors"]), (StatusCode::OK, &json!(2), &json!([])), "{dry}");
    assert_eq!(house.get(&ada, &people).await.body["items"], json!([]), "nothing was recorded");
    let (status, done) = upload(&house, &ada, &imports, file).await;
    assert_eq!(
        (status, &done["created"], &done["ignored_columns"]),
        (StatusCode::OK, &json!(2), &json!(["name", "email"]))
    );
    let until = json!({"until": "3000-01-01T00:00:00Z"});
    let shown = json!([
        {"person": "jo", "roles": ["isms_manager"]},
        {"person": "sam", "roles": ["risk_owner", "viewer"], "terms": {"risk_owner": until, "viewer": until}},
    ]);
    assert_eq!(house.get(&ada, &people).await.body["items"], shown);
    let (_, again) = upload(&house, &ada, &imports, file).await;
    assert_eq!((&again["unchanged"], &again["position"]), (&json!(2), &done["position"]));

    // The rules of the single request hold, and one refusal is enough.
    let jo = house.token("jo", false);
    let file = "person,roles\nmax,viewer\njo,isms_manager|risk_owner\nsam,keeper\n";
    let (status, refused) = upload(&house, &jo, &imports, file).await;
    let told: Vec<_> =
        refused["errors"].as_array().expect("errors").iter().map(|error| (&error["row"], &error["field"])).collect();
    assert_eq!(
        (status, told),
        (StatusCode::BAD_REQUEST, vec![(&json!(3), &json!("person")), (&json!(4), &json!("roles"))])
    );
    let (status, _) = upload(&house, &house.token("sam", false), &imports, "person,roles\nsam,isms_manager\n").await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_eq!(house.get(&ada, &people).await.body["items"], shown);

    // Nobody gives by a file what they may not do themselves.
    let lead = json!({"actions": ["read", "manage_tenant"]});
    assert_eq!(house.put(&ada, &format!("{tenant}/roles/lead"), lead).await.status, StatusCode::OK);
    assert_eq!(upload(&house, &ada, &imports, "person,roles\nlea,lead\n").await.0, StatusCode::OK);
    let (status, refused) =
        upload(&house, &house.token("lea", false), &imports, "person,roles\nmax,risk_owner\n").await;
    assert_eq!((status, &refused["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!("roles")), "{refused}");

    // The organisation itself has no people.
    let own = format!("/v1/tenants/{}/imports/people", house.organisation());
    assert_eq!(upload(&house, &ada, &own, "person,roles\nmax,viewer\n").await.0, StatusCode::NOT_FOUND);
    let other = house.tenant_called("Other").await;
    assert_eq!(house.get(&ada, &format!("{other}/people")).await.body["items"], json!([]));
    house.running.stop().await;
}

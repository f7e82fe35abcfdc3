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

#[tokio::test]
async fn people_have_the_roles_again_that_they_had_before_a_file() {
    let house = House::start().await;
    let (tenant, ada) = (house.tenant().await, house.token("ada", true));
    let (imports, people) = (format!("{tenant}/imports/people"), format!("{tenant}/people"));
    let before = "person,roles\njo,isms_manager\nsam,viewer\nlea,viewer\n";
    assert_eq!(upload(&house, &ada, &imports, before).await.0, StatusCode::OK);
    let shown = house.get(&ada, &people).await.body["items"].clone();
    let file = "person,roles\nbo,isms_manager\njo,viewer\nsam,risk_owner\n";
    let (_, done) = upload(&house, &ada, &imports, file).await;
    let undo = format!("{imports}/{}/undo", done["id"].as_str().expect("an id"));
    let taken_back = async |token: &str| {
        house.ask(token, Method::POST, &undo, json!({"reason": "another client's people"}), None).await
    };

    // What became of somebody else since is in nobody's way; of one of them, it is.
    let roles = |roles: &[&str]| json!({"roles": roles});
    assert_eq!(house.put(&ada, &format!("{people}/lea"), roles(&["contributor"])).await.status, StatusCode::OK);
    assert_eq!(house.put(&ada, &format!("{people}/sam"), roles(&["contributor"])).await.status, StatusCode::OK);
    let refused = taken_back(&ada).await;
    assert_eq!(
        (refused.status, &refused.body["errors"][0]["field"]),
        (StatusCode::CONFLICT, &json!("sam")),
        "{}",
        refused.body
    );
    assert_eq!(house.put(&ada, &format!("{people}/sam"), roles(&["risk_owner"])).await.status, StatusCode::OK);

    // Nobody takes their own roles, by an undo neither.
    let refused = taken_back(&house.token("bo", false)).await;
    assert_eq!(
        (refused.status, &refused.body["errors"][0]["field"]),
        (StatusCode::CONFLICT, &json!("bo")),
        "{}",
        refused.body
    );

    // The last manager makes room for the one before.
    let done = taken_back(&ada).await;
    assert_eq!((done.status, &done.body["changed"]), (StatusCode::OK, &json!(true)), "{}", done.body);
    assert_eq!(house.put(&ada, &format!("{people}/lea"), roles(&["viewer"])).await.status, StatusCode::OK);
    assert_eq!(house.get(&ada, &people).await.body["items"], shown);
    assert_eq!(house.get(&ada, &imports).await.body["items"][1]["undone"]["by"], "ada");
    house.running.stop().await;
}

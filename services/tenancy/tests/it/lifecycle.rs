use crate::http::{Answer, House};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

fn problem(answer: &Answer) -> (u16, &str) {
    let code = answer.body["type"].as_str().and_then(|code| code.rsplit(':').next()).unwrap_or_default();
    (answer.status.as_u16(), code)
}

fn events(history: &Answer) -> Vec<(&str, &str)> {
    let items = history.body["items"].as_array().expect("items").iter();
    items
        .map(|item| (item["type"].as_str().unwrap_or_default(), item["actor"].as_str().unwrap_or_default()))
        .filter(|(kind, _)| !kind.ends_with("service_opened"))
        .collect()
}

#[tokio::test]
async fn settings_change_as_a_whole_and_the_organisation_lists_the_new_name() {
    let house = House::start().await;
    let ada = house.token("ada", true);
    let acme = house.tenant().await;
    let path = format!("{acme}/settings");
    let before = house.get(&ada, &acme).await.body;
    assert_eq!((&before["state"], &before["retention_years"]), (&json!("active"), &Value::Null), "{before}");

    let body = json!({
        "name": "Birch", "language": "de", "time_zone": "Europe/Berlin", "retention_years": 10, "reason": "they merged"
    });
    let changed = house.ask(&ada, reqwest::Method::PUT, &path, body.clone(), Some("k1")).await;
    assert_eq!((changed.status, &changed.body["changed"]), (StatusCode::OK, &json!(true)), "{}", changed.body);
    assert_eq!(house.put(&ada, &path, body.clone()).await.body["changed"], false);
    let shown = house.get(&ada, &acme).await.body;
    assert_eq!(
        (&shown["name"], &shown["time_zone"], &shown["retention_years"]),
        (&json!("Birch"), &json!("Europe/Berlin"), &json!(10))
    );
    let then = house.get(&ada, &format!("{acme}?as_of={}", before["position"])).await.body;
    assert_eq!((&then["name"], &then["language"]), (&json!("Acme"), &json!("en")));
    let history = house.get(&ada, &format!("{acme}/history")).await;
    assert_eq!(events(&history).last(), Some(&("tenant.settings_changed", "ada")));
    let last = history.body["items"].as_array().and_then(|items| items.last()).cloned().unwrap_or_default();
    assert_eq!(last["reason"], "they merged", "{last}");

    // The organisation lists it so; its former name is free, and the new one is taken.
    let listed = house.get(&ada, &house.ours("/tenants")).await.body;
    assert_eq!(listed["items"][0]["name"], "Birch", "{listed}");
    let other = house.tenant().await;
    let language = json!({"name": "BIRCH", "language": "en", "time_zone": "UTC"});
    assert_eq!(problem(&house.put(&ada, &format!("{other}/settings"), language).await), (409, "name_taken"));
    assert_eq!(house.get(&ada, &other).await.body["name"], "Acme");

    // A request that is repeated after yet another name finds its first answer, and brings nothing back.
    let cedar = json!({"name": "Cedar", "language": "de", "time_zone": "UTC"});
    assert_eq!(house.put(&ada, &path, cedar).await.status, StatusCode::OK);
    let again = house.ask(&ada, reqwest::Method::PUT, &path, body, Some("k1")).await;
    assert_eq!((again.status, &again.body), (StatusCode::OK, &changed.body));
    assert_eq!(house.get(&ada, &house.ours("/tenants")).await.body["items"][0]["name"], "Cedar");
    assert_eq!(house.get(&ada, &acme).await.body["name"], "Cedar");
    house.running.stop().await;
}

#[tokio::test]
async fn a_manager_sets_up_all_but_the_name() {
    let house = House::start().await;
    let (ada, mara) = (house.token("ada", true), house.token("mara", false));
    let (acme, other) = (house.tenant().await, house.ours("/tenants"));
    house.ask(&ada, reqwest::Method::POST, &other, json!({"name": "Birch"}), None).await;
    house.put(&ada, &format!("{acme}/people/mara"), json!({"roles": ["isms_manager"]})).await;
    let path = format!("{acme}/settings");
    let set = house.put(&mara, &path, json!({"language": "fr", "time_zone": "UTC"})).await;
    assert_eq!((set.status, &set.body["changed"]), (StatusCode::OK, &json!(true)), "{}", set.body);
    // What the organisation's other tenants are called is not told, whether it is taken or not.
    let taken = house.put(&mara, &path, json!({"name": "Birch", "language": "fr", "time_zone": "UTC"})).await;
    let free = house.put(&mara, &path, json!({"name": "Elm", "language": "fr", "time_zone": "UTC"})).await;
    assert_eq!((taken.status, &taken.body), (StatusCode::FORBIDDEN, &free.body));
    assert!(free.body["detail"].as_str().is_some_and(|detail| detail.starts_with("name: ")), "{}", free.body);
    let same = house.put(&mara, &path, json!({"name": "Acme", "language": "fr", "time_zone": "UTC"})).await;
    assert_eq!(same.body["changed"], false, "{}", same.body);
    house.running.stop().await;
}

#[tokio::test]
async fn a_tenant_is_suspended_resumed_and_closed() {
    let house = House::start().await;
    let (ada, mara) = (house.token("ada", true), house.token("mara", false));
    let acme = house.tenant().await;
    let (state, people) = (format!("{acme}/state"), format!("{acme}/people/jo"));
    house.put(&ada, &format!("{acme}/people/mara"), json!({"roles": ["isms_manager"]})).await;

    let no_reason = house.put(&ada, &state, json!({"state": "suspended"})).await;
    assert_eq!((no_reason.status, &no_reason.body["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!("reason")));
    let suspend = json!({"state": "suspended", "reason": "the contract is in dispute"});
    assert_eq!(problem(&house.put(&mara, &state, suspend.clone()).await), (403, "forbidden"));
    let suspended = house.put(&ada, &state, suspend.clone()).await;
    assert_eq!((suspended.status, &suspended.body["changed"]), (StatusCode::OK, &json!(true)), "{}", suspended.body);
    assert_eq!(house.put(&ada, &state, suspend).await.body["changed"], false);

    // It is read as ever, and nobody writes, not even an administrator, whatever the request says.
    assert_eq!(house.get(&mara, &acme).await.body["state"], "suspended");
    for client in [&ada, &mara] {
        let refused = house.put(client, &people, json!({"roles": "wrong"})).await;
        assert_eq!(problem(&refused), (409, "suspended"), "{}", refused.body);
    }
    let resumed = house.put(&ada, &state, json!({"state": "active", "reason": "settled"})).await;
    assert_eq!(resumed.status, StatusCode::OK, "{}", resumed.body);
    assert_eq!(house.put(&mara, &people, json!({"roles": ["viewer"]})).await.status, StatusCode::OK);

    // It was never exported: that has to be said.
    let close = json!({"state": "closed", "reason": "the engagement is over"});
    let refused = house.put(&ada, &state, close).await;
    assert_eq!(problem(&refused), (409, "not_exported"), "{}", refused.body);
    let close = json!({"state": "closed", "without_export": true, "reason": "the engagement is over"});
    assert_eq!(house.put(&ada, &state, close).await.status, StatusCode::OK);
    assert_eq!(house.get(&ada, &acme).await.body["state"], "closed");
    assert_eq!(house.get(&mara, &acme).await.status, StatusCode::NOT_FOUND, "nobody's role counts any more");
    assert_eq!(problem(&house.put(&ada, &people, json!({"roles": []})).await), (409, "closed"));
    let reopen = house.put(&ada, &state, json!({"state": "active", "reason": "they are back"})).await;
    assert_eq!(problem(&reopen), (409, "closed"), "{}", reopen.body);
    let history = house.get(&ada, &format!("{acme}/history")).await;
    let told: Vec<&str> = events(&history).iter().map(|(kind, _)| *kind).collect();
    assert_eq!(told, ["tenant.created", "tenant.suspended", "tenant.resumed", "tenant.closed"]);
    house.running.stop().await;
}

#[tokio::test]
async fn a_tenant_is_offered_and_taken_over_with_its_history() {
    let house = House::start().await;
    let ada = house.token("ada", true);
    let (theirs, olaf) = house.another("Fernhill").await;
    let acme = house.tenant().await;
    let id = acme.rsplit('/').next().expect("an id").to_owned();
    house.put(&ada, &format!("{acme}/people/mara"), json!({"roles": ["isms_manager"]})).await;
    let (offer, take) = (format!("{acme}/offer"), format!("/v1/organisations/{theirs}/tenants/{id}"));

    // What is not offered cannot be told from what is not there.
    let nowhere = format!("/v1/organisations/{theirs}/tenants/{}", uuid::Uuid::new_v4());
    for path in [&take, &nowhere, &format!("/v1/organisations/{theirs}/tenants/nonsense")] {
        let strange = house.put(&olaf, path, json!({})).await;
        let told = strange.body.to_string().replace(path.rsplit('/').next().expect("an id"), "ID");
        assert_eq!(
            (strange.status, told.contains("there is no tenant ID that is offered here")),
            (StatusCode::NOT_FOUND, true)
        );
    }
    // Nor does the offer tell whether there is an organisation of that id.
    let mara = house.token("mara", false);
    assert_eq!(house.put(&mara, &offer, json!({"organisation": theirs})).await.status, StatusCode::FORBIDDEN);
    let nobody = house.put(&ada, &offer, json!({"organisation": uuid::Uuid::new_v4()})).await;
    let somebody = house.put(&ada, &offer, json!({"organisation": theirs, "reason": "they do it themselves"})).await;
    assert_eq!((nobody.status, somebody.status), (StatusCode::OK, StatusCode::OK), "{}", somebody.body);
    assert_eq!(house.get(&ada, &acme).await.body["offered_to"], json!(theirs));
    assert_eq!(house.get(&olaf, &acme).await.status, StatusCode::NOT_FOUND, "an offer lets nobody in");

    // They have a tenant of that name.
    let mine = house
        .ask(
            &olaf,
            reqwest::Method::POST,
            &format!("/v1/organisations/{theirs}/tenants"),
            json!({"name": "acme"}),
            None,
        )
        .await;
    assert_eq!(mine.status, StatusCode::CREATED, "{}", mine.body);
    assert_eq!(problem(&house.put(&olaf, &take, json!({})).await), (409, "name_taken"));
    assert_eq!(house.get(&ada, &acme).await.status, StatusCode::OK);
    for _ in 0..2 {
        let taken = house.put(&olaf, &take, json!({"name": "Acme, ours now"})).await;
        assert_eq!((taken.status, &taken.body["id"]), (StatusCode::OK, &json!(id)), "{}", taken.body);
    }
    assert_eq!(house.get(&ada, &acme).await.status, StatusCode::NOT_FOUND);
    assert_eq!(house.get(&mara, &acme).await.status, StatusCode::NOT_FOUND);
    let shown = house.get(&olaf, &acme).await.body;
    assert_eq!((&shown["organisation"], &shown["offered_to"]), (&json!(theirs), &Value::Null));
    let history = house.get(&olaf, &format!("{acme}/history")).await;
    assert_eq!(
        events(&history),
        [
            ("tenant.created", "service:tenancy"),
            ("tenant.offered", "ada"),
            ("tenant.offered", "ada"),
            ("tenant.handed_over", "olaf")
        ]
    );
    assert_eq!(house.get(&ada, &house.ours("/tenants")).await.body["items"], json!([]));
    let listed = house.get(&olaf, &format!("/v1/organisations/{theirs}/tenants")).await.body;
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(2), "{listed}");

    // The offer is used up: another one brings it back.
    let back = house.ours(&format!("/tenants/{id}"));
    assert_eq!(house.put(&ada, &back, json!({})).await.status, StatusCode::NOT_FOUND);
    house.put(&olaf, &offer, json!({"organisation": house.organisation()})).await;
    assert_eq!(house.put(&ada, &back, json!({})).await.status, StatusCode::OK);
    assert_eq!(house.get(&ada, &house.ours("/tenants")).await.body["items"][0]["name"], "Acme");
    house.running.stop().await;
}

#[tokio::test]
async fn an_organisation_puts_its_logo_and_removes_it() {
    let house = House::start().await;
    let ada = house.token("ada", true);
    let logo = house.ours("/logo");
    let picture = r#"<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0h8v8z"/></svg>"#;
    assert_eq!(house.get(&ada, &logo).await.status, StatusCode::NOT_FOUND);
    let wrong = house.put_file(&ada, &logo, "<svg/>").await;
    assert_eq!((wrong.status, wrong.body["errors"][0]["field"].as_str()), (StatusCode::BAD_REQUEST, Some("body")));
    for changed in [true, false] {
        let put = house.put_file(&ada, &logo, picture).await;
        assert_eq!((put.status, put.body["changed"].as_bool()), (StatusCode::OK, Some(changed)), "{}", put.body);
    }
    let history = house.get(&ada, &house.ours("/logo/history")).await.body;
    assert_eq!(history["items"].as_array().map(Vec::len), Some(1), "{history}");
    let removed = house.ask(&ada, Method::DELETE, &logo, Value::Null, None).await;
    assert_eq!(removed.status, StatusCode::OK, "{}", removed.body);
    assert_eq!(house.get(&ada, &logo).await.status, StatusCode::NOT_FOUND);
}

use crate::http::{Answer, House, now};
use eventstore::{Actor, Cx, TenantId};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tenancy::erase_again;

async fn delete(house: &House, token: &str, path: &str, body: Value) -> Answer {
    house.ask(token, Method::DELETE, path, body, None).await
}

#[tokio::test]
async fn a_person_is_described_shown_and_erased() {
    let house = House::start().await;
    let ada = house.token("ada", true);
    let (people, mara) = (house.ours("/people"), house.ours("/people/mara"));
    let body = json!({ "name": "Mara Lind", "email": "mara@example.org", "reason": "she joined" });
    let first = house.put(&ada, &mara, body.clone()).await;
    assert_eq!((first.status, &first.body["changed"]), (StatusCode::OK, &json!(true)), "{}", first.body);
    let again = house.put(&ada, &mara, body.clone()).await;
    assert_eq!((&again.body["changed"], &again.body["version"]), (&json!(false), &json!(1)));
    let moved = house.put(&ada, &mara, json!({ "name": "Mara Lind", "email": null })).await;
    assert_eq!((&moved.body["changed"], &moved.body["version"]), (&json!(true), &json!(2)));
    house.put(&ada, &mara, json!({ "name": "Mara Berg", "email": null })).await;
    house.put(&ada, &house.ours("/people/jo"), json!({ "name": "Jo Ek", "email": "jo@example.org" })).await;

    let listed = house.get(&ada, &people).await;
    let names: Vec<&Value> = listed.body["items"].as_array().expect("items").iter().map(|item| &item["name"]).collect();
    assert_eq!(names, ["Jo Ek", "Mara Berg"]);
    let then = house.get(&ada, &format!("{mara}?as_of={}", first.body["position"])).await;
    assert_eq!((&then.body["name"], &then.body["email"]), (&json!("Mara Lind"), &json!("mara@example.org")));
    let history = house.get(&ada, &format!("{mara}/history")).await;
    let changes = json!([{ "field": "name", "from": "Mara Lind", "to": "Mara Berg" }]);
    assert_eq!(history.body["items"][2]["changes"], changes, "{}", history.body);
    assert_eq!(history.body["items"][0]["reason"], "she joined");

    let unsaid = delete(&house, &ada, &mara, json!({})).await;
    assert_eq!((unsaid.status, &unsaid.body["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!("reason")));
    let erased = delete(&house, &ada, &mara, json!({ "reason": "asked for it" })).await;
    assert_eq!((erased.status, &erased.body["changed"]), (StatusCode::OK, &json!(true)), "{}", erased.body);
    let again = delete(&house, &ada, &mara, json!({ "reason": "asked for it" })).await;
    assert_eq!((again.status, &again.body["changed"]), (StatusCode::OK, &json!(false)));
    let shown = house.get(&ada, &mara).await.body;
    assert!(shown["name"].as_str().is_some_and(|name| name.starts_with("person-")), "{shown}");
    assert_eq!((&shown["erased"], shown.get("email")), (&json!(true), None));
    let then = house.get(&ada, &format!("{mara}?as_of={}", first.body["position"])).await.body;
    assert_eq!((&then["name"], then.get("email")), (&shown["name"], None), "also as it was");
    let history = house.get(&ada, &format!("{mara}/history")).await.body.to_string();
    assert!(!history.contains("Lind") && !history.contains("Berg") && history.contains("person.erased"), "{history}");
    let anew = house.put(&ada, &mara, body).await;
    assert_eq!((anew.status, &anew.body["type"]), (StatusCode::CONFLICT, &json!("urn:stele:problem:erased")));
    house.running.stop().await;
}

#[tokio::test]
async fn people_are_their_organisations_and_its_administrators() {
    let house = House::start().await;
    let (ada, jo) = (house.token("ada", true), house.token("jo", false));
    let mara = house.ours("/people/mara");
    house.put(&ada, &mara, json!({ "name": "Mara Lind", "email": "mara@example.org" })).await;
    let (theirs, olaf) = house.another("Fernhill").await;
    let nobody = house.get(&jo, &mara).await;
    assert_eq!(nobody.status, StatusCode::NOT_FOUND);
    for path in [mara.as_str(), &house.ours("/people"), &format!("{mara}/history")] {
        let strange = house.get(&olaf, path).await;
        assert_eq!((strange.status, &strange.body), (StatusCode::NOT_FOUND, &nobody.body), "{path}");
    }
    let erased = delete(&house, &olaf, &mara, json!({ "reason": "ours" })).await;
    assert_eq!((erased.status, &erased.body), (StatusCode::NOT_FOUND, &nobody.body));

    // A namesake there is somebody else, with a key of their own.
    let namesake = format!("/v1/organisations/{theirs}/people/mara");
    assert_eq!(house.get(&olaf, &namesake).await.status, StatusCode::NOT_FOUND);
    house.put(&olaf, &namesake, json!({ "name": "Mara Ott", "email": null })).await;
    assert_eq!(delete(&house, &olaf, &namesake, json!({ "reason": "ours" })).await.status, StatusCode::OK);
    assert_eq!(house.get(&ada, &mara).await.body["name"], "Mara Lind");
    house.running.stop().await;
}

#[tokio::test]
async fn what_is_wrong_is_told_and_repeated_nowhere() {
    let house = House::start().await;
    let (ada, mara) = (house.token("ada", true), house.ours("/people/mara"));
    for (body, field) in [
        (json!({ "name": "Mara" }), "email"),
        (json!({ "name": "Mara", "email": "mara at example" }), "email"),
        (json!({ "name": " ", "email": null }), "name"),
        (json!({ "name": "Mara", "email": null, "phone": "1" }), "phone"),
    ] {
        let wrong = house.put(&ada, &mara, body).await;
        assert_eq!((wrong.status, &wrong.body["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!(field)));
        assert!(!wrong.body.to_string().contains("mara at"), "{}", wrong.body);
    }
    let body = json!({ "name": "Mara", "email": null });
    let keyed = house.ask(&ada, Method::PUT, &mara, body.clone(), Some("k1")).await;
    assert_eq!(keyed.body["errors"][0]["field"], "Idempotency-Key", "{}", keyed.body);
    assert_eq!(house.put(&ada, &house.ours("/people/Mara"), body).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(house.get(&ada, &mara).await.status, StatusCode::NOT_FOUND, "nothing was recorded");
    let unknown = delete(&house, &ada, &mara, json!({ "reason": "asked for it" })).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    house.running.stop().await;
}

/// As after a restore: an older state knows somebody, or a tenant was not told.
#[tokio::test]
async fn who_was_erased_is_erased_again_where_something_knows_them() {
    let house = House::start().await;
    let (ada, mara) = (house.token("ada", true), house.ours("/people/mara"));
    house.put(&ada, &mara, json!({ "name": "Mara Lind", "email": null })).await;
    let cx = || Cx::new(house.organisation(), Actor::Operator("test".to_owned()), now());
    let again = async |person: &str| erase_again(house.store(), cx(), person).await.expect("carried out");
    assert!(again("mara").await);
    assert_eq!(house.get(&ada, &mara).await.body["erased"], true);
    assert!(!again("mara").await && !again("nobody").await);

    // Else the tenant would be told by what follows from the first erasure.
    let head = house.store().session(house.organisation()).await.expect("a session").head().await.expect("read");
    let is_taken = |taken: &eventstore::Head| taken.tenant_id == house.organisation() && taken.position >= head;
    while !house.store().taken("tenancy").await.expect("read").iter().any(is_taken) {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let tenant = house.tenant().await;
    let tenant: TenantId = tenant.rsplit('/').next().and_then(|id| id.parse().ok()).expect("an id");
    let told = async || {
        let events = crate::log(house.store(), tenant).await;
        events.into_iter().filter(|event| event.event_type == "erasure.noted").map(|event| event.data).collect()
    };
    let none: Vec<Value> = told().await;
    assert_eq!(none, Vec::<Value>::new());
    for person in ["mara", "olga"] {
        let invitation = json!({ "person": person, "email": format!("{person}@example.org"), "roles": ["viewer"] });
        let made = house.ask(&ada, Method::POST, &format!("/v1/tenants/{tenant}/invitations"), invitation, None).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    }
    let invited = async || {
        let mut session = house.store().session(tenant).await.expect("a session");
        let people = sqlx::query_scalar(
            "select v.data ->> 'person' from invitations i join view_invitation v on v.key = i.id order by 1",
        );
        let people: Vec<String> = people.fetch_all(session.connection()).await.expect("read");
        people
    };
    assert_eq!(invited().await, ["mara", "olga"]);
    assert!(again("mara").await);
    assert_eq!(invited().await, ["olga"]);
    assert!(!again("mara").await);
    let once: Vec<Value> = told().await;
    assert_eq!(once, [json!({ "person": "mara" })]);
    house.running.stop().await;
}

/// The table of keys, by the role that requests come with.
#[tokio::test]
async fn no_session_reaches_a_key_of_another_organisation() {
    let (store, _) = crate::store().await;
    let (ours, theirs) = (TenantId::random(), TenantId::random());
    let insert = "insert into person_keys (tenant_id, person, key) values ($1, 'mara', sha256('key'))";
    let mut session = store.session(ours).await.expect("a session");
    sqlx::query(insert).bind(ours).execute(session.connection()).await.expect("ours");
    session.commit().await.expect("committed");

    let mut session = store.session(theirs).await.expect("a session");
    let seen: i64 =
        sqlx::query_scalar("select count(*) from person_keys").fetch_one(session.connection()).await.expect("counted");
    assert_eq!(seen, 0);
    for change in ["update person_keys set key = null, erased_at = now()", "delete from person_keys"] {
        let done = sqlx::query(change).execute(session.connection()).await.expect("nothing to change");
        assert_eq!(done.rows_affected(), 0, "{change}");
    }
    assert!(sqlx::query(insert).bind(ours).execute(session.connection()).await.is_err(), "theirs is not ours");
    let mut session = store.session(ours).await.expect("a session");
    let kept: i64 = sqlx::query_scalar("select count(*) from person_keys where key is not null")
        .fetch_one(session.connection())
        .await
        .expect("counted");
    assert_eq!(kept, 1);
}

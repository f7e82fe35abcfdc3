use crate::http::{Answer, House};
use access::{KnownLockout, KnownPerson, identity::digest};
use eventstore::{NOW, TenantId};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use views::View;

const ISSUER: &str = "https://id.example.org";

/// A house, its administrator's token, and a key by which its provider provisions people.
async fn provisioned() -> (House, String, String) {
    let house = House::start().await;
    let ada = house.token("ada", true);
    let key = key(
        &house,
        &ada,
        &house.ours("/provisioning-keys"),
        json!({"name": "Okta", "subject": "external_id", "issuer": ISSUER}),
    )
    .await;
    (house, ada, key)
}

async fn key(house: &House, token: &str, path: &str, body: Value) -> String {
    let made = house.ask(token, Method::POST, path, body, None).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    made.body["key"].as_str().expect("a key").to_owned()
}

async fn post(house: &House, key: &str, tail: &str, body: Value) -> Answer {
    house.ask(key, Method::POST, &house.ours(&format!("/scim/v2{tail}")), body, None).await
}

async fn patch(house: &House, key: &str, tail: &str, operations: Value) -> Answer {
    let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations});
    house.ask(key, Method::PATCH, &house.ours(&format!("/scim/v2{tail}")), body, None).await
}

async fn get(house: &House, key: &str, tail: &str) -> Answer {
    house.get(key, &house.ours(&format!("/scim/v2{tail}"))).await
}

fn id(answer: &Answer) -> String {
    answer.body["id"].as_str().unwrap_or_else(|| panic!("no id: {}", answer.body)).to_owned()
}

async fn row<V: View>(house: &House, tenant: TenantId, key: &str) -> Option<V> {
    let mut session = house.store().session(tenant).await.expect("a session");
    views::get::<V>(&mut session, key, NOW - 1).await.expect("read").map(|row| row.data)
}

fn mara() -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "Mara@larkspur.example", "externalId": "00u1",
        "name": {"givenName": "Mara", "familyName": "Lind"}, "emails": [{"value": "mara@larkspur.example", "type": "work"}],
        "title": "CISO"
    })
}

#[tokio::test]
async fn a_user_is_provisioned_found_changed_and_let_go() {
    let (house, ada, key) = provisioned().await;
    let made = post(&house, &key, "/Users", mara()).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    let person = id(&made);
    assert!(
        person.starts_with("p-") && made.body["active"] == true && made.body.get("title").is_none(),
        "{}",
        made.body
    );
    let place = house.ours(&format!("/scim/v2/Users/{person}"));
    assert_eq!(
        (made.location.as_deref(), made.body["meta"]["location"].as_str()),
        (Some(place.as_str()), Some(place.as_str()))
    );
    assert_eq!(made.etag.as_deref(), made.body["meta"]["version"].as_str());
    // The directory has them, and their subject is them.
    let entry = house.get(&ada, &house.ours(&format!("/people/{person}"))).await.body;
    assert_eq!((&entry["name"], &entry["email"]), (&json!("Mara Lind"), &json!("mara@larkspur.example")));
    let subject = |subject: &str| digest(ISSUER, subject);
    let linked: KnownPerson = row(&house, house.organisation, &subject("00u1")).await.expect("linked");
    assert_eq!((linked.person.as_str(), linked.administrator), (person.as_str(), false));

    for filter in ["userName eq \"mara@LARKSPUR.example\"", "externalId eq \"00u1\"", &format!("id eq \"{person}\"")] {
        let found =
            house.get(&key, &house.ours(&format!("/scim/v2/Users?filter={}", filter.replace(' ', "%20")))).await.body;
        assert_eq!(
            (&found["totalResults"], &found["Resources"][0]["id"]),
            (&json!(1), &json!(person)),
            "{filter}: {found}"
        );
    }
    let none = get(&house, &key, "/Users?filter=userName%20eq%20%22jo%22").await.body;
    assert_eq!((&none["totalResults"], &none["Resources"]), (&json!(0), &json!([])));
    let wrong = get(&house, &key, "/Users?filter=title%20pr").await;
    assert_eq!((wrong.status, &wrong.body["scimType"]), (StatusCode::BAD_REQUEST, &json!("invalidFilter")));

    let same = post(&house, &key, "/Users", json!({"userName": "MARA@larkspur.example"})).await;
    assert_eq!((same.status, &same.body["scimType"]), (StatusCode::CONFLICT, &json!("uniqueness")), "{}", same.body);

    let off = patch(
        &house,
        &key,
        &format!("/Users/{person}"),
        json!([{"op": "Replace", "path": "active", "value": "False"}]),
    )
    .await;
    assert_eq!((off.status, &off.body["active"]), (StatusCode::OK, &json!(false)), "{}", off.body);
    assert!(row::<KnownLockout>(&house, house.organisation, &person).await.is_some());
    // Who says nothing of it leaves it so.
    let renamed = json!({"userName": "mara.berg@larkspur.example", "externalId": "00u2", "displayName": "Mara Berg"});
    let put = house.put(&key, &place, renamed.clone()).await;
    assert_eq!(
        (put.status, &put.body["active"], put.body.get("emails")),
        (StatusCode::OK, &json!(false), None),
        "{}",
        put.body
    );
    assert!(row::<KnownPerson>(&house, house.organisation, &subject("00u1")).await.is_none());
    assert!(row::<KnownPerson>(&house, house.organisation, &subject("00u2")).await.is_some());
    let on =
        patch(&house, &key, &format!("/Users/{person}"), json!([{"op": "replace", "value": {"active": true}}])).await;
    assert_eq!(on.body["active"], true, "{}", on.body);
    assert!(row::<KnownLockout>(&house, house.organisation, &person).await.is_none());
    let again = house.put(&key, &place, renamed).await;
    assert_eq!(again.etag, on.etag, "nothing was recorded");

    assert_eq!(delete(&house, &key, &place).await, StatusCode::NO_CONTENT);
    assert_eq!(get(&house, &key, &format!("/Users/{person}")).await.status, StatusCode::NOT_FOUND);
    assert_eq!(delete(&house, &key, &place).await, StatusCode::NOT_FOUND);
    assert!(row::<KnownLockout>(&house, house.organisation, &person).await.is_some());
    assert!(row::<KnownPerson>(&house, house.organisation, &subject("00u2")).await.is_none());
    let entry = house.get(&ada, &house.ours(&format!("/people/{person}"))).await.body;
    assert_eq!(
        (&entry["name"], &entry["erased"]),
        (&json!("Mara Berg"), &json!(false)),
        "erasing is an act of its own"
    );
    // Whoever comes by the same name is somebody else.
    let next = post(&house, &key, "/Users", json!({"userName": "mara.berg@larkspur.example"})).await;
    assert!(next.status == StatusCode::CREATED && id(&next) != person, "{}", next.body);
    house.running.stop().await;
}

async fn delete(house: &House, key: &str, path: &str) -> StatusCode {
    let request = reqwest::Client::new().delete(format!("http://{}{path}", house.running.address));
    request.bearer_auth(key).send().await.expect("answered").status()
}

/// Who is switched off lets nobody in, and is listed.
#[tokio::test]
async fn an_invitation_of_who_is_switched_off_counts_for_nobody() {
    let (house, ada, key) = provisioned().await;
    let tenant = house.tenant().await;
    let person = id(&post(&house, &key, "/Users", mara()).await);
    house.put(&ada, &format!("{tenant}/people/{person}"), json!({"roles": ["isms_manager"]})).await;
    let mara = house.token(&person, false);
    let invite = async |name: &str| {
        let body = json!({"person": name, "email": format!("{name}@example.org"), "roles": ["viewer"]});
        let made = house.ask(&mara, Method::POST, &format!("{tenant}/invitations"), body, None).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
        made.body["invitation"].as_str().expect("an invitation").to_owned()
    };
    let join = async |invitation: String| {
        let body = json!({"invitation": invitation, "password": "a few words of her own"});
        house.ask("", Method::POST, &house.ours("/join"), body, None).await.status
    };
    let (first, second) = (invite("olga").await, invite("jo").await);
    assert_eq!(join(first).await, StatusCode::OK);
    let switch = |active: bool| json!([{"op": "replace", "path": "active", "value": active}]);
    patch(&house, &key, &format!("/Users/{person}"), switch(false)).await;
    assert_eq!(join(second.clone()).await, StatusCode::NOT_FOUND);
    let listed = house.get(&ada, &house.ours("/lockouts")).await.body;
    assert_eq!((&listed["items"][0]["id"], listed["items"].as_array().map(Vec::len)), (&json!(person), Some(1)));
    patch(&house, &key, &format!("/Users/{person}"), switch(true)).await;
    assert_eq!(join(second).await, StatusCode::OK);
    assert_eq!(house.get(&ada, &house.ours("/lockouts")).await.body["items"], json!([]));
    house.running.stop().await;
}

/// Who was here before the provider came stays who they are, where an administrator says so, and nobody else does.
#[tokio::test]
async fn somebody_is_given_into_the_providers_care() {
    let (house, ada, key) = provisioned().await;
    let (mara, place) = (house.ours("/people/mara"), house.ours("/people/mara/user-name"));
    let body = json!({"user_name": "mara@larkspur.example"});
    assert_eq!(house.put(&ada, &place, body.clone()).await.status, StatusCode::NOT_FOUND);
    house.put(&ada, &mara, json!({"name": "Mara Lind", "email": "mara@example.org"})).await;
    for stranger in [&key, &house.token("mara", false), &house.another("Fernhill").await.1] {
        assert_eq!(house.put(stranger, &place, body.clone()).await.status, StatusCode::NOT_FOUND);
    }
    let given = house.put(&ada, &place, body.clone()).await;
    assert_eq!(given.status, StatusCode::OK, "{}", given.body);
    assert_eq!(house.put(&ada, &place, body).await.body["type"], "urn:stele:problem:provisioned");

    let found = get(&house, &key, "/Users?filter=userName%20eq%20%22mara@larkspur.example%22").await.body;
    assert_eq!(
        (&found["Resources"][0]["id"], &found["Resources"][0]["displayName"]),
        (&json!("mara"), &json!("Mara Lind"))
    );
    let linked = json!([{"op": "add", "path": "externalId", "value": "00u1"}]);
    assert_eq!(patch(&house, &key, "/Users/mara", linked).await.status, StatusCode::OK);
    let known: KnownPerson = row(&house, house.organisation, &digest(ISSUER, "00u1")).await.expect("linked");
    assert_eq!((known.person.as_str(), known.administrator), ("mara", false));
    let entry = house.get(&ada, &mara).await.body;
    assert_eq!((&entry["name"], &entry["email"]), (&json!("Mara Lind"), &json!("mara@example.org")));
    let off = json!([{"op": "replace", "path": "active", "value": false}]);
    assert_eq!(patch(&house, &key, "/Users/mara", off).await.body["active"], false);
    assert!(row::<KnownLockout>(&house, house.organisation, "mara").await.is_some());
    house.running.stop().await;
}

#[tokio::test]
async fn a_subject_that_is_somebody_is_given_to_nobody_else() {
    let (house, ada, key) = provisioned().await;
    let link = json!({"issuer": ISSUER, "subject": "00u1", "person": "ada", "administrator": true});
    house.ask(&ada, Method::POST, &house.ours("/identities"), link, None).await;
    let made = post(&house, &key, "/Users", mara()).await;
    assert_eq!((made.status, &made.body["scimType"]), (StatusCode::CONFLICT, &json!("uniqueness")), "{}", made.body);
    let known: KnownPerson = row(&house, house.organisation, &digest(ISSUER, "00u1")).await.expect("linked");
    assert_eq!((known.person.as_str(), known.administrator), ("ada", true));
    // Nothing of it was recorded.
    assert_eq!(get(&house, &key, "/Users").await.body["totalResults"], 0);
    assert_eq!(house.get(&ada, &house.ours("/people")).await.body["items"], json!([]));
    house.running.stop().await;
}

#[tokio::test]
async fn a_key_provisions_its_organisation_and_does_nothing_else() {
    let (house, ada, key) = provisioned().await;
    let (theirs, olaf) = house.another("Fernhill").await;
    let at_theirs = |tail: &str| format!("/v1/organisations/{theirs}{tail}");
    let their_key = self::key(&house, &olaf, &at_theirs("/provisioning-keys"), json!({"name": "Entra ID"})).await;
    let person = id(&post(&house, &key, "/Users", mara()).await);
    // The same name there is somebody else's, and ours is nowhere.
    let namesake = house.ask(&their_key, Method::POST, &at_theirs("/scim/v2/Users"), mara(), None).await;
    assert_eq!(namesake.status, StatusCode::CREATED, "{}", namesake.body);
    assert_eq!(house.get(&their_key, &at_theirs("/scim/v2/Users")).await.body["totalResults"], 1);
    let foreign = house.get(&their_key, &at_theirs(&format!("/scim/v2/Users/{person}"))).await;
    assert_eq!(foreign.status, StatusCode::NOT_FOUND);
    let group = json!({"displayName": "x", "members": [{"value": person}]});
    let group = house.ask(&their_key, Method::POST, &at_theirs("/scim/v2/Groups"), group, None).await;
    assert_eq!(
        (group.status, &group.body["scimType"]),
        (StatusCode::BAD_REQUEST, &json!("invalidValue")),
        "{}",
        group.body
    );

    let tenant = house.tenant().await;
    for path in [
        house.ours(""),
        house.ours("/people"),
        house.ours("/provisioning-keys"),
        house.ours("/portfolio"),
        tenant.clone(),
        format!("{tenant}/people"),
        format!("/v1/tenants/{}", house.organisation),
        at_theirs("/scim/v2/Users"),
    ] {
        assert_eq!(house.get(&key, &path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    for (path, body) in [
        (house.ours("/tokens"), json!({"person": "x", "administrator": true})),
        (house.ours("/provisioning-keys"), json!({"name": "Heir"})),
        (house.ours("/identities"), json!({"issuer": ISSUER, "subject": "x", "person": "ada", "administrator": true})),
    ] {
        assert_eq!(house.ask(&key, Method::POST, &path, body, None).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    // Nobody else does what it does, and a tenant's key still less.
    assert_eq!(get(&house, &ada, "/Users").await.status, StatusCode::FORBIDDEN);
    assert_eq!(get(&house, &olaf, "/Users").await.status, StatusCode::NOT_FOUND);
    let of_tenant =
        self::key(&house, &ada, &format!("{tenant}/api-keys"), json!({"name": "x", "roles": ["isms_manager"]})).await;
    assert_eq!(get(&house, &of_tenant, "/Users").await.status, StatusCode::NOT_FOUND);

    let listed = house.get(&ada, &house.ours("/provisioning-keys")).await.body;
    let listed = &listed["items"][0];
    assert!(
        listed["provisions"] == "external_id" && listed["issuer"] == ISSUER && listed.get("digest").is_none(),
        "{listed}"
    );
    let revoke = house.ours(&format!("/provisioning-keys/{}", listed["id"].as_str().expect("an id")));
    assert_eq!(house.ask(&ada, Method::DELETE, &revoke, json!({}), None).await.status, StatusCode::OK);
    let ended = get(&house, &key, "/Users").await;
    assert_eq!((ended.status, &ended.body["status"]), (StatusCode::UNAUTHORIZED, &json!("401")), "{}", ended.body);
    house.running.stop().await;
}

#[tokio::test]
async fn a_group_gives_roles_where_a_tenant_says_so() {
    let (house, ada, key) = provisioned().await;
    let tenant = house.tenant().await;
    let other = house.ask(&ada, Method::POST, &house.ours("/tenants"), json!({ "name": "Birch" }), None).await;
    let other = format!("/v1/tenants/{}", id(&other));
    let mara = id(&post(&house, &key, "/Users", mara()).await);
    let jo = id(&post(&house, &key, "/Users", json!({"userName": "jo"})).await);
    let made = post(&house, &key, "/Groups", json!({"displayName": "Owners", "members": [{"value": mara}]})).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    let group = id(&made);
    let found =
        get(&house, &key, "/Groups?filter=displayName%20eq%20%22owners%22&excludedAttributes=members").await.body;
    assert!(found["Resources"][0]["id"] == group.as_str() && found["Resources"][0].get("members").is_none(), "{found}");
    assert_eq!(house.get(&ada, &house.ours("/groups")).await.body["items"][0]["members"], json!([mara]));

    let at = |tenant: &str| format!("{tenant}/groups/{group}");
    let set = house.put(&ada, &at(&tenant), json!({"roles": ["risk_owner"]})).await;
    assert_eq!(set.status, StatusCode::OK, "{}", set.body);
    assert_eq!(roles(&house, &ada, &tenant).await, json!({&mara: ["risk_owner"]}));
    assert_eq!(roles(&house, &ada, &other).await, json!({}), "no other tenant gives anything by it");
    assert_eq!(house.get(&ada, &format!("{tenant}/groups")).await.body["items"][0]["roles"], json!(["risk_owner"]));

    // Jo has it otherwise, too: leaving the group takes nothing from her.
    house.put(&ada, &format!("{tenant}/people/{jo}"), json!({"roles": ["risk_owner"]})).await;
    let joined = json!([{"op": "Add", "path": "members", "value": [{"value": jo}]}]);
    assert_eq!(patch(&house, &key, &format!("/Groups/{group}"), joined).await.status, StatusCode::OK);
    let left = json!([{"op": "Remove", "path": format!("members[value eq \"{mara}\"]")}]);
    assert_eq!(patch(&house, &key, &format!("/Groups/{group}"), left).await.body["members"][0]["value"], jo.as_str());
    until(&house, &ada, &tenant, json!({&jo: ["risk_owner"]})).await;
    // Who leaves the organisation leaves its groups.
    let back = json!([{"op": "add", "path": "members", "value": [{"value": mara}]}]);
    patch(&house, &key, &format!("/Groups/{group}"), back).await;
    until(&house, &ada, &tenant, json!({&jo: ["risk_owner"], &mara: ["risk_owner"]})).await;
    assert_eq!(delete(&house, &key, &house.ours(&format!("/scim/v2/Users/{mara}"))).await, StatusCode::NO_CONTENT);
    until(&house, &ada, &tenant, json!({&jo: ["risk_owner"]})).await;

    house.put(&ada, &at(&other), json!({"roles": ["viewer"]})).await;
    assert_eq!(roles(&house, &ada, &other).await, json!({&jo: ["viewer"]}));
    assert_eq!(delete(&house, &key, &house.ours(&format!("/scim/v2/Groups/{group}"))).await, StatusCode::NO_CONTENT);
    until(&house, &ada, &other, json!({})).await;
    assert_eq!(house.put(&ada, &at(&tenant), json!({"roles": ["viewer"]})).await.status, StatusCode::NOT_FOUND);
    house.running.stop().await;
}

/// Whom the organisation knows elsewhere is nothing for who manages one tenant.
#[tokio::test]
async fn administrators_alone_say_what_a_group_is_in_a_tenant() {
    let (house, ada, key) = provisioned().await;
    let tenant = house.tenant().await;
    let group = id(&post(&house, &key, "/Groups", json!({"displayName": "Owners"})).await);
    house.put(&ada, &format!("{tenant}/people/mia"), json!({"roles": ["isms_manager"]})).await;
    let mia = house.token("mia", false);
    let nowhere = format!("{tenant}/groups/g-0000000000");
    let path = format!("{tenant}/groups/{group}");
    for path in [&path, &nowhere] {
        let refused = house.put(&mia, path, json!({"roles": ["viewer"]})).await;
        assert_eq!(
            (refused.status, &refused.body["type"]),
            (StatusCode::FORBIDDEN, &json!("urn:stele:problem:forbidden"))
        );
    }
    assert_eq!(house.get(&mia, &house.ours("/groups")).await.status, StatusCode::NOT_FOUND);
    let unknown = house.put(&ada, &path, json!({"roles": ["keeper"]})).await;
    assert_eq!((unknown.status, &unknown.body["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!("roles")));
    assert_eq!(house.put(&ada, &path, json!({"roles": ["isms_manager"]})).await.status, StatusCode::OK);
    assert_eq!(house.put(&ada, &nowhere, json!({"roles": []})).await.status, StatusCode::NOT_FOUND);
    // Another organisation's group is none.
    let (theirs, olaf) = house.another("Fernhill").await;
    let their_key =
        self::key(&house, &olaf, &format!("/v1/organisations/{theirs}/provisioning-keys"), json!({"name": "x"})).await;
    let foreign = house
        .ask(
            &their_key,
            Method::POST,
            &format!("/v1/organisations/{theirs}/scim/v2/Groups"),
            json!({"displayName": "x"}),
            None,
        )
        .await;
    let foreign = house.put(&ada, &format!("{tenant}/groups/{}", id(&foreign)), json!({"roles": ["viewer"]})).await;
    assert_eq!(foreign.status, StatusCode::NOT_FOUND, "{}", foreign.body);
    house.running.stop().await;
}

/// Nobody reads anything of who is erased, and nothing leads to them.
#[tokio::test]
async fn who_is_erased_is_no_user_any_more() {
    let (house, ada, key) = provisioned().await;
    let person = id(&post(&house, &key, "/Users", mara()).await);
    let path = house.ours(&format!("/people/{person}"));
    let erased = house.ask(&ada, Method::DELETE, &path, json!({"reason": "asked for it"}), None).await;
    assert_eq!(erased.status, StatusCode::OK, "{}", erased.body);
    assert_eq!(get(&house, &key, &format!("/Users/{person}")).await.status, StatusCode::NOT_FOUND);
    assert!(row::<KnownLockout>(&house, house.organisation, &person).await.is_some());
    let mut session = house.store().session(house.organisation).await.expect("a session");
    let marks: i64 =
        sqlx::query_scalar("select count(*) from member_names").fetch_one(session.connection()).await.expect("counted");
    assert_eq!(marks, 0);
    let events: Vec<String> =
        sqlx::query_scalar("select body from events").fetch_all(session.connection()).await.expect("read");
    let log = events.join("\n").to_lowercase();
    assert!(log.contains("member.provisioned") || log.contains("attributes"), "{log}");
    for text in ["lind", "larkspur.example", "00u1"] {
        assert!(!log.contains(text), "{text} is in the log");
    }
    drop(session);
    house.running.stop().await;
}

async fn roles(house: &House, token: &str, tenant: &str) -> Value {
    let people = house.get(token, &format!("{tenant}/people")).await.body;
    let one = |one: &Value| (one["person"].as_str().expect("a person").to_owned(), one["roles"].clone());
    people["items"].as_array().expect("people").iter().map(one).collect::<serde_json::Map<_, _>>().into()
}

async fn until(house: &House, token: &str, tenant: &str, expected: Value) {
    for _ in 0..200 {
        if roles(house, token, tenant).await == expected {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(roles(house, token, tenant).await, expected);
}

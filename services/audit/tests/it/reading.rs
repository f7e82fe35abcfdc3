use crate::fixture::{BEGINNING, House, cx, note};
use access::Role;
use eventstore::{Cx, TenantId};
use serde_json::{Value, json};

async fn with_things(house: &House) -> TenantId {
    let tenant = house.tenant("mara", Role::InternalAuditor).await;
    for n in 0..10 {
        let (store, person) = if n % 2 == 0 { (&house.risk, "mara") } else { (&house.controls, "jo") };
        let cx = Cx { reason: Some("a reason".to_owned()), ..cx(tenant, person) };
        note(store, cx, &format!("T-{}", n % 5), &n.to_string()).await;
    }
    house.until_held(tenant, BEGINNING + 10).await;
    tenant
}

fn places(items: &[Value]) -> Vec<(String, i64)> {
    let place = |item: &Value| (item["service"].as_str().expect("a service").to_owned(), item["position"].as_i64());
    items.iter().map(place).map(|(service, position)| (service, position.expect("a position"))).collect()
}

#[tokio::test]
async fn pages_neither_skip_nor_repeat_while_more_arrives() {
    let house = House::new().await;
    let tenant = with_things(&house).await;
    let (_, whole) = house.get("mara", tenant, &[]).await;
    let whole = places(whole["items"].as_array().expect("items"));
    assert_eq!(whole.len(), 14);

    for newest in ["false", "true"] {
        let before = i64::try_from(house.numbers(tenant).await.len()).expect("a count");
        let as_of = before.to_string();
        let expected = house.pages(tenant, &[("newest", newest), ("as_of", &as_of)], async || {}).await;
        let more = async || {
            let count = i64::try_from(house.numbers(tenant).await.len()).expect("a count");
            note(&house.risk, cx(tenant, "mara"), "more", "more").await;
            house.until_held(tenant, count + 1).await;
        };
        let mut paged = places(&house.pages(tenant, &[("newest", newest), ("limit", "3")], more).await);
        assert_eq!(paged, places(&expected), "newest={newest}");
        if newest == "true" {
            paged.reverse();
        }
        assert_eq!(paged[..14], whole[..], "newest={newest}");
    }
}

#[tokio::test]
async fn an_entry_says_who_what_when_and_why() {
    let house = House::new().await;
    let tenant = with_things(&house).await;
    let (status, page) = house.get("mara", tenant, &[("object", "T-2"), ("service", "risk"), ("limit", "1")]).await;

    assert_eq!((status, page["position"].as_i64()), (200, Some(14)));
    let entry = &page["items"][0];
    assert_eq!(entry["type"], "thing.noted");
    assert_eq!(entry["object"], json!({ "kind": "thing", "id": "T-2" }));
    assert_eq!(entry["data"], json!({ "what": "2" }));
    assert_eq!((&entry["actor"], &entry["reason"], &entry["version"]), (&json!("mara"), &json!("a reason"), &json!(1)));
    let position = entry["position"].as_i64().expect("a position");
    let events = house.risk.session(tenant).await.expect("a session").events_at(&[position]).await.expect("read");
    assert_eq!(entry["hash"].as_str(), Some(events[0].hash.as_str()));
}

#[tokio::test]
async fn filters_by_person_object_kind_service_and_time() {
    let house = House::new().await;
    let tenant = with_things(&house).await;
    let (_, whole) = house.get("mara", tenant, &[]).await;
    let at = |index: usize| whole["items"][index]["recorded_at"].as_str().expect("an instant").to_owned();
    for (query, count) in [
        (vec![("person", "jo")], 5),
        (vec![("person", "service:audit")], 2),
        (vec![("object", "T-2")], 2),
        (vec![("object", "thing-T-2"), ("service", "risk")], 1),
        (vec![("type", "access.granted")], 2),
        (vec![("service", "audit")], 2),
        (vec![("from", &at(5)), ("to", &at(9))], 4),
        (vec![("from", &at(0)[..10])], 14),
        (vec![("to", &at(0)[..10])], 0),
        (vec![("q", " ")], 14),
        (vec![("as_of", &at(5))], 6),
        (vec![("as_of", "3")], 3),
        (vec![("as_of", "0")], 0),
        (vec![("object", "R' or true --")], 0),
    ] {
        let (status, page) = house.get("mara", tenant, &query).await;
        assert_eq!((status, page["items"].as_array().map(Vec::len)), (200, Some(count)), "{query:?}: {page}");
    }
}

#[tokio::test]
async fn one_search_finds_what_any_service_said() {
    let house = House::new().await;
    let tenant = house.tenant("mara", Role::InternalAuditor).await;
    let theirs = house.tenant("theo", Role::InternalAuditor).await;
    let why = Cx { reason: Some("Überprüft im Audit".to_owned()), ..cx(tenant, "mara") };
    note(&house.risk, why, "R-1", "Backups of the ledger/bookings").await;
    note(&house.controls, cx(tenant, "jo"), "A.8.13", "The backup runs; it's nightly").await;
    note(&house.controls, cx(theirs, "theo"), "A.8.13", "Our backup is secret").await;
    house.until_held(tenant, BEGINNING + 2).await;
    house.until_held(theirs, BEGINNING + 1).await;
    for (q, found) in [
        ("backup", vec!["R-1", "A.8.13"]),
        ("BACKUPS bookings", vec!["R-1"]),
        ("überp", vec!["R-1"]),
        ("r-1", vec!["R-1"]),
        ("a.8.13 nightly", vec!["A.8.13"]),
        ("it's", vec!["A.8.13"]),
        ("ackup", vec![]),
        ("backup absent", vec![]),
        ("secret", vec![]),
        ("' | backup & ! :*", vec!["R-1", "A.8.13"]),
    ] {
        let items = house.pages(tenant, &[("q", q), ("limit", "1")], async || {}).await;
        let ids: Vec<_> = items.iter().map(|item| item["object"]["id"].as_str().expect("an id")).collect();
        assert_eq!(ids, found, "{q}");
    }
    let (_, none) = house.get("mara", tenant, &[("q", "backup"), ("as_of", "4")]).await;
    assert_eq!(none["items"], json!([]));
}

#[tokio::test]
async fn each_wrong_parameter_is_named() {
    let house = House::new().await;
    let tenant = house.tenant("mara", Role::InternalAuditor).await;
    for (name, value) in [
        ("service", "risks"),
        ("from", "yesterday"),
        ("to", "1"),
        ("as_of", "99"),
        ("as_of", "-1"),
        ("as_of", "2999-01-01T00:00:00Z"),
        ("limit", "0"),
        ("cursor", "x"),
        ("q", "?"),
        ("newest", "perhaps"),
        ("newst", "true"),
    ] {
        let (status, problem) = house.get("mara", tenant, &[(name, value)]).await;
        assert_eq!((status, &problem["errors"][0]["field"]), (400, &json!(name)), "{name}={value}: {problem}");
    }
}

#[tokio::test]
async fn another_tenant_sees_nothing_and_a_viewer_may_not_look() {
    let house = House::new().await;
    let ours = with_things(&house).await;
    let theirs = house.tenant("theo", Role::InternalAuditor).await;

    let (status, page) = house.get("theo", theirs, &[("person", "mara")]).await;
    assert_eq!((status, page["items"].as_array().map(Vec::len)), (200, Some(0)));
    assert_eq!(house.get("theo", ours, &[]).await.0, 404);
    let seen = house.tenant("vera", Role::Viewer).await;
    assert_eq!(house.get("vera", seen, &[]).await.0, 403);
    // The policy holds where a statement forgets the tenant.
    let mut session = house.audit.session(theirs).await.expect("a session");
    let entries: i64 = sqlx::query_scalar("select count(*) from trail where actor = 'mara'")
        .fetch_one(session.connection())
        .await
        .expect("read");
    assert_eq!(entries, 0);
}

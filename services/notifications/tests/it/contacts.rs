use crate::fixture::House;
use access::Role;
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn a_contact_is_its_persons_and_the_managers() {
    let house = House::new(None).await;
    let tenant = house.tenant(&[("mara", Role::Viewer), ("jo", Role::Viewer), ("kim", Role::IsmsManager)]).await;
    let put = async |by: &str, path: &str, email: &str| {
        let (status, answer) = house.ask(by, Method::PUT, tenant, path, json!({ "email": email })).await;
        (status, answer["changed"].as_bool())
    };

    assert_eq!(put("mara", "/contacts/mara", "mara@example.com").await, (200, Some(true)));
    assert_eq!(put("mara", "/contacts/mara", "mara@example.com").await, (200, Some(false)));
    assert_eq!(put("jo", "/contacts/mara", "jo@example.com").await.0, 403);
    assert_eq!(put("jo", "/contacts/nobody", "jo@example.com").await.0, 403);
    assert_eq!(put("kim", "/contacts/jo", "jo@example.com").await, (200, Some(true)));
    assert_eq!(put("kim", "/contacts/nobody", "no@example.com").await.0, 404);
    assert_eq!(house.get("mara", tenant, "/contacts").await.0, 403);
    let (status, book) = house.get("kim", tenant, "/contacts?limit=1").await;
    assert_eq!((status, &book["items"][0]["email"], &book["next"]), (200, &json!("jo@example.com"), &json!("jo")));
    let (_, rest) = house.get("kim", tenant, "/contacts?after=jo").await;
    assert_eq!((&rest["items"][0]["email"], rest.get("next")), (&json!("mara@example.com"), None));
}

#[tokio::test]
async fn an_address_is_erased_and_stands_in_no_event() {
    let house = House::new(None).await;
    let tenant = house.tenant(&[("mara", Role::IsmsManager)]).await;
    house.set_email("mara", tenant, "mara@example.com").await;
    house.set_email("mara", tenant, "other@example.com").await;
    let erase = json!({ "email": null });
    assert_eq!(house.ask("mara", Method::PUT, tenant, "/contacts/mara", erase).await.0, 200);

    assert_eq!(house.get("mara", tenant, "/contacts").await.1["items"], json!([]));
    let mut session = house.store.session(tenant).await.expect("a session");
    let kept: Vec<String> = sqlx::query_scalar("select body from events union all select answer from commands")
        .fetch_all(session.connection())
        .await
        .expect("read");
    assert_eq!(kept.iter().filter(|body| body.contains("contact.changed")).count(), 3);
    assert!(!kept.iter().any(|body| body.contains("example.com")), "{kept:?}");
}

#[tokio::test]
async fn each_mistake_names_its_field_and_repeats_no_address() {
    let house = House::new(None).await;
    let tenant = house.tenant(&[("mara", Role::Viewer)]).await;
    for (body, field) in [
        (json!({}), "email"),
        (json!({ "email": "mara at example" }), "email"),
        (json!({ "email": 3 }), "email"),
        (json!({ "email": null, "phone": "1" }), "phone"),
    ] {
        let (status, problem) = house.ask("mara", Method::PUT, tenant, "/contacts/mara", body.clone()).await;
        assert_eq!((status, &problem["errors"][0]["field"]), (400, &json!(field)), "{body}: {problem}");
        assert!(!problem.to_string().contains("mara at"), "{problem}");
    }
}

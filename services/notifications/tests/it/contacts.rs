use crate::fixture::{House, mail, risk_owner};
use access::Role;
use eventstore::TenantId;
use reqwest::Method;
use serde_json::json;
use std::time::Duration;
use testkit::Smtp;

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

/// What stands in the table, sealed or not.
async fn kept(house: &House, tenant: TenantId) -> (i64, i64, i64) {
    let mut session = house.store.session(tenant).await.expect("a session");
    let count = "select (select count(*) from contacts where sealed is not null), (select count(*) from contacts where email is not null),
                        (select count(*) from person_keys where key is not null)";
    sqlx::query_as(count).fetch_one(session.connection()).await.expect("read")
}

#[tokio::test]
async fn who_is_erased_is_reached_nowhere_and_never_again() {
    let house = House::new(Some(mail(Smtp::nobody().await))).await;
    let tenant = house.tenant(&[("mara", Role::RiskOwner), ("kim", Role::IsmsManager)]).await;
    let theirs = house.tenant(&[("mara", Role::RiskOwner)]).await;
    for (person, at) in [("mara", tenant), ("kim", tenant), ("mara", theirs)] {
        house.set_email(person, at, &format!("{person}@example.com")).await;
    }
    house.say_of_risk(tenant, "admin", "R-7", risk_owner("mara")).await;
    house.until_told("mara", tenant, 2).await;
    assert_eq!(house.attempts(tenant).await.len(), 1, "a mail waits");
    assert_eq!(kept(&house, tenant).await, (2, 0, 2));

    house.erase(tenant, "mara").await;
    let book = async || house.get("kim", tenant, "/contacts").await.1["items"].clone();
    for _ in 0..600 {
        if book().await.as_array().is_some_and(|items| items.len() == 1) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(book().await[0]["email"], "kim@example.com");
    assert!(house.attempts(tenant).await.is_empty());
    assert_eq!(kept(&house, tenant).await, (1, 0, 1));
    let again = house.ask("mara", Method::PUT, tenant, "/contacts/mara", json!({ "email": "mara@example.com" })).await;
    assert_eq!((again.0, &again.1["type"]), (409, &json!("urn:stele:problem:erased")));
    // The namesake in another tenant is not concerned until that tenant is told.
    assert_eq!(kept(&house, theirs).await, (1, 0, 1));
}

#[tokio::test]
async fn what_an_older_program_kept_is_read_until_it_is_changed() {
    let house = House::new(None).await;
    let tenant = house.tenant(&[("mara", Role::IsmsManager)]).await;
    let mut session = house.store.session(tenant).await.expect("a session");
    let old =
        "insert into contacts (tenant_id, person, email, changed_at) values ($1, 'mara', 'old@example.com', now())";
    sqlx::query(old).bind(tenant).execute(session.connection()).await.expect("inserted");
    session.commit().await.expect("committed");
    assert_eq!(house.get("mara", tenant, "/contacts").await.1["items"][0]["email"], "old@example.com");
    house.set_email("mara", tenant, "new@example.com").await;
    assert_eq!(house.get("mara", tenant, "/contacts").await.1["items"][0]["email"], "new@example.com");
    assert_eq!(kept(&house, tenant).await, (1, 0, 1));
}

#[tokio::test]
async fn no_session_reaches_an_address_or_a_key_of_another_tenant() {
    let house = House::new(None).await;
    let (ours, theirs) = (house.tenant(&[("mara", Role::IsmsManager)]).await, TenantId::random());
    house.set_email("mara", ours, "mara@example.com").await;
    let mut session = house.store.session(theirs).await.expect("a session");
    for change in ["delete from contacts", "delete from person_keys", "update person_keys set key = null"] {
        let done = sqlx::query(change).execute(session.connection()).await.expect("nothing to change");
        assert_eq!(done.rows_affected(), 0, "{change}");
    }
    session.commit().await.expect("committed");
    assert_eq!(kept(&house, theirs).await, (0, 0, 0));
    assert_eq!(kept(&house, ours).await, (1, 0, 1));
}

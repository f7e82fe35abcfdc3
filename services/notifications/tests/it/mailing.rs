use crate::fixture::{House, mail, risk_owner};
use access::Role;
use eventstore::{Recorded, TenantId};
use std::time::Duration;
use testkit::Smtp;

#[tokio::test]
async fn a_notification_reaches_the_mailbox_once_even_with_two_processes() {
    let smtp = Smtp::start().await;
    let mut house = House::new(Some(mail(smtp.address()))).await;
    house.start_another(Some(mail(smtp.address()))).await;
    let tenant = house.tenant(&[("mara", Role::RiskOwner)]).await;
    house.set_email("mara", tenant, "mara@example.com").await;
    for n in 1..=5 {
        house.say_of_risk(tenant, "admin", &format!("R-{n}"), risk_owner("mara")).await;
    }
    smtp.until(5).await;
    house.until_told("mara", tenant, 6).await;
    house.until_email("mara", tenant, "sent").await;
    // Longer than the sweep, which would send again what is still in the queue.
    tokio::time::sleep(Duration::from_secs(6)).await;

    let mails = smtp.mails();
    assert_eq!(mails.len(), 5);
    assert!(house.attempts(tenant).await.is_empty());
    for told in house.told("mara", tenant).await.iter().filter(|told| told["kind"] == "risk_assigned") {
        let id = told["id"].as_str().expect("an id");
        let sent = mails.iter().filter(|mail| mail.contains(&format!("Message-ID: <{id}@example.org>")));
        let [sent] = sent.collect::<Vec<_>>()[..] else { panic!("{id} was not sent once") };
        assert!(sent.contains("X-RcptTo: mara@example.com"), "{sent}");
        assert!(sent.contains(told["text"].as_str().expect("a text")), "{sent}");
        assert_eq!(told["email"], "sent");
    }
    let events = events(&house, tenant).await;
    let emailed = events.iter().find(|event| event.event_type == "notification.emailed").expect("recorded");
    let raised = events.iter().find(|event| Some(event.id) == emailed.metadata.causation_id).expect("its cause");
    assert_eq!((&raised.stream, raised.event_type.as_str()), (&emailed.stream, "notification.raised"));
    assert!(!events.iter().any(|event| event.data.to_string().contains("mara@")));
}

#[tokio::test]
async fn a_server_that_was_down_gets_the_mail_when_it_is_back() {
    let address = Smtp::nobody().await;
    let house = House::new(Some(mail(address))).await;
    let tenant = house.tenant(&[("mara", Role::RiskOwner)]).await;
    house.set_email("mara", tenant, "mara@example.com").await;
    house.say_of_risk(tenant, "admin", "R-7", risk_owner("mara")).await;
    until_tried(&house, tenant).await;
    assert_eq!(house.told("mara", tenant).await[0]["email"], "pending");

    let smtp = Smtp::start_at(address).await;
    let mails = smtp.until(1).await;
    house.until_email("mara", tenant, "sent").await;
    assert!(mails[0].contains("Risk R-7 is yours"), "{}", mails[0]);
    assert_eq!(smtp.mails().len(), 1);
}

#[tokio::test]
async fn a_mail_that_never_goes_out_is_given_up_and_says_so() {
    let house = House::new(Some(mail(Smtp::nobody().await))).await;
    let tenant = house.tenant(&[("mara", Role::RiskOwner)]).await;
    house.set_email("mara", tenant, "mara@example.com").await;
    house.say_of_risk(tenant, "admin", "R-7", risk_owner("mara")).await;
    until_tried(&house, tenant).await;
    house.database.as_superuser("update deliveries set attempts = 7, due_at = now()").await.expect("aged");
    house.until_email("mara", tenant, "failed").await;

    assert!(house.attempts(tenant).await.is_empty());
    let events = events(&house, tenant).await;
    let failed = events.iter().find(|event| event.event_type == "notification.email_failed").expect("recorded");
    assert_eq!(failed.data["error"], "the mail server cannot be reached");
}

#[tokio::test]
async fn an_address_that_was_erased_meanwhile_gets_no_mail() {
    let address = Smtp::nobody().await;
    let house = House::new(Some(mail(address))).await;
    let tenant = house.tenant(&[("mara", Role::RiskOwner)]).await;
    house.set_email("mara", tenant, "mara@example.com").await;
    house.say_of_risk(tenant, "admin", "R-7", risk_owner("mara")).await;
    until_tried(&house, tenant).await;
    let erase = serde_json::json!({ "email": null });
    assert_eq!(house.ask("mara", reqwest::Method::PUT, tenant, "/contacts/mara", erase).await.0, 200);
    let smtp = Smtp::start_at(address).await;
    house.until_email("mara", tenant, "failed").await;
    assert!(smtp.mails().is_empty());
}

#[tokio::test]
async fn who_has_left_is_mailed_that_and_nothing_after_it() {
    let smtp = Smtp::start().await;
    let house = House::new(Some(mail(smtp.address()))).await;
    let tenant = house.tenant(&[("mara", Role::RiskOwner)]).await;
    house.set_email("mara", tenant, "mara@example.com").await;
    house.assign(tenant, "mara", &[]).await;
    let mails = smtp.until(1).await;
    assert!(mails[0].contains("You are no longer a risk owner here."), "{}", mails[0]);

    // A risk that she still owned, as its register says.
    house.say_of_risk(tenant, "admin", "R-7", risk_owner("mara")).await;
    until_raised(&house, tenant, 3).await;
    house.assign(tenant, "mara", &[Role::Viewer]).await;
    let told = house.until_told("mara", tenant, 4).await;
    assert_eq!((&told[0]["kind"], &told[1]["kind"]), (&"role_granted".into(), &"risk_assigned".into()));
    assert_eq!(told[1]["email"], "none");
    let mails = smtp.until(2).await;
    assert!(mails[1].contains("You are a viewer here from now on."), "{}", mails[1]);
    assert_eq!(smtp.mails().len(), 2);
}

#[tokio::test]
async fn a_mail_that_waits_does_not_go_to_who_has_left_meanwhile() {
    let address = Smtp::nobody().await;
    let house = House::new(Some(mail(address))).await;
    let tenant = house.tenant(&[("mara", Role::RiskOwner)]).await;
    house.set_email("mara", tenant, "mara@example.com").await;
    house.say_of_risk(tenant, "admin", "R-7", risk_owner("mara")).await;
    until_tried(&house, tenant).await;
    house.assign(tenant, "mara", &[]).await;
    until_raised(&house, tenant, 3).await;
    let smtp = Smtp::start_at(address).await;

    let mails = smtp.until(1).await;
    assert!(mails[0].contains("You are no longer a risk owner here."), "{}", mails[0]);
    let failed = until_event(&house, tenant, "notification.email_failed", 1).await;
    assert_eq!(failed[0].data["error"], "the person has no address or no role here any more");
    assert_eq!(smtp.mails().len(), 1);
}

#[tokio::test]
async fn a_mail_that_waits_does_not_go_to_who_is_let_in_no_more() {
    let address = Smtp::nobody().await;
    let house = House::new(Some(mail(address))).await;
    let tenant = house.tenant(&[("mara", Role::RiskOwner)]).await;
    house.set_email("mara", tenant, "mara@example.com").await;
    house.say_of_risk(tenant, "admin", "R-7", risk_owner("mara")).await;
    until_tried(&house, tenant).await;
    house.lock_out("mara").await;
    while house.get("mara", tenant, "/notifications").await.0 != 401 {
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    let smtp = Smtp::start_at(address).await;
    let failed = until_event(&house, tenant, "notification.email_failed", 1).await;
    assert_eq!(failed[0].data["error"], "the person is let in no more");
    assert!(smtp.mails().is_empty());
}

#[tokio::test]
async fn without_an_address_there_is_no_mail() {
    let smtp = Smtp::start().await;
    let house = House::new(Some(mail(smtp.address()))).await;
    let tenant = house.tenant(&[("mara", Role::RiskOwner), ("jo", Role::RiskOwner)]).await;
    house.set_email("jo", tenant, "jo@example.com").await;
    house.say_of_risk(tenant, "admin", "R-1", risk_owner("mara")).await;
    house.say_of_risk(tenant, "admin", "R-2", risk_owner("jo")).await;

    let mails = smtp.until(1).await;
    assert!(mails[0].contains("X-RcptTo: jo@example.com"), "{}", mails[0]);
    let told = house.until_told("mara", tenant, 2).await;
    assert_eq!((told[0]["email"].as_str(), smtp.mails().len()), (Some("none"), 1));
}

#[tokio::test]
async fn the_engine_sees_which_tenants_have_mail_due_and_nothing_else_of_it() {
    // Without a mail server nobody takes them off the queue.
    let house = House::new(None).await;
    let (due, later) = (TenantId::random(), TenantId::random());
    for (tenant, wait) in [(due, 0.0), (due, 0.0), (later, 3600.0)] {
        let mut session = house.store.session(tenant).await.expect("a session");
        sqlx::query("insert into deliveries values ($1, gen_random_uuid(), 'mara', now() + make_interval(secs => $2))")
            .bind(tenant)
            .bind(wait)
            .execute(session.connection())
            .await
            .expect("queued");
        session.commit().await.expect("committed");
    }

    assert_eq!(house.store.due("deliveries").await.expect("read"), [due]);
    let mut superuser = house.database.superuser().await.expect("a connection");
    let seen: Vec<String> = sqlx::query_scalar(
        "select column_name::text from information_schema.column_privileges
         where grantee = 'stele_engine' and table_name in ('deliveries', 'contacts') order by 1",
    )
    .fetch_all(&mut superuser)
    .await
    .expect("read");
    assert_eq!(seen, ["due_at", "tenant_id"]);
}

/// Waits until a mail was tried in vain.
async fn until_tried(house: &House, tenant: TenantId) {
    for _ in 0..600 {
        if house.attempts(tenant).await.first().is_some_and(|attempts| *attempts > 0) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no mail was tried");
}

/// Waits until so much was told in the tenant.
async fn until_raised(house: &House, tenant: TenantId, count: usize) {
    until_event(house, tenant, "notification.raised", count).await;
}

async fn until_event(house: &House, tenant: TenantId, event_type: &str, count: usize) -> Vec<Recorded> {
    for _ in 0..600 {
        let mut found = events(house, tenant).await;
        found.retain(|event| event.event_type == event_type);
        if found.len() >= count {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("there were not {count} of {event_type}");
}

async fn events(house: &House, tenant: TenantId) -> Vec<Recorded> {
    house.store.session(tenant).await.expect("a session").events_after(0, 1000).await.expect("read")
}

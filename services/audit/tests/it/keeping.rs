use crate::fixture::{BEGINNING, House, cx, note};
use access::Role;
use std::time::Duration;

#[tokio::test]
async fn two_sources_at_once_are_kept_without_a_gap_and_each_in_its_own_order() {
    let house = House::new().await;
    let tenant = house.tenant("mara", Role::IsmsManager).await;
    let say = async |store| {
        for n in 0..40 {
            note(store, cx(tenant, "mara"), "one", &n.to_string()).await;
        }
    };
    tokio::join!(say(&house.risk), say(&house.controls));
    house.until_held(tenant, BEGINNING + 80).await;

    assert_eq!(house.numbers(tenant).await, (1..=BEGINNING + 80).collect::<Vec<_>>());
    let mut session = house.audit.session(tenant).await.expect("a session");
    for source in [&house.risk, &house.controls] {
        let held = audit::held(&mut session, source.service(), 0, 1000).await.expect("read");
        let events = source.session(tenant).await.expect("a session").events_after(0, 1000).await.expect("read");
        assert_eq!(held, events.iter().map(audit::Held::from).collect::<Vec<_>>());
    }
    let rest = audit::held(&mut session, "risk", 38, 1).await.expect("read");
    assert_eq!(rest.first().map(|held| held.position), Some(39));
    let last = house.risk.session(tenant).await.expect("a session").head().await.expect("read");
    assert_eq!(audit::last_held(&mut session, "risk").await.expect("read"), last);
}

#[tokio::test]
async fn what_is_heard_twice_is_kept_once() {
    let house = House::new().await;
    let tenant = house.tenant("mara", Role::IsmsManager).await;
    for n in 0..5 {
        note(&house.risk, cx(tenant, "mara"), "one", &n.to_string()).await;
    }
    house.until_held(tenant, BEGINNING + 5).await;
    house.publish_again(&house.risk, tenant).await;
    note(&house.risk, cx(tenant, "mara"), "one", "last").await;
    house.until_held(tenant, BEGINNING + 6).await;
    tokio::time::sleep(Duration::from_millis(300)).await;

    assert_eq!(house.numbers(tenant).await, (1..=BEGINNING + 6).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_service_itself_can_change_nothing_that_is_kept() {
    let house = House::new().await;
    let tenant = house.tenant("mara", Role::IsmsManager).await;
    for statement in [
        "update trail set actor = 'nobody'",
        "delete from trail",
        "truncate trail",
        "delete from trail_heads",
        "alter table trail disable trigger all",
        "drop table trail",
    ] {
        let mut session = house.audit.session(tenant).await.expect("a session");
        let refused = sqlx::query(statement).execute(session.connection()).await;
        let error = refused.expect_err(statement).to_string();
        assert!(error.contains("permission denied") || error.contains("must be owner"), "{statement}: {error}");
    }
    for statement in ["update trail set actor = 'nobody'", "delete from trail", "truncate trail"] {
        let error = house.database.as_superuser(statement).await.expect_err(statement).to_string();
        assert!(error.contains("append-only"), "{statement}: {error}");
    }
}

#[tokio::test]
async fn a_source_that_tells_another_story_at_a_position_parks_its_tenant() {
    let house = House::new().await;
    let tenant = house.tenant("mara", Role::IsmsManager).await;
    note(&house.risk, cx(tenant, "mara"), "one", "first").await;
    house.until_held(tenant, BEGINNING + 1).await;
    // As if the service's database had been put back to a state before the event, and the trail's with it in part.
    house
        .database
        .as_superuser("update consumer_checkpoints set position = 0 where source = 'risk'")
        .await
        .expect("reset");
    house.publish_again(&house.risk, tenant).await;

    for _ in 0..600 {
        if house.audit.parked().await.expect("read") == [("risk".to_owned(), 1)] {
            assert_eq!(house.numbers(tenant).await.len(), 5);
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("nobody was parked");
}

use crate::tally::{Add, Falls, Tally, add, cx, database, store};
use eventstore::{CommandKey, Cx, Project, Projecting, Refused, Run, StoreError, Stream, TenantId};
use futures::future::join_all;
use std::sync::Arc;
use std::time::Duration;

fn keyed(tenant: TenantId, key: &str, request: &str) -> Cx {
    let command = CommandKey { id: key.to_owned(), request_digest: request.as_bytes().to_vec() };
    Cx { command: Some(command), ..cx(tenant) }
}

#[tokio::test]
async fn a_stream_that_is_read_twice_counts_once_and_what_was_decided_counts_too() {
    let (_database, store) = store().await;
    let tenant = TenantId::random();
    add(&store, &cx(tenant), "one", 2).await.expect("added");

    let mut work = store.work(cx(tenant));
    for _ in 0..2 {
        work.preload(vec![Stream::new("tally", "one"), Stream::new("tally", "other")]).await.expect("read");
    }
    work.execute::<Tally>("one", None, Add(3)).await.expect("decided");
    work.preload(vec![Stream::new("tally", "one")]).await.expect("read");
    let (tally, version) = work.load::<Tally>("one").await.expect("loaded");
    assert_eq!((tally.total, version), (5, 2));
}

#[tokio::test]
async fn who_waits_for_appends_waits_for_their_end_and_takes_no_place_in_line() {
    let (_database, store) = store().await;
    let tenant = TenantId::random();
    add(&store, &cx(tenant), "one", 2).await.expect("added");
    let mut appending = store.session(tenant).await.expect("a session");
    appending.lock_head().await.expect("locked");

    let mut waiting = store.session(tenant).await.expect("a session");
    let early = tokio::time::timeout(Duration::from_millis(200), waiting.wait_for_appends()).await;
    assert!(early.is_err(), "it did not wait");
    drop(waiting);

    let mut waiting = store.session(tenant).await.expect("a session");
    let (waited, ended) = tokio::join!(waiting.wait_for_appends(), appending.commit());
    waited.expect("waited");
    ended.expect("committed");
    // It is still open, and holds up nobody.
    add(&store, &cx(tenant), "one", 3).await.expect("added");
    assert_eq!(waiting.head().await.expect("read"), 2);
}

#[tokio::test]
async fn three_hundred_writers_on_one_stream_lose_nothing_and_leave_no_gap() {
    let (_database, store) = store().await;
    let tenant = TenantId::random();

    let cx = cx(tenant);
    let done = join_all((0..300).map(|_| add(&store, &cx, "one", 2))).await;

    let mut positions: Vec<i64> = done.into_iter().map(|done| done.expect("acknowledged").position).collect();
    positions.sort_unstable();
    assert_eq!(positions, (1..=300).collect::<Vec<_>>());
    let mut work = store.work(cx);
    let (tally, version) = work.load::<Tally>("one").await.expect("loaded");
    assert_eq!((tally.total, version), (600, 300));
    assert_eq!(store.verify_chain(tenant).await.expect("verified").fault, None);
}

#[tokio::test]
async fn two_processes_on_one_stream_lose_nothing() {
    let database = database().await;
    let tenant = TenantId::random();
    // Two stores share nothing in memory, as two processes would not.
    let one = database.store(Arc::new(eventstore::Never)).await.expect("a store");
    let other = database.store(Arc::new(eventstore::Never)).await.expect("a store");

    let cx = cx(tenant);
    let writers = (0..40).map(|n| add(if n % 2 == 0 { &one } else { &other }, &cx, "shared", 1));
    for done in join_all(writers).await {
        done.expect("acknowledged");
    }

    let mut work = one.work(cx);
    let (tally, version) = work.load::<Tally>("shared").await.expect("loaded");
    assert_eq!((tally.total, version), (40, 40));
}

#[tokio::test]
async fn the_same_key_gives_the_first_answer_and_records_once() {
    let (_database, store) = store().await;
    let tenant = TenantId::random();

    let first = add(&store, &keyed(tenant, "key-1", "add 5"), "one", 5).await.expect("first");
    add(&store, &cx(tenant), "one", 1).await.expect("between");
    let second = add(&store, &keyed(tenant, "key-1", "add 5"), "one", 5).await.expect("second");

    assert_eq!((first.answer, first.position, first.repeated), (1, 1, false));
    assert_eq!((second.answer, second.position, second.repeated), (1, 1, true));
    assert_eq!(store.verify_chain(tenant).await.expect("verified").events, 2);
}

#[tokio::test]
async fn the_same_key_sent_twice_at_once_records_once() {
    let database = database().await;
    let one = database.store(Arc::new(eventstore::Never)).await.expect("a store");
    let other = database.store(Arc::new(eventstore::Never)).await.expect("a store");
    let tenant = TenantId::random();

    let cx = keyed(tenant, "key-1", "add 5");
    let done = join_all((0..20).map(|n| add(if n % 2 == 0 { &one } else { &other }, &cx, "one", 5))).await;

    let first_answers = done.into_iter().filter(|done| !done.as_ref().expect("answered").repeated).count();
    assert_eq!(first_answers, 1);
    assert_eq!(one.verify_chain(tenant).await.expect("verified").events, 1);
}

#[tokio::test]
async fn the_same_key_with_another_request_is_refused() {
    let (_database, store) = store().await;
    let tenant = TenantId::random();
    add(&store, &keyed(tenant, "key-1", "add 5"), "one", 5).await.expect("first");

    let refused = add(&store, &keyed(tenant, "key-1", "add 6"), "one", 6).await;

    assert!(matches!(refused, Err(Refused::Store(StoreError::KeyReused))), "{refused:?}");
}

#[tokio::test]
async fn the_same_key_of_another_tenant_is_another_key() {
    let (_database, store) = store().await;
    add(&store, &keyed(TenantId::random(), "key-1", "add 5"), "one", 5).await.expect("first");

    let other = add(&store, &keyed(TenantId::random(), "key-1", "add 6"), "one", 6).await.expect("another tenant's");

    assert!(!other.repeated);
}

#[tokio::test]
async fn a_stale_version_is_told_the_actual_one() {
    let (_database, store) = store().await;
    let cx = cx(TenantId::random());
    add(&store, &cx, "one", 1).await.expect("first");
    add(&store, &cx, "one", 1).await.expect("second");

    let stale = store.work(cx).execute::<Tally>("one", Some(1), Add(1)).await;

    assert!(matches!(stale, Err(Refused::Stale { actual: 2 })), "{stale:?}");
}

#[tokio::test]
async fn several_streams_are_recorded_together_or_not_at_all() {
    let (_database, store) = store().await;
    let cx = cx(TenantId::random());
    let mut work = store.work(cx.clone());
    work.execute::<Tally>("a", None, Add(1)).await.expect("decided");
    work.execute::<Tally>("b", None, Add(2)).await.expect("decided");
    work.execute::<Tally>("a", None, Add(3)).await.expect("decided");
    // Somebody else is faster on one of the two.
    add(&store, &cx, "b", 9).await.expect("recorded");

    let refused = work.finish().await;

    assert!(matches!(&refused, Err(StoreError::Conflict { stream, actual: 1 }) if stream == "tally-b"), "{refused:?}");
    assert_eq!(store.verify_chain(cx.tenant).await.expect("verified").events, 1);

    let mut again = store.work(cx.clone());
    for (id, amount) in [("a", 1), ("b", 2), ("a", 3)] {
        again.execute::<Tally>(id, None, Add(amount)).await.expect("decided");
    }
    again.finish().await.expect("recorded");
    let mut session = store.session(cx.tenant).await.expect("a session");
    assert_eq!(session.head().await.expect("read"), 4);
    let versions: Vec<_> =
        session.events_after(1, 10).await.expect("read").iter().map(|e| (e.stream.to_string(), e.version)).collect();
    assert_eq!(versions, [("tally-a".to_owned(), 1), ("tally-b".to_owned(), 2), ("tally-a".to_owned(), 2)]);
}

#[tokio::test]
async fn a_broken_rule_records_nothing_and_an_empty_decision_keeps_the_version() {
    let (_database, store) = store().await;
    let cx = cx(TenantId::random());
    add(&store, &cx, "one", 1).await.expect("recorded");

    let refused = add(&store, &cx, "one", -1).await;
    let nothing = add(&store, &cx, "one", 0).await.expect("already so");

    assert!(matches!(refused, Err(Refused::Rule(Falls))), "{refused:?}");
    assert_eq!((nothing.answer, nothing.position), (1, 1));
}

#[tokio::test]
async fn what_is_read_back_is_what_was_recorded() {
    let (_database, store) = store().await;
    let occurred = "2025-05-04T03:02:01.5Z".parse().expect("an instant");
    let cx =
        Cx { reason: Some("  after the incident ".to_owned()), occurred_at: Some(occurred), ..cx(TenantId::random()) };
    add(&store, &cx, "one", 7).await.expect("recorded");

    let mut session = store.session(cx.tenant).await.expect("a session");
    let events = session.stream(&Stream::new("tally", "one"), i64::MAX).await.expect("read");

    assert_eq!(events.len(), 1);
    let event = &events[0];
    assert_eq!((event.event_type.as_str(), event.position, event.version), ("tally.added", 1, 1));
    assert_eq!(event.data, serde_json::json!({ "amount": 7 }));
    assert_eq!(event.occurred_at, occurred);
    assert_eq!(event.metadata.reason.as_deref(), Some("after the incident"));
    assert_eq!(event.metadata.actor.to_string(), "mara");
}

#[tokio::test]
async fn an_instant_names_the_position_that_was_last_then() {
    let (_database, store) = store().await;
    let cx = cx(TenantId::random());
    for _ in 0..3 {
        add(&store, &cx, "one", 1).await.expect("recorded");
    }
    let mut session = store.session(cx.tenant).await.expect("a session");
    let events = session.events_after(0, 10).await.expect("read");

    for event in &events {
        assert_eq!(session.position_at(event.recorded_at).await.expect("found"), event.position);
    }
    let before = events[0].recorded_at - chrono::Duration::microseconds(1);
    assert_eq!(session.position_at(before).await.expect("found"), 0);
}

/// A view whose table is gone: its statement fails inside the append's transaction.
struct Broken;

impl Project for Broken {
    fn is_idle(&self) -> bool {
        false
    }

    fn project<'a>(&'a self, connection: &'a mut sqlx::PgConnection, _: &'a [Run]) -> Projecting<'a> {
        Box::pin(
            async move { sqlx::query("insert into view_gone values (1)").execute(connection).await.map(|_| vec![]) },
        )
    }
}

#[tokio::test]
async fn a_view_that_cannot_be_written_never_costs_a_command() {
    let database = database().await;
    let store = database.store(Arc::new(Broken)).await.expect("a store");
    let mut lagging = store.lagging();
    let cx = cx(TenantId::random());

    add(&store, &cx, "one", 1).await.expect("acknowledged");

    assert_eq!(lagging.try_recv().expect("the catch-up worker is told"), cx.tenant);
    assert_eq!(store.verify_chain(cx.tenant).await.expect("verified").events, 1);
}

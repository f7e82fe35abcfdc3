//! Read models against a real PostgreSQL: exactly once, catching up, faults, isolation; beside: lists, rebuilds,
//! comparing.

mod compare;
mod lists;
mod rebuild;
mod tally;

use eventstore::{NOW, Never, TenantId};
use std::sync::Arc;
use tally::{Add, Sum, Tally, add, cx, database};
use views::{Listing, ViewSet, get, list, shown, versions};

fn views() -> Arc<ViewSet> {
    Arc::new(ViewSet::new().with::<Sum>())
}

#[tokio::test]
async fn a_writer_reads_its_own_write_and_every_earlier_state() {
    let store = database().await.store(views()).await.expect("a store");
    let tenant = TenantId::random();
    for amount in [1, 10, 100] {
        add(&store, tenant, "one", amount).await;
    }

    let mut session = store.session(tenant).await.expect("a session");
    assert_eq!(shown::<Sum>(&mut session).await.expect("read"), 3);
    let mut totals = Vec::new();
    for position in 0..=3 {
        totals.push(
            get::<Sum>(&mut session, "one", position).await.expect("read").map(|row| (row.data.total, row.version)),
        );
    }
    assert_eq!(totals, [None, Some((1, 1)), Some((11, 2)), Some((111, 3))]);
    let history = versions::<Sum>(&mut session, "one", 0, NOW, 100).await.expect("read");
    assert_eq!(history.iter().map(|row| (row.from, row.data.total)).collect::<Vec<_>>(), [(1, 1), (2, 11), (3, 111)]);
}

#[tokio::test]
async fn several_events_of_one_key_in_one_append_each_have_their_row() {
    let store = database().await.store(views()).await.expect("a store");
    let tenant = TenantId::random();
    add(&store, tenant, "one", 1).await;
    let mut work = store.work(cx(tenant));
    for amount in [2, 3] {
        work.execute::<Tally>("one", None, Add(amount)).await.expect("decided");
    }
    work.finish().await.expect("recorded");

    let mut session = store.session(tenant).await.expect("a session");
    let history = versions::<Sum>(&mut session, "one", 0, NOW, 100).await.expect("read");
    assert_eq!(history.iter().map(|row| (row.from, row.data.total)).collect::<Vec<_>>(), [(1, 1), (2, 3), (3, 6)]);
    assert_eq!(views().compare(&store, tenant, "sum").await.expect("compared"), None);
}

#[tokio::test]
async fn a_large_append_is_followed_in_parts_as_it_would_be_at_once() {
    let store = database().await.store(views()).await.expect("a store");
    let (tenant, faulty) = (TenantId::random(), TenantId::random());
    for (tenant, odd) in [(tenant, 2), (faulty, 13)] {
        add(&store, tenant, "k0", 1).await;
        let mut work = store.work(cx(tenant));
        for number in 1..=4500 {
            let amount = if number == 3000 { odd } else { 1 };
            work.execute::<Tally>(&format!("k{}", number % 7), None, Add(amount)).await.expect("decided");
        }
        work.finish().await.expect("recorded");
    }
    let mut session = store.session(tenant).await.expect("a session");
    assert_eq!(shown::<Sum>(&mut session).await.expect("read"), 4501);
    let history = versions::<Sum>(&mut session, "k0", 0, NOW, 1000).await.expect("read");
    assert_eq!((history.len(), history.last().map(|row| row.version)), (643, Some(643)));
    drop(session);
    assert_eq!(views().compare(&store, tenant, "sum").await.expect("compared"), None);

    // What came before the part with the fault stands, and nothing of it or after it.
    let mut session = store.session(faulty).await.expect("a session");
    assert_eq!(shown::<Sum>(&mut session).await.expect("read"), 2001);
    assert_eq!(store.behind(&["sum"]).await.expect("read"), [faulty]);
}

#[tokio::test]
async fn a_view_that_came_later_catches_up_and_two_workers_do_not_double_it() {
    let database = database().await;
    let blind = database.store(Arc::new(Never)).await.expect("a store");
    let tenant = TenantId::random();
    for _ in 0..20 {
        add(&blind, tenant, "one", 1).await;
    }
    let (one, other) =
        (database.store(views()).await.expect("a store"), database.store(views()).await.expect("a store"));
    // Behind: an append by a store with views leaves this one to the worker.
    add(&one, tenant, "one", 1).await;
    assert_eq!(one.behind(&["sum"]).await.expect("read"), [tenant]);

    let set = views();
    let (a, b) = tokio::join!(set.catch_up(&one, tenant), set.catch_up(&other, tenant));
    a.expect("caught up");
    b.expect("caught up");

    let mut session = one.session(tenant).await.expect("a session");
    let row = get::<Sum>(&mut session, "one", 21).await.expect("read").expect("there");
    assert_eq!((row.data.total, row.version), (21, 21));
    assert_eq!(one.behind(&["sum"]).await.expect("read"), []);
    assert_eq!(set.compare(&one, tenant, "sum").await.expect("compared"), None);
}

#[tokio::test]
async fn a_fold_with_a_fault_stops_its_view_and_nothing_else() {
    let database = database().await;
    let store = database.store(views()).await.expect("a store");
    let (tenant, other) = (TenantId::random(), TenantId::random());
    add(&store, tenant, "one", 1).await;

    // 13 is what this view cannot fold, 17 what it panics on.
    assert_eq!(add(&store, tenant, "one", 13).await, 2);
    add(&store, other, "one", 17).await;
    add(&store, tenant, "one", 1).await;

    let mut session = store.session(tenant).await.expect("a session");
    assert_eq!(shown::<Sum>(&mut session).await.expect("read"), 1);
    let fault: Option<String> = sqlx::query_scalar("select fault from view_checkpoints where view = 'sum'")
        .fetch_one(session.connection())
        .await
        .expect("read");
    assert!(fault.as_deref().is_some_and(|fault| fault.contains("position 2") && fault.contains("13")), "{fault:?}");
    assert_eq!(store.verify_chain(tenant).await.expect("verified").events, 3);
    let lag: Vec<_> = store.view_lag(&["sum"]).await.expect("read");
    assert_eq!(lag, [("sum".to_owned(), 3)]);
}

#[tokio::test]
async fn another_tenants_rows_cannot_be_read() {
    let store = database().await.store(views()).await.expect("a store");
    let (ours, theirs) = (TenantId::random(), TenantId::random());
    add(&store, theirs, "secret", 1).await;

    let mut session = store.session(ours).await.expect("a session");
    assert!(get::<Sum>(&mut session, "secret", NOW - 1).await.expect("read").is_none());
    let all = Listing { filters: vec![], sort: None, descending: false, after: None, limit: 10 };
    assert!(list::<Sum>(&mut session, NOW - 1, &all).await.expect("read").rows.is_empty());
    assert_eq!(shown::<Sum>(&mut session).await.expect("read"), 0);
    for table in ["select count(*) from view_sum", "select count(*) from view_checkpoints"] {
        let seen: i64 = sqlx::query_scalar(table).fetch_one(session.connection()).await.expect("read");
        assert_eq!(seen, 0, "{table}");
    }
}

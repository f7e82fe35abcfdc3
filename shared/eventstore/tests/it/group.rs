//! Group commit: many commands, one transaction, a verdict each.

use crate::tally::{Add, Tally, add, cx, database, store};
use eventstore::{Cx, Never, Project, Projecting, Run, StoreError, Stream, TenantId};
use futures::future::join_all;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

#[tokio::test]
async fn commands_that_wait_at_the_same_moment_share_a_transaction_across_tenants() {
    let (database, store) = store().await;
    let tenants: Vec<Cx> = (0..100).map(|_| cx(TenantId::random())).collect();

    for done in join_all(tenants.iter().map(|cx| add(&store, cx, "one", 1))).await {
        done.expect("acknowledged");
    }

    let mut superuser = database.superuser().await.expect("a connection");
    let (events, transactions): (i64, i64) = sqlx::query_as("select count(*), count(distinct xmin::text) from events")
        .fetch_one(&mut superuser)
        .await
        .expect("read");
    assert_eq!(events, 100);
    assert!(transactions < 50, "{transactions} transactions for 100 commands");
    for cx in tenants {
        assert_eq!(store.verify_chain(cx.tenant).await.expect("verified").fault, None);
    }
}

#[tokio::test]
async fn one_that_the_database_refuses_costs_the_others_nothing() {
    let (_database, store) = store().await;
    // Longer than a row of an index may be, and hard to compress.
    let endless: String = (0..400).map(|_| TenantId::random().to_string()).collect();
    let tenant = TenantId::random();
    let contexts: Vec<Cx> = (0..60).map(|n| cx(if n % 3 == 0 { tenant } else { TenantId::random() })).collect();
    let names: Vec<String> = (0..60).map(|n| if n % 20 == 7 { endless.clone() } else { format!("t{n}") }).collect();

    let done = join_all(contexts.iter().zip(&names).map(|(cx, name)| add(&store, cx, name, 1))).await;

    for (n, done) in done.into_iter().enumerate() {
        assert_eq!(done.is_err(), n % 20 == 7, "command {n}: {done:?}");
    }
    let report = store.verify_chain(tenant).await.expect("verified");
    assert_eq!((report.events, report.fault), (19, None));
}

#[tokio::test]
async fn a_tenant_that_somebody_else_holds_keeps_no_other_waiting() {
    let (_database, store) = store().await;
    let held = cx(TenantId::random());
    add(&store, &held, "one", 1).await.expect("recorded");
    let mut holder = store.session(held.tenant).await.expect("a session");
    holder.lock_head().await.expect("locked");

    let waiting = join_all((0..10).map(|n| {
        let (store, held) = (store.clone(), held.clone());
        async move { add(&store, &held, &format!("w{n}"), 1).await }
    }));
    let waiting = tokio::spawn(waiting);
    let others: Vec<Cx> = (0..50).map(|_| cx(TenantId::random())).collect();
    let done =
        tokio::time::timeout(Duration::from_secs(8), join_all(others.iter().map(|cx| add(&store, cx, "one", 1))));
    for done in done.await.expect("nobody waits for the tenant that is held") {
        done.expect("acknowledged");
    }
    assert!(!waiting.is_finished(), "it did not wait");

    holder.commit().await.expect("let go");
    for done in waiting.await.expect("ended") {
        done.expect("acknowledged");
    }
    let report = store.verify_chain(held.tenant).await.expect("verified");
    assert_eq!((report.events, report.fault), (11, None));
}

#[tokio::test]
async fn what_a_decision_read_and_somebody_changed_since_has_it_decided_anew() {
    let database = database().await;
    let one = database.store(Arc::new(Never)).await.expect("a store");
    let other = database.store(Arc::new(Never)).await.expect("a store");
    let cx = cx(TenantId::random());

    // "copy" is to have what "source" has.
    let mut times = 0;
    let done = one.perform(&cx, "copy", |work| {
        times += 1;
        let (first, other, cx) = (times == 1, other.clone(), cx.clone());
        Box::pin(async move {
            let total = work.load::<Tally>("source").await?.0.total;
            if first {
                add(&other, &cx, "source", 5).await.expect("changed meanwhile");
            }
            work.execute::<Tally>("copy", None, Add(total + 1)).await.map_err(|refused| match refused {
                eventstore::Refused::Store(error) => error,
                rule @ (eventstore::Refused::Rule(_) | eventstore::Refused::Stale { .. }) => {
                    StoreError::Contract(rule.to_string())
                }
            })?;
            Ok::<_, StoreError>(total)
        })
    });

    assert_eq!(done.await.expect("recorded").answer, 5);
    assert_eq!(times, 2);
}

#[tokio::test]
async fn a_command_with_thousands_of_events_is_one_append() {
    let (_database, store) = store().await;
    let cx = cx(TenantId::random());
    let done = store.perform(&cx, "many", |work| {
        Box::pin(async move {
            for n in 0..5000 {
                work.execute::<Tally>(&format!("t{}", n % 1000), None, Add(1)).await.expect("decided");
            }
            Ok::<_, StoreError>(())
        })
    });

    assert_eq!(done.await.expect("recorded").position, 5000);
    let mut session = store.session(cx.tenant).await.expect("a session");
    let last = session.stream(&Stream::new("tally", "t7"), i64::MAX).await.expect("read").pop().expect("an event");
    assert_eq!((last.version, last.position), (5, 4008));
    assert_eq!(session.position_at(last.recorded_at).await.expect("read"), 5000, "they share their instant");
    assert_eq!(store.verify_chain(cx.tenant).await.expect("verified").fault, None);
}

#[tokio::test]
async fn what_waits_when_the_store_is_closed_is_recorded_or_refused() {
    let (database, store) = store().await;
    let cx = cx(TenantId::random());
    let (store, cx) = (&store, &cx);
    let adding = join_all((0..50).map(|n| async move { add(store, cx, &format!("t{n}"), 1).await.is_ok() }));
    let (acknowledged, ()) = tokio::join!(adding, store.close());
    let acknowledged = i64::try_from(acknowledged.into_iter().filter(|done| *done).count()).expect("few");
    let later = database.store(Arc::new(Never)).await.expect("a store");
    let report = later.verify_chain(cx.tenant).await.expect("verified");
    assert_eq!((report.events, report.fault), (acknowledged, None));
}

/// A view by which the commit itself fails, as long as it is asked to.
struct Failing(AtomicBool);

impl Project for Failing {
    fn is_idle(&self) -> bool {
        false
    }

    fn project<'a>(&'a self, connection: &'a mut sqlx::PgConnection, runs: &'a [Run]) -> Projecting<'a> {
        Box::pin(async move {
            if self.0.load(Ordering::SeqCst) && !runs.is_empty() {
                let twice = "insert into checked_at_the_end values (1), (1)";
                sqlx::query(twice).execute(connection).await?;
            }
            Ok(vec![])
        })
    }
}

#[tokio::test]
async fn what_could_not_be_committed_is_never_acknowledged() {
    let database = database().await;
    database
        .as_superuser(
            "create table checked_at_the_end (n int unique deferrable initially deferred);
             grant insert on checked_at_the_end to stele_writer",
        )
        .await
        .expect("made");
    let failing = Arc::new(Failing(AtomicBool::new(true)));
    let store = database.store(failing.clone()).await.expect("a store");
    let cx = cx(TenantId::random());
    let names: Vec<String> = (0..20).map(|n| format!("t{n}")).collect();

    let refused = join_all(names.iter().map(|name| add(&store, &cx, name, 1))).await;
    assert!(refused.iter().all(Result::is_err), "{refused:?}");
    assert_eq!(store.verify_chain(cx.tenant).await.expect("verified").events, 0);

    failing.0.store(false, Ordering::SeqCst);
    for done in join_all(names.iter().map(|name| add(&store, &cx, name, 1))).await {
        done.expect("acknowledged");
    }
    assert_eq!(store.verify_chain(cx.tenant).await.expect("verified").events, 20);
}

/// Nobody who logs in can write an event otherwise than through the function.
#[tokio::test]
async fn the_writer_sees_all_tenants_and_changes_nothing_but_views() {
    let (database, store) = store().await;
    add(&store, &cx(TenantId::random()), "one", 1).await.expect("recorded");
    let mut writer = database.writer().await.expect("a connection");
    let seen: i64 = sqlx::query_scalar("select count(*) from events").fetch_one(&mut writer).await.expect("read");
    assert_eq!(seen, 1);
    for statement in [
        "insert into events select * from events",
        "update events set body = ''",
        "delete from events",
        "truncate events",
        "update heads set position = 9",
        "insert into commands values (gen_random_uuid(), 'k', '', '', 1, now())",
        "alter table events disable trigger all",
        "set role stele_appender",
        "set role stele_owner",
    ] {
        let error = sqlx::query(statement).execute(&mut writer).await.expect_err(statement).to_string();
        assert!(error.contains("permission denied") || error.contains("must be owner"), "{statement}: {error}");
    }
}

#[tokio::test]
async fn request_code_cannot_append_across_tenants() {
    let (_database, store) = store().await;
    let mut session = store.session(TenantId::random()).await.expect("a session");
    let many =
        "select * from append_many(true, true, array[gen_random_uuid()], array[null], array[null::bytea], array[''],
        '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}')";
    let error = sqlx::query(many).execute(session.connection()).await.expect_err("refused").to_string();
    assert!(error.contains("permission denied"), "{error}");
}

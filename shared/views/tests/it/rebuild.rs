//! Views folded anew beside the live ones.

use crate::tally::{Debt, Sum, add, database, record};
use crate::views;
use eventstore::{EventStore, NOW, Recorded, TenantId, Unfinished};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, mpsc};
use testkit::Database;
use tokio::task::JoinHandle;
use views::{Folded, RebuildError, Rebuilt, Told, View, ViewSet, get, shown, versions};

const PROGRAM: &str = "the tests";

fn both() -> Arc<ViewSet> {
    Arc::new(ViewSet::new().with::<Sum>().with::<Debt>())
}

/// A tenant with many events on a few tallies, and its views as the log makes them.
async fn many(database: &Database, store: &EventStore, set: &ViewSet) -> TenantId {
    let tenant = TenantId::random();
    let added: Vec<(String, i64)> = (0..5000).map(|n| (format!("k{}", n % 40), n % 7 - 3)).collect();
    record(database, tenant, &added).await;
    assert!(set.catch_up(store, tenant).await.expect("caught up"));
    tenant
}

async fn rebuild(
    set: &ViewSet,
    store: &EventStore,
    tenant: TenantId,
    names: &[&str],
    program: &str,
) -> (Vec<Told>, Result<Vec<Rebuilt>, RebuildError>) {
    let mut told = Vec::new();
    let rebuilt = set.rebuild(store, tenant, names, program, &mut |one| told.push(one)).await;
    (told, rebuilt)
}

/// A rebuild that waits, once its first events are kept, until it is let go.
async fn held(
    set: &Arc<ViewSet>,
    store: &EventStore,
    tenant: TenantId,
    names: &'static [&'static str],
) -> (JoinHandle<Result<Vec<Rebuilt>, RebuildError>>, mpsc::Sender<()>) {
    let (go, gate) = mpsc::channel();
    let (reached, begun) = tokio::sync::oneshot::channel();
    let (set, store) = (set.clone(), store.clone());
    let running = tokio::spawn(async move {
        let mut reached = Some(reached);
        let mut wait = move |told| {
            if matches!(told, Told::Folded { .. })
                && let Some(reached) = reached.take()
            {
                reached.send(()).expect("awaited");
                let _ = tokio::task::block_in_place(|| gate.recv());
            }
        };
        set.rebuild(&store, tenant, names, PROGRAM, &mut wait).await
    });
    begun.await.expect("it began");
    (running, go)
}

async fn unfinished(store: &EventStore) -> Vec<(String, i64, bool)> {
    let left = store.rebuilds().await.expect("read").into_iter();
    left.map(|Unfinished { view, position, running, .. }| (view, position, running)).collect()
}

async fn agree(set: &ViewSet, store: &EventStore, tenant: TenantId) {
    for name in set.names() {
        assert_eq!(set.compare(store, tenant, name).await.expect("compared"), None, "{name}");
    }
}

#[tokio::test]
async fn a_rebuild_mends_what_was_altered_beside_running_writers() {
    let database = database().await;
    let set = both();
    let store = database.store(set.clone()).await.expect("a store");
    let (tenant, other) = (TenantId::random(), TenantId::random());
    for n in 0..30 {
        add(&store, tenant, ["a", "b", "c"][n % 3], if n % 2 == 0 { 1 } else { -2 }).await;
    }
    add(&store, other, "a", 5).await;
    database
        .as_superuser(
            "update view_sum set data = '{\"total\": 999}' where key = 'b' and valid_from = 5;
             delete from view_sum where key = 'c' and valid_from = 6;
             insert into view_sum (tenant_id, key, valid_from, version, at, data)
             select tenant_id, 'made up', 7, 1, at, data from view_sum where valid_from = 7;
             delete from view_debt;",
        )
        .await
        .expect("altered");
    let writer = async {
        for _ in 0..20 {
            add(&store, tenant, "a", 1).await;
        }
    };

    let ((told, rebuilt), ()) = tokio::join!(rebuild(&set, &store, tenant, &["sum", "debt"], PROGRAM), writer);

    let rebuilt = rebuilt.expect("rebuilt");
    assert_eq!(rebuilt.iter().map(|one| one.view).collect::<Vec<_>>(), ["sum", "debt"]);
    assert!(rebuilt.iter().all(|one| one.events >= 30), "{rebuilt:?}");
    assert_eq!(told[..2], [Told::Begun { view: "sum" }, Told::Begun { view: "debt" }]);
    assert_eq!(told[told.len() - 2..], [Told::Swapped(rebuilt[0]), Told::Swapped(rebuilt[1])]);
    assert!(set.catch_up(&store, tenant).await.expect("caught up"));
    agree(&set, &store, tenant).await;
    assert!(set.compare(&store, other, "debt").await.expect("compared").is_none());
    let mut session = store.session(tenant).await.expect("a session");
    assert_eq!(get::<Sum>(&mut session, "a", 50).await.expect("read").expect("there").data.total, 15);
    assert!(get::<Sum>(&mut session, "made up", 50).await.expect("read").is_none());
    assert!(!versions::<Debt>(&mut session, "b", 0, NOW, 100).await.expect("read").is_empty());
    assert_eq!(unfinished(&store).await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_interrupted_rebuild_goes_on_where_it_was_while_writers_go_on() {
    let database = database().await;
    let set = both();
    let store = database.store(set.clone()).await.expect("a store");
    let tenant = many(&database, &store, &set).await;
    database.as_superuser("update view_sum set data = '{\"total\": 999}' where key = 'k7'").await.expect("altered");

    let (running, go) = held(&set, &store, tenant, &["sum"]).await;
    assert_eq!(unfinished(&store).await, [("sum".to_owned(), 2000, true)]);
    running.abort();
    drop(go);
    assert!(running.await.expect_err("it was dropped").is_cancelled());

    // What is shown is what was shown, and writers are followed.
    add(&store, tenant, "k7", 1).await;
    add(&store, tenant, "new", -4).await;
    let mut session = store.session(tenant).await.expect("a session");
    assert_eq!(shown::<Sum>(&mut session).await.expect("read"), 5002);
    assert_eq!(get::<Sum>(&mut session, "k7", 5002).await.expect("read").expect("there").data.total, 1000);
    drop(session);
    let left = unfinished(&store).await;
    assert!(left == [("sum".to_owned(), 2000, false)], "{left:?}");

    // The other view has nothing to go on with: both are folded from one reading of the log.
    let (told, rebuilt) = rebuild(&set, &store, tenant, &["sum", "debt"], PROGRAM).await;
    assert_eq!(rebuilt.expect("rebuilt").iter().map(|one| one.events).collect::<Vec<_>>(), [5002, 5002]);
    assert_eq!(told[..2], [Told::Continued { view: "sum", position: 2000 }, Told::Begun { view: "debt" }]);
    let folded: Vec<_> = told
        .iter()
        .filter_map(|one| match one {
            Told::Folded { view, position, of, .. } => Some((*view, *position, *of)),
            Told::Begun { .. } | Told::Continued { .. } | Told::BegunAnew { .. } | Told::Swapped(_) => None,
        })
        .collect();
    assert_eq!(
        folded,
        [2000, 4000, 5002]
            .into_iter()
            .flat_map(|position| [("sum", position, 5002), ("debt", position, 5002)])
            .collect::<Vec<_>>()
    );
    agree(&set, &store, tenant).await;
    assert_eq!(unfinished(&store).await, []);
    let mut session = store.session(tenant).await.expect("a session");
    for table in ["select count(*) from rebuild_sum", "select count(*) from rebuild_debt"] {
        let left: i64 = sqlx::query_scalar(table).fetch_one(session.connection()).await.expect("read");
        assert_eq!(left, 0, "{table}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_rebuilds_of_one_view_at_once_the_second_says_so() {
    let database = database().await;
    let set = both();
    let store = database.store(set.clone()).await.expect("a store");
    let tenant = many(&database, &store, &set).await;
    let (running, go) = held(&set, &store, tenant, &["sum"]).await;

    let second = database.store(set.clone()).await.expect("a store");
    let (_, refused) = rebuild(&set, &second, tenant, &["debt", "sum"], PROGRAM).await;
    let refused = refused.expect_err("refused").to_string();
    assert!(refused.contains("view sum") && refused.contains("is being rebuilt by another process"), "{refused}");
    let (_, other) = rebuild(&set, &second, tenant, &["debt"], PROGRAM).await;
    assert_eq!(other.expect("rebuilt").len(), 1);

    go.send(()).expect("it waits");
    assert_eq!(running.await.expect("it ended").expect("rebuilt").len(), 1);
    agree(&set, &store, tenant).await;
}

/// A connection that holds the lock can die while the one that writes lives on.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_rebuild_that_was_taken_over_stops_and_mixes_nothing_in() {
    let database = database().await;
    let set = both();
    let store = database.store(set.clone()).await.expect("a store");
    let tenant = many(&database, &store, &set).await;
    let (running, go) = held(&set, &store, tenant, &["sum"]).await;
    database
        .as_superuser(
            "select pg_terminate_backend(pid) from pg_locks
             where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database());",
        )
        .await
        .expect("ended");
    let second = database.store(set.clone()).await.expect("a store");
    let (told, rebuilt) = rebuild(&set, &second, tenant, &["sum"], "another program").await;
    assert_eq!(told[0], Told::BegunAnew { view: "sum", position: 2000, program: PROGRAM.to_owned() });
    assert_eq!(rebuilt.expect("rebuilt")[0].events, 5000);

    go.send(()).expect("it waits");
    let stopped = running.await.expect("it ended").expect_err("stopped").to_string();
    assert!(stopped.contains("another process took over"), "{stopped}");
    agree(&set, &store, tenant).await;
}

#[tokio::test]
async fn an_event_that_cannot_be_folded_stops_the_rebuild_of_its_view_and_what_is_shown_stays() {
    let database = database().await;
    let set = both();
    let store = database.store(set.clone()).await.expect("a store");
    // 13 is what the sum cannot fold, 17 what it panics on.
    for (poison, what) in [(13, "13 brings bad luck"), (17, "the fold panicked")] {
        let tenant = TenantId::random();
        let added: Vec<(String, i64)> =
            (0..3000).map(|n| (format!("k{}", n % 40), if n == 2499 { poison } else { n % 7 - 3 })).collect();
        record(&database, tenant, &added).await;
        set.catch_up(&store, tenant).await.expect("as far as it goes");
        let mut session = store.session(tenant).await.expect("a session");
        let before = versions::<Sum>(&mut session, "k1", 0, NOW, 1000).await.expect("read");
        assert!(before.len() >= 50);
        drop(session);

        let (told, stopped) = rebuild(&set, &store, tenant, &["sum", "debt"], PROGRAM).await;
        let stopped = stopped.expect_err("stopped").to_string();
        assert!(
            stopped.contains("view sum") && stopped.contains("position 2500") && stopped.contains(what),
            "{stopped}"
        );
        // The other view is none the worse.
        assert!(
            told.iter().any(|one| matches!(one, Told::Swapped(debt) if debt.view == "debt" && debt.events == 3000))
        );
        let left: Vec<_> = unfinished(&store).await;
        assert!(left.contains(&("sum".to_owned(), 2499, false)), "{left:?}");
        let mut session = store.session(tenant).await.expect("a session");
        assert_eq!(versions::<Sum>(&mut session, "k1", 0, NOW, 1000).await.expect("read"), before);
        assert_eq!(set.compare(&store, tenant, "debt").await.expect("compared"), None);
        drop(session);

        // The same program meets the same event again; mended code begins anew and ends.
        let (told, stopped) = rebuild(&set, &store, tenant, &["sum"], PROGRAM).await;
        assert_eq!(told[0], Told::Continued { view: "sum", position: 2499 });
        assert!(stopped.expect_err("stopped").to_string().contains("position 2500"));
        let mended = ViewSet::new().with::<Counted>();
        let (told, rebuilt) = rebuild(&mended, &store, tenant, &["sum"], "mended").await;
        assert_eq!(told[0], Told::BegunAnew { view: "sum", position: 2499, program: PROGRAM.to_owned() });
        assert_eq!(rebuilt.expect("rebuilt")[0].rows, 3000);
        assert_eq!(mended.compare(&store, tenant, "sum").await.expect("compared"), None);
    }
}

/// The sum of a tally as a later program shows it: with how often something was added. It can fold every number.
#[derive(Serialize, Deserialize)]
struct Counted {
    total: i64,
    times: i64,
}

impl View for Counted {
    const NAME: &'static str = Sum::NAME;

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        Sum::keys(event)
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        let Some(crate::tally::Event::Added { amount }) = event.decode()? else { return Ok(current) };
        let Self { total, times } = current.unwrap_or(Self { total: 0, times: 0 });
        Ok(Some(Self { total: total + amount, times: times + 1 }))
    }
}

#[tokio::test]
async fn a_new_field_for_past_events_takes_a_rebuild_and_nothing_else() {
    let database = database().await;
    let old = database.store(views()).await.expect("a store");
    let tenant = TenantId::random();
    for amount in [1, 10, 100] {
        add(&old, tenant, "one", amount).await;
    }
    let later = Arc::new(ViewSet::new().with::<Counted>());
    let store = database.store(later.clone()).await.expect("a store");
    let found = later.compare(&store, tenant, "sum").await.expect("compared").expect("a difference");
    assert_eq!((found.key.as_str(), found.position), ("one", 1));

    let (_, rebuilt) = rebuild(&later, &store, tenant, &["sum"], PROGRAM).await;
    assert_eq!(rebuilt.expect("rebuilt"), [Rebuilt { view: "sum", events: 3, rows: 3 }]);
    assert_eq!(add(&store, tenant, "one", 1000).await, 4);

    let mut session = store.session(tenant).await.expect("a session");
    let mut read = Vec::new();
    for position in 1..=4 {
        let row = get::<Counted>(&mut session, "one", position).await.expect("read").expect("there");
        read.push((row.data.total, row.data.times));
    }
    assert_eq!(read, [(1, 1), (11, 2), (111, 3), (1111, 4)]);
    assert_eq!(later.compare(&store, tenant, "sum").await.expect("compared"), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn another_tenants_rebuild_cannot_be_seen_or_touched() {
    let database = database().await;
    let set = both();
    let store = database.store(set.clone()).await.expect("a store");
    let theirs = many(&database, &store, &set).await;
    let (running, go) = held(&set, &store, theirs, &["sum"]).await;
    let ours = TenantId::random();
    let mut session = store.session(ours).await.expect("a session");
    for table in ["rebuilds", "rebuild_sum"] {
        let count = sqlx::AssertSqlSafe(format!("select count(*) from {table}"));
        let seen: i64 = sqlx::query_scalar(count).fetch_one(session.connection()).await.expect("read");
        assert_eq!(seen, 0, "{table}");
        let delete = sqlx::AssertSqlSafe(format!("delete from {table}"));
        let deleted = sqlx::query(delete).execute(session.connection()).await.expect("ran").rows_affected();
        assert_eq!(deleted, 0, "{table}");
    }
    for insert in [
        "insert into rebuilds values ($1, 'debt', gen_random_uuid(), 'a program', 0, 0)",
        "insert into rebuild_sum values ($1, gen_random_uuid(), 'a key', 1, 1, now(), '{}')",
    ] {
        let mut session = store.session(ours).await.expect("a session");
        let refused = sqlx::query(insert).bind(theirs).execute(session.connection()).await.expect_err("refused");
        assert!(refused.to_string().contains("row-level security"), "{refused}");
    }
    drop(session);
    go.send(()).expect("it waits");
    assert!(running.await.expect("it ended").is_ok());
    agree(&set, &store, theirs).await;
}

#[tokio::test]
async fn a_rebuild_touches_no_row_that_is_right_already() {
    let database = database().await;
    let set = both();
    let store = database.store(set.clone()).await.expect("a store");
    let tenant = many(&database, &store, &set).await;
    database
        .as_superuser("update view_sum set data = '{\"total\": 999}' where key = 'k7' and valid_from = 8")
        .await
        .expect("altered");
    let mut superuser = database.superuser().await.expect("a connection");
    let mut places = async || -> Vec<(String, i64, String)> {
        let rows = sqlx::query_as("select key, valid_from, ctid::text || xmin::text from view_sum order by 1, 2");
        rows.fetch_all(&mut superuser).await.expect("read")
    };
    let before = places().await;
    let (_, rebuilt) = rebuild(&set, &store, tenant, &["sum"], PROGRAM).await;
    assert_eq!(rebuilt.expect("rebuilt")[0].rows, 5000);
    let moved: Vec<_> = before.into_iter().zip(places().await).filter(|(before, after)| before != after).collect();
    assert_eq!(moved.iter().map(|(before, _)| (before.0.as_str(), before.1)).collect::<Vec<_>>(), [("k7", 8)]);
    agree(&set, &store, tenant).await;
}

//! Events that older programs recorded, read by newer ones, and the other way round.

use crate::programs::{first, misdeclared, second, third};
use crate::tally::{cx, database};
use eventstore::{Aggregate, Cx, EventOf, EventStore, Never, Recorded, Refused, Schemas, StoreError, Stream, TenantId};
use serde_json::{Value, json};
use std::fmt::Display;
use std::sync::Arc;
use testkit::Database;

/// A program that knows the events `E`.
async fn program<E: EventOf>(database: &Database) -> EventStore {
    database.store(Arc::new(Never)).await.expect("a store").knowing(Schemas::new().with::<E>())
}

async fn record<A>(store: &EventStore, tenant: TenantId, command: A::Command)
where
    A: Aggregate<Services = Cx> + 'static,
    A::Event: EventOf,
    A::Error: Display,
{
    let mut work = store.work(cx(tenant));
    work.execute::<A>("one", None, command).await.unwrap_or_else(|refused| panic!("{refused}"));
    work.finish().await.expect("recorded");
}

/// A tenant for which the first program recorded two events, and the second program one.
async fn with_history(database: &Database) -> TenantId {
    let tenant = TenantId::random();
    let old = program::<first::Event>(database).await;
    record::<first::Stock>(&old, tenant, first::Event::Delivered { amount: "7".to_owned() }).await;
    record::<first::Stock>(&old, tenant, first::Event::Counted {}).await;
    record::<second::Stock>(&program::<second::Event>(database).await, tenant, 5).await;
    tenant
}

async fn events(store: &EventStore, tenant: TenantId) -> Vec<Recorded> {
    store.session(tenant).await.expect("a session").events_after(0, 100).await.expect("read")
}

fn data(events: &[Recorded]) -> Vec<(u32, Value)> {
    events.iter().map(|event| (event.schema, event.data.clone())).collect()
}

async fn bodies(store: &EventStore, tenant: TenantId) -> Vec<(String, Vec<u8>, Vec<u8>)> {
    let mut session = store.session(tenant).await.expect("a session");
    let stored = sqlx::query_as("select body, digest, hash from events where tenant_id = $1 order by position");
    stored.bind(tenant).fetch_all(session.connection()).await.expect("read")
}

#[tokio::test]
async fn a_newer_program_reads_what_older_ones_recorded_as_its_own() {
    let database = database().await;
    let tenant = with_history(&database).await;
    let new = program::<third::Event>(&database).await;
    let current =
        [(3, json!({"amount": 7, "unit": "piece"})), (1, json!({})), (3, json!({"amount": 5, "unit": "piece"}))];

    assert_eq!(data(&events(&new, tenant).await), current);
    let mut session = new.session(tenant).await.expect("a session");
    assert_eq!(data(&session.stream(&Stream::new("stock", "one"), i64::MAX).await.expect("read")), current);
    assert_eq!(data(&session.streams(&[Stream::new("stock", "one")]).await.expect("read")), current);
    assert_eq!(data(&session.events_at(&[1, 3]).await.expect("read")), [current[0].clone(), current[2].clone()]);
}

#[tokio::test]
async fn a_newer_program_decides_on_the_whole_history_and_what_is_stored_stays() {
    let database = database().await;
    let tenant = with_history(&database).await;
    let new = program::<third::Event>(&database).await;
    let before = bodies(&new, tenant).await;

    record::<third::Stock>(&new, tenant, third::TakeAll).await;

    let after = bodies(&new, tenant).await;
    assert_eq!(after[..3], before);
    assert!(before[0].0.contains(r#""amount":"7""#) && before[0].0.contains(r#""schema":1"#), "{}", before[0].0);
    assert!(before[2].0.contains(r#""amount":5"#) && before[2].0.contains(r#""schema":2"#), "{}", before[2].0);
    assert!(after[3].0.contains(r#"{"pieces":12}"#) && after[3].0.contains(r#""schema":1"#), "{}", after[3].0);
    let report = new.verify_chain(tenant).await.expect("verified");
    assert_eq!((report.events, report.fault), (4, None));
    let refused = new.work(cx(tenant)).execute::<third::Stock>("one", None, third::TakeAll).await;
    assert!(matches!(refused, Err(Refused::Rule(third::Empty))), "{refused:?}");
}

#[tokio::test]
async fn a_store_that_knows_no_events_gives_what_is_stored_and_decisions_are_the_same() {
    let database = database().await;
    let tenant = with_history(&database).await;
    let blind = database.store(Arc::new(Never)).await.expect("a store");

    let stored = [(1, json!({"amount": "7"})), (1, json!({})), (2, json!({"amount": 5}))];
    assert_eq!(data(&events(&blind, tenant).await), stored);
    let mut work = blind.work(cx(tenant));
    let (stock, version) = work.load::<third::Stock>("one").await.expect("loaded");
    assert_eq!((stock, version), (&third::Stock { pieces: 12 }, 3));
}

#[tokio::test]
async fn each_schema_that_an_event_has_had_can_be_told() {
    let database = database().await;
    let tenant = with_history(&database).await;
    let new = program::<third::Event>(&database).await;

    let mut session = new.session(tenant).await.expect("a session");
    let shapes = session.shapes_after(0, 100).await.expect("read");

    let told: Vec<_> = shapes.iter().map(|shapes| data(shapes)).collect();
    let expected = [
        vec![(1, json!({"amount": "7"})), (2, json!({"amount": 7})), (3, json!({"amount": 7, "unit": "piece"}))],
        vec![(1, json!({}))],
        vec![(2, json!({"amount": 5})), (3, json!({"amount": 5, "unit": "piece"}))],
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn an_older_program_refuses_what_a_newer_one_recorded_and_says_what_to_do() {
    let database = database().await;
    let tenant = with_history(&database).await;
    let old = program::<first::Event>(&database).await;
    let sentence = "position 3: stock.delivered is in schema 2, and this program knows none after 1: a newer program \
                    recorded it, run that one";

    let mut session = old.session(tenant).await.expect("a session");
    let refused = session.events_after(0, 100).await.expect_err("refused");
    assert_eq!(refused.to_string(), sentence);
    assert_eq!(session.shapes_after(0, 100).await.expect_err("refused").to_string(), sentence);
    assert_eq!(session.events_after(0, 2).await.expect("its own").len(), 2);
    let mut work = old.work(cx(tenant));
    let refused = work.execute::<first::Stock>("one", None, first::Event::Counted {}).await;
    assert!(matches!(refused, Err(Refused::Store(StoreError::Unreadable { position: 3, .. }))), "{refused:?}");
    drop(work);
    // Neither does one that was told of no events, and has only the aggregate.
    let blind = database.store(Arc::new(Never)).await.expect("a store");
    let mut work = blind.work(cx(tenant));
    let loaded = work.load::<first::Stock>("one").await;
    assert!(loaded.err().is_some_and(|error| error.to_string().contains("run that one")));

    record::<third::Stock>(&program::<third::Event>(&database).await, tenant, third::TakeAll).await;
    let refused = session.events_after(3, 100).await.expect_err("refused").to_string();
    assert_eq!(
        refused,
        "position 4: this program knows no event stock.emptied: a newer program recorded it, run that one"
    );
    assert_eq!(old.session(tenant).await.expect("a session").head().await.expect("read"), 4);
}

#[tokio::test]
async fn data_that_no_upcast_makes_an_event_is_not_passed_off_as_one() {
    let database = database().await;
    let tenant = TenantId::random();
    let old = program::<first::Event>(&database).await;
    record::<first::Stock>(&old, tenant, first::Event::Delivered { amount: "seven".to_owned() }).await;
    let new = program::<third::Event>(&database).await;

    let mut session = new.session(tenant).await.expect("a session");
    let told = session.shapes_after(0, 100).await.expect_err("refused").to_string();
    assert!(told.starts_with("position 1: stock.delivered does not say what this program expects of it"), "{told}");
}

#[test]
fn what_is_declared_fits_the_events_or_is_told() {
    let known = |schemas: &Schemas| -> Vec<_> {
        schemas.current().map(|(event_type, schema)| (event_type.to_owned(), schema)).collect()
    };
    let third = Schemas::new().with::<third::Event>();
    let expected = [("stock.counted", 1), ("stock.delivered", 3), ("stock.emptied", 1)];
    assert_eq!(known(&third), expected.map(|(event_type, schema)| (event_type.to_owned(), schema)));
    assert_eq!(third.check(), Ok(()));

    let twice = Schemas::new().with::<first::Event>().with::<third::Event>().check().expect_err("told");
    assert!(twice.contains("stock.counted is recorded by two aggregates"), "{twice}");
    let misnamed = Schemas::new().with::<misdeclared::Event>().check().expect_err("told");
    assert_eq!(misnamed, "stock.delivred has upcasts and is no event");
    let untagged = Schemas::new().with::<misdeclared::Untagged>().check().expect_err("told");
    assert_eq!(untagged, "the events of bare are no enum tagged with `type` and `data`");
}

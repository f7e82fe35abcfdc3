//! A newer program goes on where an older one ended: its views, messages and replays are of today's events.

use crate::programs::{Balance, Heard, cx, listener, migrations, misdeclared, newer, older};
use access::Issuer;
use eventstore::{EventStore, NOW, Server, TenantId, migrate};
use serde_json::{Value, json};
use service::{Rates, Running, Service, Settings};
use sqlx::migrate::Migrator;
use std::sync::Arc;
use std::time::Duration;
use testkit::servers;
use tokio::net::TcpListener;
use views::{View, ViewSet};

const PASSWORD: &str = "throwaway";

async fn settings() -> Settings {
    let prefix = format!("t{}", uuid::Uuid::new_v4().simple());
    let postgres = Server::new(&servers::postgres_admin_url(), &prefix).expect("an address");
    migrate(&postgres, "ledger", PASSWORD, &migrations()).await.expect("migrated");
    migrate(&postgres, "listener", PASSWORD, &Migrator::with_migrations(Vec::new())).await.expect("migrated");
    let (_, verifier) = Issuer::from_seed(&"a".repeat(64)).expect("a key");
    let (password, nats) = (Some(PASSWORD.to_owned()), servers::nats_url());
    Settings { postgres, password, connections: 4, nats, prefix, verifier, rates: Rates::default(), proxies: 0 }
}

async fn start(services: Vec<Service>, settings: &Settings) -> anyhow::Result<Running> {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    Running::start(services, settings.clone(), listener)
}

async fn until(what: &str, there: impl AsyncFn() -> bool) {
    for _ in 0..600 {
        if there().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("waited in vain for {what}");
}

async fn post_as_older(store: &EventStore, tenant: TenantId, units: i64) {
    let mut work = store.work(cx(tenant));
    work.execute::<older::Account>("one", None, older::Event::Posted { units }).await.expect("decided");
    work.finish().await.expect("recorded");
}

async fn balances<V: View>(store: &EventStore, tenant: TenantId) -> Vec<Value> {
    let mut session = store.session(tenant).await.expect("a session");
    let rows = views::versions::<V>(&mut session, "one", 0, NOW - 1, 100).await.expect("read");
    rows.into_iter().map(|row| serde_json::to_value(row.data).expect("json")).collect()
}

fn cents(cents: i64) -> Value {
    serde_json::to_value(Balance { cents }).expect("json")
}

/// The source's answer to whoever asks for its events again.
async fn replayed(settings: &Settings, tenant: TenantId) -> Vec<(u32, Value)> {
    let address: async_nats::ServerAddr = settings.nats.parse().expect("an address");
    let (user, password) = (address.username().expect("a user"), address.password().expect("a password"));
    let options = async_nats::ConnectOptions::with_user_and_password(user.to_owned(), password.to_owned());
    let client = options.connect(address).await.expect("connected");
    let question = json!({"tenant": tenant, "after": 0}).to_string();
    let answer =
        client.request(format!("{}._replay.ledger", settings.prefix), question.into()).await.expect("answered");
    let events: Vec<Value> = serde_json::from_slice(&answer.payload).expect("events");
    let schema = |event: &Value| u32::try_from(event["schema"].as_u64().expect("a schema")).expect("a small one");
    events.iter().map(|event| (schema(event), event["data"].clone())).collect()
}

#[tokio::test]
async fn views_messages_and_replays_of_a_newer_program_are_of_its_own_events() {
    let (settings, tenant, heard) = (settings().await, TenantId::random(), Heard::default());
    let running = start(vec![older::service(), listener(&heard)], &settings).await.expect("started");
    let store = running.ready().await[0].clone();
    post_as_older(&store, tenant, 7).await;
    until("the older program to publish", async || !heard.lock().expect("heard").is_empty()).await;
    running.stop().await;
    // One more that the older program recorded and did not come to publish, nor to fold.
    let login = settings.postgres.login("ledger", settings.password.as_deref());
    let old = EventStore::connect("ledger", &login, 2, Arc::new(ViewSet::new())).await.expect("a store");
    post_as_older(&old, tenant, 5).await;
    old.close().await;

    let running = start(vec![newer::service(), listener(&heard)], &settings).await.expect("started");
    let store = running.ready().await[0].clone();
    let mut work = store.work(cx(tenant));
    work.execute::<newer::Account>("one", None, newer::Event::Posted { cents: 50 }).await.expect("decided");
    work.finish().await.expect("recorded");
    until("all of it to be heard", async || heard.lock().expect("heard").len() == 3).await;
    until("all of it to be shown", async || balances::<newer::Folding>(&store, tenant).await.len() == 3).await;

    // What was published before is out; everything from now on is of the newer schema.
    let told = heard.lock().expect("heard").clone();
    let expected = [(1, 1, json!({"units": 7})), (2, 2, json!({"cents": 500})), (3, 2, json!({"cents": 50}))];
    assert_eq!(told, expected);
    let current = [700, 500, 50].map(|cents| (2, json!({ "cents": cents })));
    assert_eq!(replayed(&settings, tenant).await, current);
    assert_eq!(balances::<newer::Folding>(&store, tenant).await, [700, 1200, 1250].map(cents));
    let rebuilt = newer::service()
        .views
        .rebuild(&store, tenant, &["balance"], "newer", &mut |_| ())
        .await
        .expect("rebuilt")
        .remove(0);
    assert_eq!(rebuilt.events, 3);
    assert_eq!(balances::<newer::Folding>(&store, tenant).await, [700, 1200, 1250].map(cents));

    // Who compares finds in one of an event's schemas what was heard of it, whenever that was.
    let shapes = store.session(tenant).await.expect("a session").shapes_after(0, 100).await.expect("read");
    for ((_, schema, data), shapes) in told.iter().zip(&shapes) {
        assert!(shapes.iter().any(|shape| (shape.schema, &shape.data) == (*schema, data)), "{data} in {shapes:?}");
    }
    running.stop().await;
}

#[tokio::test]
async fn an_older_program_shows_and_publishes_nothing_of_what_it_does_not_know() {
    let (settings, tenant, heard) = (settings().await, TenantId::random(), Heard::default());
    let login = settings.postgres.login("ledger", settings.password.as_deref());
    let new = EventStore::connect("ledger", &login, 2, Arc::new(ViewSet::new())).await.expect("a store");
    let mut work = new.work(cx(tenant));
    work.execute::<newer::Account>("one", None, newer::Event::Posted { cents: 50 }).await.expect("decided");
    work.finish().await.expect("recorded");

    let running = start(vec![older::service(), listener(&heard)], &settings).await.expect("started");
    let store = running.ready().await[0].clone();
    let other = TenantId::random();
    post_as_older(&store, other, 1).await;
    until("another tenant's to be heard", async || !heard.lock().expect("heard").is_empty()).await;
    let error = older::service().views.catch_up(&store, tenant).await.expect_err("refused").to_string();
    let sentence = "position 1: account.posted is in schema 2, and this program knows none after 1: a newer program \
                    recorded it, run that one";
    assert_eq!(error, sentence);
    assert_eq!(*heard.lock().expect("heard"), [(1, 1, json!({"units": 1}))]);
    assert_eq!(balances::<older::Folding>(&store, tenant).await, Vec::<Value>::new());
    running.stop().await;
}

#[tokio::test]
async fn events_that_were_declared_wrongly_keep_a_program_from_starting() {
    let refused = start(vec![misdeclared()], &settings().await).await.err().expect("refused").to_string();
    assert_eq!(refused, "the events of ledger: account.postet has upcasts and is no event");
}

//! Two services: one says, the other hears.

use async_nats::jetstream;
use eventstore::{Actor, Cx, EventStore, Never, Recorded, TenantId, aggregate};
use messaging::{Bus, Consumer, Errand, Reaction, Relay};
use serde::{Deserialize, Serialize};
use sqlx::migrate::Migrator;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testkit::{Database, servers};

/// What is said so that nobody hears it.
pub const MURMUR: &str = "...";

#[derive(Default, Serialize, Deserialize)]
pub struct Saying;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    Said {
        what: String,
    },
    /// Nobody hears that.
    Murmured {},
}

#[derive(Debug, thiserror::Error)]
#[error("never")]
pub struct Broken;

impl Saying {
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "the shape of every decision")]
    fn decide(&self, what: String, _: &Cx) -> Result<Vec<Event>, Broken> {
        Ok(vec![if what == MURMUR { Event::Murmured {} } else { Event::Said { what } }])
    }

    #[expect(clippy::unused_self, reason = "the shape of every fold; this state decides nothing")]
    fn apply(&mut self, _: Event) {}
}

aggregate!(Saying, "saying", String, Event, Broken);

pub fn cx(tenant: TenantId) -> Cx {
    let now = "2026-03-01T09:30:00Z".parse().expect("an instant");
    Cx::new(tenant, Actor::Person("mara".to_owned()), now)
}

pub async fn say(store: &EventStore, tenant: TenantId, what: &str) {
    say_as(store, cx(tenant), what).await;
}

pub async fn say_as(store: &EventStore, cx: Cx, what: &str) {
    let mut work = store.work(cx);
    work.execute::<Saying>("one", None, what.to_owned()).await.expect("decided");
    work.finish().await.expect("recorded");
}

async fn client() -> async_nats::Client {
    let address: async_nats::ServerAddr = servers::nats_url().parse().expect("an address");
    let (user, password) = (address.username().expect("a user"), address.password().expect("a password"));
    let options = async_nats::ConnectOptions::with_user_and_password(user.to_owned(), password.to_owned());
    options.connect(address).await.expect("a client")
}

pub struct Pipe {
    pub source: EventStore,
    pub sink: EventStore,
    pub poisonous: Arc<AtomicBool>,
    bus: Bus,
    client: async_nats::Client,
}

impl Pipe {
    pub async fn new() -> Self {
        let none = Migrator::with_migrations(Vec::new());
        let source = Database::new("risk", &none).await.expect("a database");
        let sink = Database::new("controls", &none).await.expect("a database");
        let prefix = format!("t{}", uuid::Uuid::new_v4().simple());
        Self {
            source: source.store(Arc::new(Never)).await.expect("a store"),
            sink: sink.store(Arc::new(Never)).await.expect("a store"),
            poisonous: Arc::new(AtomicBool::new(false)),
            bus: Bus::connect(&servers::nats_url(), &prefix).await.expect("a bus"),
            client: client().await,
        }
    }

    pub fn relay(&self) -> Relay {
        Relay { store: self.source.clone(), bus: self.bus.clone() }
    }

    pub fn relay_in_background(&self) {
        let relay = self.relay();
        tokio::spawn(async move { relay.run().await });
    }

    /// Hears by an errand alone, which fails at poison; gives what it was done for, as often as it was.
    pub fn run_errands_in_background(&self) -> Arc<Mutex<Vec<String>>> {
        let ran = Arc::new(Mutex::new(Vec::new()));
        let (poisonous, runs) = (self.poisonous.clone(), ran.clone());
        let note = Errand::to(&["saying.said"], move |_, _, event| {
            let (poisonous, runs) = (poisonous.clone(), runs.clone());
            Box::pin(async move {
                let Some(Event::Said { what }) = event.decode()? else { anyhow::bail!("another event") };
                anyhow::ensure!(what != "poison" || !poisonous.load(Ordering::SeqCst), "this is poison");
                runs.lock().expect("the runs").push(what);
                Ok(())
            })
        });
        self.consume(Vec::new(), vec![note]);
        ran
    }

    pub fn consume_in_background(&self) {
        let poisonous = self.poisonous.clone();
        let echo = Reaction::to(&["saying.said"], move |work, event| {
            let poisonous = poisonous.clone();
            Box::pin(async move {
                let Some(Event::Said { what }) = event.decode()? else {
                    anyhow::bail!("it hears what it did not ask for")
                };
                anyhow::ensure!(what != "poison" || !poisonous.load(Ordering::SeqCst), "this is poison");
                work.execute::<Saying>("echo", None, what).await?;
                Ok(())
            })
        });
        self.consume(vec![echo], Vec::new());
    }

    fn consume(&self, reactions: Vec<Reaction>, errands: Vec<Errand>) {
        let (store, bus) = (self.sink.clone(), self.bus.clone());
        let consumer = Consumer { store, bus, source: "risk", errands, reactions, patient: false };
        tokio::spawn(async move { consumer.run().await });
        let (source, bus) = (self.source.clone(), self.bus.clone());
        tokio::spawn(async move { messaging::serve_replay(&source, &bus).await });
    }

    pub async fn events(&self, tenant: TenantId) -> Vec<Recorded> {
        self.source.session(tenant).await.expect("a session").events_after(0, 1000).await.expect("read")
    }

    pub async fn sink_events(&self, tenant: TenantId) -> Vec<Recorded> {
        self.sink.session(tenant).await.expect("a session").events_after(0, 1000).await.expect("read")
    }

    pub async fn heard(&self, tenant: TenantId) -> Vec<String> {
        self.sink_events(tenant)
            .await
            .iter()
            .map(|event| {
                let Some(Event::Said { what }) = event.decode().expect("decoded") else { panic!("another event") };
                what
            })
            .collect()
    }

    /// Waits, a minute at most, until the sink has heard so much.
    pub async fn until_heard(&self, tenant: TenantId, count: usize) {
        for _ in 0..600 {
            if self.heard(tenant).await.len() >= count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("heard only {:?}", self.heard(tenant).await);
    }

    /// Waits, a minute at most, until so much of the tenant is taken, whether it was heard or passed over.
    pub async fn until_taken(&self, tenant: TenantId, position: i64) {
        for _ in 0..600 {
            let taken = self.sink.taken("risk").await.expect("read");
            if taken.iter().any(|head| head.tenant_id == tenant && head.position == position) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{:?} is taken", self.sink.taken("risk").await);
    }

    pub async fn until_parked(&self) {
        for _ in 0..600 {
            if self.sink.parked().await.expect("read") == [("risk".to_owned(), 1)] {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("nobody was parked");
    }

    pub async fn parked_row(&self, tenant: TenantId) -> (i64, String) {
        let mut session = self.sink.session(tenant).await.expect("a session");
        sqlx::query_as("select position, error from parked").fetch_one(session.connection()).await.expect("a row")
    }

    /// Publishes an event as the relay would, under another message id.
    pub async fn publish_as(&self, event: &Recorded, id: &str) {
        // The stream is the relay's to make.
        self.relay().publish(&[TenantId::random()]).await.expect("the stream");
        let mut headers = messaging::headers("risk", event).expect("headers");
        headers.insert("Nats-Msg-Id", id);
        let subject = self.bus.subject("risk", event.tenant, &event.event_type);
        let data = serde_json::to_vec(&event.data).expect("json");
        let jetstream = jetstream::new(self.client.clone());
        let acknowledged = jetstream.publish_with_headers(subject, headers, data.into()).await.expect("sent");
        acknowledged.await.expect("acknowledged");
    }

    pub async fn delete_stream(&self) {
        jetstream::new(self.client.clone()).delete_stream(self.bus.stream_name("risk")).await.expect("deleted");
    }

    pub async fn subscribe(&self) -> async_nats::Subscriber {
        let any = self.bus.subject("risk", TenantId::random(), ">");
        let everything = format!("{}.>", any.split(".risk.").next().expect("the prefix"));
        let subscriber = self.client.subscribe(everything).await.expect("subscribed");
        self.client.flush().await.expect("flushed");
        subscriber
    }
}

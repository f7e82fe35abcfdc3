//! cqrs-es with postgres-es: load, decide, append; and with its view, which is written after the commit.

use crate::Unavailable;
use crate::content::TEXT;
use crate::database::Database;
use crate::drive::{Client, Measured, drive};
use crate::protocol::{Operation, Request};
use crate::walk::Walk;
use anyhow::Context;
use cqrs_es::event_sink::EventSink;
use cqrs_es::persist::{GenericQuery, PersistedEventStore};
use cqrs_es::{Aggregate, AggregateContext, DomainEvent, EventEnvelope, EventStore, Query, View};
use postgres_es::{PostgresCqrs, PostgresEventRepository, PostgresViewRepository, postgres_cqrs};
use serde::{Deserialize, Serialize};
use sqlx::{Pool, Postgres};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use uuid::Uuid;

#[derive(Debug, Default, Serialize, Deserialize)]
struct Tally {
    total: i64,
}

/// Adds one so many times.
struct Add(usize);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Event {
    Added { amount: i64, text: String },
}

#[derive(Debug, thiserror::Error)]
#[error("never")]
struct Never;

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        "added".to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}

impl Aggregate for Tally {
    const TYPE: &'static str = "tally";
    type Command = Add;
    type Event = Event;
    type Error = Never;
    type Services = ();

    async fn handle(&mut self, Add(count): Add, (): &(), sink: &EventSink<Self>) -> Result<(), Never> {
        for _ in 0..count {
            sink.write(Event::Added { amount: 1, text: TEXT.to_owned() }, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, Event::Added { amount, .. }: Event) {
        self.total += amount;
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Shelf {
    total: i64,
    text: String,
}

impl View<Tally> for Shelf {
    fn update(&mut self, event: &EventEnvelope<Tally>) {
        let Event::Added { amount, text } = &event.payload;
        self.total += amount;
        self.text.clone_from(text);
    }
}

type Views = PostgresViewRepository<Shelf, Tally>;

pub async fn measure(database: &mut Database, request: &Request, view: bool) -> anyhow::Result<Measured> {
    let shape = request.shape;
    let pool = database.pool(shape.clients).await?;
    let clients = 0..shape.clients;
    match request.operation {
        Operation::Append | Operation::Command => {
            let failed = Arc::new(AtomicBool::new(false));
            let framework = Arc::new(framework(&pool, view, &failed));
            let walk = || {
                let appends = request.operation == Operation::Append;
                if appends { Walk::of_appends(shape.tenants) } else { Walk::of_commands(shape.tenants) }
            };
            let clients =
                clients.map(|_| Commanding { framework: framework.clone(), walk: walk(), events: shape.events });
            let measured = drive(request.span, clients.collect()).await?;
            anyhow::ensure!(!failed.load(Ordering::Relaxed), "its view could not be written");
            Ok(measured)
        }
        Operation::Load => {
            let id = format!("load-{}", shape.events);
            database.fill(&format!("postgres-es {id}"), &stream(&id, shape.events)?).await?;
            let load = || Loading {
                store: PersistedEventStore::new_event_store(PostgresEventRepository::new(pool.clone())),
                id: id.clone(),
                total: i64::try_from(shape.events).unwrap_or_default(),
            };
            drive(request.span, clients.map(|_| load()).collect()).await
        }
        Operation::Feed => Err(Unavailable("it has no feed of a tenant".to_owned()).into()),
        Operation::SearchEach | Operation::SearchNone => Err(Unavailable("it has no search".to_owned()).into()),
    }
}

fn framework(pool: &Pool<Postgres>, view: bool, failed: &Arc<AtomicBool>) -> PostgresCqrs<Tally> {
    let mut queries: Vec<Box<dyn Query<Tally>>> = Vec::new();
    if view {
        let mut query = GenericQuery::<Views, Shelf, Tally>::new(Arc::new(Views::new("shelf", pool.clone())));
        let failed = failed.clone();
        // Without this it would leave the view behind and say nothing.
        query.use_error_handler(Box::new(move |error| {
            eprintln!("postgres-es: {error}");
            failed.store(true, Ordering::Relaxed);
        }));
        queries.push(Box::new(query));
    }
    postgres_cqrs(pool.clone(), queries, ())
}

/// What our events say beside their data.
fn metadata() -> HashMap<String, String> {
    [
        ("actor", "mara".to_owned()),
        ("command_id", Uuid::now_v7().to_string()),
        ("correlation_id", Uuid::now_v7().to_string()),
        ("occurred_at", "2026-03-01T09:30:00.000000Z".to_owned()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

fn stream(id: &str, events: usize) -> anyhow::Result<String> {
    let payload = serde_json::to_string(&Event::Added { amount: 1, text: TEXT.to_owned() })?;
    let metadata = serde_json::to_string(&metadata())?;
    Ok(format!(
        "insert into events select 'tally', '{id}', i, 'added', '1', '{payload}', '{metadata}'
         from generate_series(1, {events}) as i; analyze events;"
    ))
}

struct Commanding {
    framework: Arc<PostgresCqrs<Tally>>,
    walk: Walk,
    events: usize,
}

impl Client for Commanding {
    async fn operate(&mut self) -> anyhow::Result<()> {
        let step = self.walk.step();
        let id = format!("{}:{}", step.tenant, step.stream);
        self.framework.execute_with_metadata(&id, Add(self.events), metadata()).await.context("postgres-es")
    }
}

struct Loading {
    store: PersistedEventStore<PostgresEventRepository, Tally>,
    id: String,
    total: i64,
}

impl Client for Loading {
    async fn operate(&mut self) -> anyhow::Result<()> {
        let mut loaded = self.store.load_aggregate(&self.id).await?;
        anyhow::ensure!(loaded.aggregate().total == self.total, "{} was loaded", loaded.aggregate().total);
        Ok(())
    }
}

//! A small aggregate to record with.

use eventstore::{Actor, Cx, Done, EventStore, Never, Refused, TenantId, aggregate};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use testkit::Database;

#[derive(Default, Serialize, Deserialize)]
pub struct Tally {
    pub total: i64,
}

#[derive(Clone)]
pub struct Add(pub i64);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    Added { amount: i64 },
}

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("a tally only rises")]
pub struct Falls;

impl Tally {
    #[expect(clippy::unused_self, reason = "the shape of every decision")]
    fn decide(&self, Add(amount): Add, _: &Cx) -> Result<Vec<Event>, Falls> {
        match amount {
            ..0 => Err(Falls),
            0 => Ok(vec![]),
            1.. => Ok(vec![Event::Added { amount }]),
        }
    }

    fn apply(&mut self, Event::Added { amount }: Event) {
        self.total += amount;
    }
}

aggregate!(Tally, "tally", Add, Event, Falls);

pub fn no_migrations() -> sqlx::migrate::Migrator {
    sqlx::migrate::Migrator::with_migrations(Vec::new())
}

pub async fn database() -> Database {
    Database::new("risk", &no_migrations()).await.expect("a database")
}

pub async fn store() -> (Database, EventStore) {
    let database = database().await;
    let store = database.store(Arc::new(Never)).await.expect("a store");
    (database, store)
}

pub fn cx(tenant: TenantId) -> Cx {
    let now = "2026-03-01T09:30:00Z".parse().expect("an instant");
    Cx::new(tenant, Actor::Person("mara".to_owned()), now)
}

/// Adds to a tally and gives the stream's version after it.
pub async fn add(store: &EventStore, cx: &Cx, id: &str, amount: i64) -> Result<Done<i64>, Refused<Falls>> {
    let id = id.to_owned();
    let lane = id.clone();
    store
        .perform(cx, &lane, move |work| {
            let id = id.clone();
            Box::pin(async move { Ok(work.execute::<Tally>(&id, None, Add(amount)).await?.version) })
        })
        .await
}

//! A small aggregate and its view.

use eventstore::{Actor, Cx, Recorded, TenantId, aggregate};
use serde::{Deserialize, Serialize};
use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use testkit::Database;
use views::{Column, Folded, View};

#[derive(Default, Serialize, Deserialize)]
pub struct Tally;

#[derive(Clone)]
pub struct Add(pub i64);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    Added { amount: i64 },
}

#[derive(Debug, thiserror::Error)]
#[error("never")]
pub struct Never;

impl Tally {
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "the shape of every decision")]
    fn decide(&self, Add(amount): Add, _: &Cx) -> Result<Vec<Event>, Never> {
        Ok(vec![Event::Added { amount }])
    }

    #[expect(clippy::unused_self, reason = "the shape of every fold; this state decides nothing")]
    fn apply(&mut self, _: Event) {}
}

aggregate!(Tally, "tally", Add, Event, Never);

/// The sum of a tally. It cannot fold 13 and panics on 17.
#[derive(Serialize, Deserialize)]
pub struct Sum {
    pub total: i64,
}

impl View for Sum {
    const NAME: &'static str = "sum";
    const COLUMNS: &'static [Column] = &[Column::int("total")];

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        Ok(vec![event.stream.id().to_owned()])
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        let Some(Event::Added { amount }) = event.decode()? else { return Ok(current) };
        assert_ne!(amount, 17, "the panic that a test asks for");
        if amount == 13 {
            return Err(serde::de::Error::custom("13 brings bad luck"));
        }
        Ok(Some(Self { total: current.map_or(0, |sum| sum.total) + amount }))
    }
}

pub async fn database() -> Database {
    let table = "select create_view('sum');
                 alter table view_sum add column total bigint generated always as ((data->>'total')::bigint) stored;";
    let migration = Migration::new(1001, "sum".into(), MigrationType::Simple, table.into_sql_str(), false);
    Database::new("risk", &Migrator::with_migrations(vec![migration])).await.expect("a database")
}

pub fn cx(tenant: TenantId) -> Cx {
    let now = "2026-03-01T09:30:00Z".parse().expect("an instant");
    Cx::new(tenant, Actor::Person("mara".to_owned()), now)
}

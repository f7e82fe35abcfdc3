//! A small aggregate and its views.

use eventstore::{Actor, Cx, EventStore, Recorded, TenantId, aggregate};
use serde::{Deserialize, Serialize};
use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use testkit::Database;
use views::{Column, Folded, View, stream_key};

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
#[derive(Debug, PartialEq, Serialize, Deserialize)]
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

/// What a tally owes, while its sum is below zero; no row while it owes nothing.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Debt {
    pub total: i64,
}

impl View for Debt {
    const NAME: &'static str = "debt";

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        Ok(stream_key::<Event>(event))
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        let Some(Event::Added { amount }) = event.decode()? else { return Ok(current) };
        let total = current.map_or(0, |debt| debt.total) + amount;
        Ok(if total < 0 { Some(Self { total }) } else { None })
    }
}

pub async fn database() -> Database {
    let table = "select create_view('sum'), create_view('debt');
                 alter table view_sum add column total bigint generated always as ((data->>'total')::bigint) stored;
                 select index_view('sum', 'total'); select index_view('sum');";
    let migration = Migration::new(1001, "sum".into(), MigrationType::Simple, table.into_sql_str(), false);
    Database::new("risk", &Migrator::with_migrations(vec![migration])).await.expect("a database")
}

/// Puts events into the log faster than commands do: of each the tally and the amount. The chain is not kept.
pub async fn record(database: &Database, tenant: TenantId, added: &[(String, i64)]) {
    let (keys, amounts): (Vec<&str>, Vec<i64>) = added.iter().map(|(key, amount)| (key.as_str(), *amount)).unzip();
    let mut superuser = database.superuser().await.expect("a connection");
    let events = "insert into events
        select $1, p, 'tally-' || key, row_number() over (partition by key order by p), id, 'tally.added',
               timestamptz '2026-03-01 09:30Z' + p * interval '1 second',
               json_build_object('id', id, 'tenant', $1, 'stream', 'tally-' || key, 'type', 'tally.added', 'schema', 1,
                   'occurred_at', '2026-03-01T09:30:00.000000Z', 'data', json_build_object('amount', amount),
                   'metadata', json_build_object('actor', json_build_object('kind', 'person', 'id', 'mara'),
                                                 'correlation_id', id)), '', sha256('')
        from (select *, gen_random_uuid() as id from unnest($2::text[], $3::bigint[]) with ordinality as a(key, amount, p)) e";
    sqlx::query(events).bind(tenant).bind(keys).bind(amounts).execute(&mut superuser).await.expect("events");
    let head = "insert into heads select tenant_id, max(position), sha256(''), max(recorded_at) from events
                where tenant_id = $1 group by tenant_id";
    sqlx::query(head).bind(tenant).execute(&mut superuser).await.expect("a head");
}

pub async fn add(store: &EventStore, tenant: TenantId, id: &str, amount: i64) -> i64 {
    let mut work = store.work(cx(tenant));
    work.execute::<Tally>(id, None, Add(amount)).await.expect("decided");
    work.finish().await.expect("recorded");
    store.session(tenant).await.expect("a session").head().await.expect("read")
}

pub fn cx(tenant: TenantId) -> Cx {
    let now = "2026-03-01T09:30:00Z".parse().expect("an instant");
    Cx::new(tenant, Actor::Person("mara".to_owned()), now)
}

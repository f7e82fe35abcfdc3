//! The table beside a view's in which it is folded anew, `rebuild_<view>`.

use super::Difference;
use super::fresh::Fresh;
use crate::folder::Step;
use crate::rows::table;
use eventstore::{NOW, TenantId};
use serde_json::value::RawValue;
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, PgConnection};

fn beside(view: &'static str) -> String {
    table(view).replacen("view_", "rebuild_", 1)
}

/// What a whole view takes may take longer than a request may.
pub async fn without_limits(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query(
        "select set_config('statement_timeout', '0', true), set_config('idle_in_transaction_session_timeout', '0', true),
                set_config('jit', 'off', true)",
    )
    .execute(connection)
    .await
    .map(drop)
}

/// The position that the live view has reached.
pub async fn reached(connection: &mut PgConnection, tenant: TenantId, view: &str) -> Result<i64, sqlx::Error> {
    let position = sqlx::query_scalar("select position from view_checkpoints where tenant_id = $1 and view = $2");
    position.bind(tenant).bind(view).fetch_optional(connection).await.map(Option::unwrap_or_default)
}

/// The rows that stand under `keys` so far.
pub async fn standing(
    connection: &mut PgConnection,
    fresh: &Fresh<'_>,
    keys: &[String],
) -> Result<Vec<(String, Box<RawValue>)>, sqlx::Error> {
    let statement = format!(
        "select last.key, last.data from unnest($3::text[]) as wanted(key) cross join lateral (
             select key, data from {} where tenant_id = $1 and build = $2 and key = wanted.key
             order by valid_from desc limit 1
         ) as last where last.data is not null",
        beside(fresh.view())
    );
    let rows: Vec<(String, Json<Box<RawValue>>)> = sqlx::query_as(AssertSqlSafe(statement))
        .bind(fresh.tenant)
        .bind(fresh.build)
        .bind(keys)
        .fetch_all(connection)
        .await?;
    Ok(rows.into_iter().map(|(key, Json(data))| (key, data)).collect())
}

/// Adds what a run of events made; gives how many rows began.
pub async fn add(connection: &mut PgConnection, fresh: &Fresh<'_>, steps: Vec<Step>) -> Result<i64, sqlx::Error> {
    if steps.is_empty() {
        return Ok(0);
    }
    let mut columns = Columns::default();
    for step in steps {
        columns.push(step);
    }
    let statement = format!(
        "insert into {} (tenant_id, build, key, valid_from, version, at, data)
         select $1, $2, * from unnest($3::text[], $4::bigint[], $5::bigint[], $6::timestamptz[], $7::jsonb[])",
        beside(fresh.view())
    );
    let begun = columns.data.iter().flatten().count();
    sqlx::query(AssertSqlSafe(statement))
        .bind(fresh.tenant)
        .bind(fresh.build)
        .bind(columns.keys)
        .bind(columns.from)
        .bind(columns.versions)
        .bind(columns.at)
        .bind(columns.data)
        .execute(connection)
        .await?;
    Ok(i64::try_from(begun).unwrap_or_default())
}

/// Removes all the tenant's rows, whosever they are.
pub async fn clear(connection: &mut PgConnection, tenant: TenantId, view: &'static str) -> Result<(), sqlx::Error> {
    let statement = format!("delete from {} where tenant_id = $1", beside(view));
    sqlx::query(AssertSqlSafe(statement)).bind(tenant).execute(connection).await.map(drop)
}

/// The rows in which the view's table, as it was at position $3, and the fold differ: `stands` is the table's,
/// `wanted` the fold's. What the table claims to show from after the view's own position on is nobody's.
fn differing(view: &'static str) -> String {
    format!(
        "folded as (
             select key, valid_from, lead(valid_from, 1, {NOW}) over (partition by key order by valid_from) as valid_to,
                    version, at, data
             from {} where tenant_id = $1 and build = $2
         ),
         wanted as (select * from folded where data is not null),
         standing as (
             select key, valid_from, case when valid_to > $3 then {NOW} else valid_to end as valid_to, version, at, data
             from {} where tenant_id = $1 and (valid_from <= $3 or valid_from > coalesce(
                 (select position from view_checkpoints where tenant_id = $1 and view = '{view}'), 0))
         ),
         differing as materialized (
             select key, valid_from, s.version is not null as stands, w.version is not null as wanted,
                    w.valid_to, w.version, w.at, w.data
             from standing s full join wanted w using (key, valid_from)
             where s.version is null or w.version is null
                or s.valid_to <> w.valid_to or s.version <> w.version or s.at <> w.at or s.data <> w.data
         )",
        beside(view),
        table(view)
    )
}

/// Gives the table the rows of the fold, and touches no row that is right already.
pub async fn replace(connection: &mut PgConnection, fresh: &Fresh<'_>) -> Result<(), sqlx::Error> {
    let statement = format!(
        "with {}, gone as (
             delete from {1} v using differing d
             where v.tenant_id = $1 and v.key = d.key and v.valid_from = d.valid_from and not d.wanted
         ),
         mended as (
             update {1} v set valid_to = d.valid_to, version = d.version, at = d.at, data = d.data from differing d
             where v.tenant_id = $1 and v.key = d.key and v.valid_from = d.valid_from and d.stands and d.wanted
         )
         insert into {1} (tenant_id, key, valid_from, valid_to, version, at, data)
         select $1, key, valid_from, valid_to, version, at, data from differing where not stands",
        differing(fresh.view()),
        table(fresh.view())
    );
    sqlx::query(AssertSqlSafe(statement))
        .bind(fresh.tenant)
        .bind(fresh.build)
        .bind(NOW - 1)
        .execute(connection)
        .await
        .map(drop)
}

/// The first row in which the table, as it was at `position`, and the fold differ.
pub async fn difference(
    connection: &mut PgConnection,
    fresh: &Fresh<'_>,
    position: i64,
) -> Result<Option<Difference>, sqlx::Error> {
    let statement = format!(
        "with {} select key, valid_from from differing order by valid_from, key limit 1",
        differing(fresh.view())
    );
    let first: Option<(String, i64)> = sqlx::query_as(AssertSqlSafe(statement))
        .bind(fresh.tenant)
        .bind(fresh.build)
        .bind(position)
        .fetch_optional(connection)
        .await?;
    Ok(first.map(|(key, position)| Difference { key, position }))
}

#[derive(Default)]
struct Columns {
    keys: Vec<String>,
    from: Vec<i64>,
    versions: Vec<i64>,
    at: Vec<chrono::DateTime<chrono::Utc>>,
    data: Vec<Option<Json<Box<RawValue>>>>,
}

impl Columns {
    fn push(&mut self, step: Step) {
        self.keys.push(step.key);
        self.from.push(step.position);
        self.versions.push(step.version);
        self.at.push(step.at);
        self.data.push(step.data.map(Json));
    }
}

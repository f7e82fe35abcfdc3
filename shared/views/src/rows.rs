use crate::fold::{Changes, Span};
use eventstore::{NOW, TenantId};
use serde_json::Value;
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, PgConnection};
use std::collections::{BTreeMap, BTreeSet};

/// A view's table. The name is a constant of the program, never input.
pub fn table(view: &'static str) -> String {
    debug_assert!(view.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "a view's name: {view}");
    format!("view_{view}")
}

/// The rows that stand now under `keys`.
pub async fn standing(
    connection: &mut PgConnection,
    tenant: TenantId,
    view: &'static str,
    keys: &BTreeSet<String>,
) -> Result<BTreeMap<String, Value>, sqlx::Error> {
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let statement =
        format!("select key, data from {} where tenant_id = $1 and valid_to = {NOW} and key = any($2)", table(view));
    sqlx::query_as(AssertSqlSafe(statement))
        .bind(tenant)
        .bind(keys)
        .fetch_all(connection)
        .await
        .map(Vec::into_iter)
        .map(Iterator::collect)
}

/// Ends and begins rows, one statement for the run.
pub async fn write(
    connection: &mut PgConnection,
    tenant: TenantId,
    view: &'static str,
    changes: Changes,
) -> Result<(), sqlx::Error> {
    let (ended_keys, ended_at): (Vec<String>, Vec<i64>) = changes.ended.into_iter().unzip();
    let mut columns = Columns::default();
    for span in changes.begun {
        columns.push(span);
    }
    let statement = format!(
        "with ended as (
             update {0} r set valid_to = e.position from unnest($2::text[], $3::bigint[]) as e(key, position)
             where r.tenant_id = $1 and r.key = e.key and r.valid_to = {NOW}
         )
         insert into {0} (tenant_id, key, valid_from, valid_to, version, at, data)
         select $1, * from unnest($4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::timestamptz[], $9::jsonb[])",
        table(view)
    );
    sqlx::query(AssertSqlSafe(statement))
        .bind(tenant)
        .bind(ended_keys)
        .bind(ended_at)
        .bind(columns.keys)
        .bind(columns.from)
        .bind(columns.to)
        .bind(columns.versions)
        .bind(columns.at)
        .bind(columns.data)
        .execute(connection)
        .await
        .map(drop)
}

#[derive(Default)]
struct Columns {
    keys: Vec<String>,
    from: Vec<i64>,
    to: Vec<i64>,
    versions: Vec<i64>,
    at: Vec<chrono::DateTime<chrono::Utc>>,
    data: Vec<Json<Value>>,
}

impl Columns {
    fn push(&mut self, span: Span) {
        self.keys.push(span.key);
        self.from.push(span.from);
        self.to.push(span.to);
        self.versions.push(span.version);
        self.at.push(span.at);
        self.data.push(Json(span.data));
    }
}

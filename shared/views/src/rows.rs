use crate::fold::Changes;
use eventstore::{NOW, TenantId};
use serde_json::Value;
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, PgConnection};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;

/// A view's table. The name is a constant of the program, never input.
pub fn table(view: &'static str) -> String {
    debug_assert!(view.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "a view's name: {view}");
    format!("view_{view}")
}

/// The keys of one tenant that events touch in a view.
pub struct Wanted<'a> {
    pub view: &'static str,
    pub tenant: TenantId,
    pub keys: &'a BTreeSet<String>,
}

/// What events change in one view of one tenant.
pub struct Written {
    pub view: &'static str,
    pub tenant: TenantId,
    pub changes: Changes,
}

/// The standing rows of each view and tenant, by key.
pub type Standing = HashMap<(&'static str, TenantId), BTreeMap<String, Value>>;

/// The rows that stand now under the wanted keys, by one statement. The last row of a key is found by the primary key: what
/// a planner makes of `valid_to` depends on statistics that a young table does not have.
pub async fn standing(connection: &mut PgConnection, wanted: &[Wanted<'_>]) -> Result<Standing, sqlx::Error> {
    let mut of_view: BTreeMap<&'static str, (Vec<TenantId>, Vec<&str>)> = BTreeMap::new();
    for wanted in wanted.iter().filter(|wanted| !wanted.keys.is_empty()) {
        let (tenants, keys) = of_view.entry(wanted.view).or_default();
        tenants.extend(wanted.keys.iter().map(|_| wanted.tenant));
        keys.extend(wanted.keys.iter().map(String::as_str));
    }
    if of_view.is_empty() {
        return Ok(Standing::new());
    }
    let selects = of_view.keys().zip(0..).map(|(view, number)| {
        format!(
            "select '{view}' as view, r.tenant_id, r.key, r.data
             from unnest(${}::uuid[], ${}::text[]) as w(tenant, key)
             cross join lateral (
                 select * from {} v where v.tenant_id = w.tenant and v.key = w.key order by v.valid_from desc limit 1
             ) r where r.valid_to = {NOW}",
            2 * number + 1,
            2 * number + 2,
            table(view)
        )
    });
    let statement = selects.collect::<Vec<_>>().join(" union all ");
    let mut query = sqlx::query_as(AssertSqlSafe(statement));
    for (tenants, keys) in of_view.values() {
        query = query.bind(tenants).bind(keys);
    }
    let rows: Vec<(String, TenantId, String, Value)> = query.fetch_all(connection).await?;
    let mut standing = Standing::new();
    for (view, tenant, key, data) in rows {
        if let Some((view, _)) = of_view.get_key_value(view.as_str()) {
            standing.entry((*view, tenant)).or_default().insert(key, data);
        }
    }
    Ok(standing)
}

/// Ends and begins rows of any views and tenants, and moves the checkpoints `followed`, by one statement.
pub async fn write(
    connection: &mut PgConnection,
    written: Vec<Written>,
    followed: &[(TenantId, &'static str, i64)],
) -> Result<(), sqlx::Error> {
    if followed.is_empty() {
        return Ok(());
    }
    let mut of_view: BTreeMap<&'static str, Columns> = BTreeMap::new();
    for Written { view, tenant, changes } in written {
        if !changes.ended.is_empty() || !changes.begun.is_empty() {
            of_view.entry(view).or_default().push(tenant, changes);
        }
    }
    let mut statement = String::from("with ");
    for (view, first) in of_view.keys().zip((4..).step_by(10)) {
        let parameter = |offset: usize| first + offset;
        let written = write!(
            statement,
            "ended_{view} as (
                 update {table} r set valid_to = e.position
                 from unnest(${}::uuid[], ${}::text[], ${}::bigint[]) as e(tenant, key, position)
                 where r.tenant_id = e.tenant and r.key = e.key and r.valid_to = {NOW} and r.valid_from = (
                     select max(v.valid_from) from {table} v where v.tenant_id = e.tenant and v.key = e.key
                 ) returning 1
             ), begun_{view} as (
                 insert into {table} (tenant_id, key, valid_from, valid_to, version, at, data)
                 select b.* from unnest(${}::uuid[], ${}::text[], ${}::bigint[], ${}::bigint[], ${}::bigint[],
                                        ${}::timestamptz[], ${}::jsonb[]) as b
                 -- What ends has ended before: of a key there is one row that stands.
                 where (select count(*) from ended_{view}) >= 0
             ), ",
            parameter(0),
            parameter(1),
            parameter(2),
            parameter(3),
            parameter(4),
            parameter(5),
            parameter(6),
            parameter(7),
            parameter(8),
            parameter(9),
            table = table(view),
        );
        debug_assert!(written.is_ok(), "a string takes what is written to it");
    }
    statement.push_str(
        "moved as (
             update view_checkpoints c set position = f.position, fault = null
             from unnest($1::uuid[], $2::text[], $3::bigint[]) as f(tenant, view, position)
             where c.tenant_id = f.tenant and c.view = f.view
         ) select",
    );
    let mut query = sqlx::query(AssertSqlSafe(statement))
        .bind(followed.iter().map(|(tenant, ..)| *tenant).collect::<Vec<_>>())
        .bind(followed.iter().map(|(_, view, _)| *view).collect::<Vec<_>>())
        .bind(followed.iter().map(|(.., position)| *position).collect::<Vec<_>>());
    for columns in of_view.into_values() {
        query = query
            .bind(columns.ended_tenants)
            .bind(columns.ended_keys)
            .bind(columns.ended_at)
            .bind(columns.tenants)
            .bind(columns.keys)
            .bind(columns.from)
            .bind(columns.to)
            .bind(columns.versions)
            .bind(columns.at)
            .bind(columns.data);
    }
    query.execute(connection).await.map(drop)
}

#[derive(Default)]
struct Columns {
    ended_tenants: Vec<TenantId>,
    ended_keys: Vec<String>,
    ended_at: Vec<i64>,
    tenants: Vec<TenantId>,
    keys: Vec<String>,
    from: Vec<i64>,
    to: Vec<i64>,
    versions: Vec<i64>,
    at: Vec<chrono::DateTime<chrono::Utc>>,
    data: Vec<Json<Value>>,
}

impl Columns {
    fn push(&mut self, tenant: TenantId, changes: Changes) {
        for (key, position) in changes.ended {
            self.ended_tenants.push(tenant);
            self.ended_keys.push(key);
            self.ended_at.push(position);
        }
        for span in changes.begun {
            self.tenants.push(tenant);
            self.keys.push(span.key);
            self.from.push(span.from);
            self.to.push(span.to);
            self.versions.push(span.version);
            self.at.push(span.at);
            self.data.push(Json(span.data));
        }
    }
}

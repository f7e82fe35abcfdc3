use crate::listing::{Listing, Statement, Value};
use crate::rows::table;
use crate::view::{Column, View};
use chrono::{DateTime, Utc};
use eventstore::{Session, StoreError};
use serde::Serialize;
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, FromRow};

/// What a view showed under a key.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row<V> {
    pub key: String,
    /// The first position at which it showed this.
    pub from: i64,
    pub version: i64,
    pub at: DateTime<Utc>,
    pub data: V,
}

/// One page, in order, and what to give as `after` for the next.
#[derive(Clone, Debug)]
pub struct Page<V> {
    pub rows: Vec<Row<V>>,
    pub next: Option<(String, String)>,
}

/// The position that the view has reached, which is what "now" shows.
pub async fn shown<V: View>(session: &mut Session) -> Result<i64, StoreError> {
    let tenant = session.tenant();
    let position = sqlx::query_scalar("select position from view_checkpoints where tenant_id = $1 and view = $2")
        .bind(tenant)
        .bind(V::NAME)
        .fetch_optional(session.connection())
        .await?;
    Ok(position.unwrap_or(0))
}

/// How many rows stand now, of these keys where some are named, and `limit` of them behind the first `offset`, by key.
pub async fn standing<V: View>(
    session: &mut Session,
    keys: Option<Vec<String>>,
    offset: i64,
    limit: i64,
) -> Result<(i64, Vec<Row<V>>), StoreError> {
    let tenant = session.tenant();
    let those = format!(
        "from {} where tenant_id = $1 and valid_to = 9223372036854775807 and ($2::text[] is null or key = any($2))",
        table(V::NAME)
    );
    let total = sqlx::query_scalar(AssertSqlSafe(format!("select count(*) {those}")));
    let total = total.bind(tenant).bind(&keys).fetch_one(session.connection()).await?;
    let page = format!("select key, valid_from, version, at, data {those} order by key offset $3 limit $4");
    let rows: Vec<Stored<V>> = sqlx::query_as(AssertSqlSafe(page))
        .bind(tenant)
        .bind(&keys)
        .bind(offset)
        .bind(limit)
        .fetch_all(session.connection())
        .await?;
    Ok((total, rows.into_iter().map(Stored::row).collect()))
}

/// One row as of `position`.
pub async fn get<V: View>(session: &mut Session, key: &str, position: i64) -> Result<Option<Row<V>>, StoreError> {
    let tenant = session.tenant();
    // The last that had begun, by the primary key backwards, however many came before it; it may have ended too.
    let statement = format!(
        "select key, valid_from, version, at, data from (
             select key, valid_from, valid_to, version, at, data from {} where tenant_id = $1 and key = $2
             and valid_from <= $3 order by valid_from desc limit 1
         ) as last where valid_to > $3",
        table(V::NAME)
    );
    let row: Option<Stored<V>> = sqlx::query_as(AssertSqlSafe(statement))
        .bind(tenant)
        .bind(key)
        .bind(position)
        .fetch_optional(session.connection())
        .await?;
    Ok(row.map(Stored::row))
}

/// The rows under these keys as of `position`, of those that there were.
pub async fn get_many<V: View>(
    session: &mut Session,
    keys: &[String],
    position: i64,
) -> Result<Vec<Row<V>>, StoreError> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let tenant = session.tenant();
    // Each as `get` finds it.
    let statement = format!(
        "select r.key, r.valid_from, r.version, r.at, r.data from unnest($2::text[]) as w(key)
         cross join lateral (
             select * from {} v where v.tenant_id = $1 and v.key = w.key and v.valid_from <= $3
             order by v.valid_from desc limit 1
         ) r where r.valid_to > $3",
        table(V::NAME)
    );
    let rows: Vec<Stored<V>> = sqlx::query_as(AssertSqlSafe(statement))
        .bind(tenant)
        .bind(keys)
        .bind(position)
        .fetch_all(session.connection())
        .await?;
    Ok(rows.into_iter().map(Stored::row).collect())
}

/// The keys of the rows that stand now of which the column says one of `texts`, each with what it says.
pub async fn keys_where<V: View>(
    session: &mut Session,
    column: Column,
    texts: &[String],
) -> Result<Vec<(String, String)>, StoreError> {
    let tenant = session.tenant();
    let statement = format!(
        "select key, {column} from {} where tenant_id = $1 and valid_to = 9223372036854775807 and {column} = any($2)
         order by key",
        table(V::NAME),
        column = column.name,
    );
    let keys = sqlx::query_as(AssertSqlSafe(statement)).bind(tenant).bind(texts);
    Ok(keys.fetch_all(session.connection()).await?)
}

/// What the view showed under a key after position `after` and up to `position`, oldest first, `limit` rows at most.
pub async fn versions<V: View>(
    session: &mut Session,
    key: &str,
    after: i64,
    position: i64,
    limit: i64,
) -> Result<Vec<Row<V>>, StoreError> {
    let tenant = session.tenant();
    let statement = format!(
        "select key, valid_from, version, at, data from {} where tenant_id = $1 and key = $2 and valid_from > $3
         and valid_from <= $4 order by valid_from limit $5",
        table(V::NAME)
    );
    let rows: Vec<Stored<V>> = sqlx::query_as(AssertSqlSafe(statement))
        .bind(tenant)
        .bind(key)
        .bind(after)
        .bind(position)
        .bind(limit)
        .fetch_all(session.connection())
        .await?;
    Ok(rows.into_iter().map(Stored::row).collect())
}

/// One page as of `position`. Pages of one listing at one position never skip or repeat a row.
pub async fn list<V: View>(session: &mut Session, position: i64, listing: &Listing) -> Result<Page<V>, StoreError> {
    let tenant = session.tenant();
    let Statement { text, values } = listing.statement::<V>(position);
    // A plan for all tenants counts on what the many small ones have, and sorts the whole register of a large one.
    sqlx::query("set local plan_cache_mode = force_custom_plan").execute(session.connection()).await?;
    let mut query = sqlx::query_as(AssertSqlSafe(text)).bind(tenant).bind(position);
    for value in values {
        query = match value {
            Value::Text(text) => query.bind(text),
            Value::Int(number) => query.bind(number),
        };
    }
    let mut rows: Vec<Sorted<V>> = query.fetch_all(session.connection()).await?;
    let next = match usize::try_from(listing.limit) {
        Ok(limit) if rows.len() > limit => {
            rows.truncate(limit);
            rows.last().map(|row| (row.sorted.clone(), row.stored.key.clone()))
        }
        _ => None,
    };
    Ok(Page { rows: rows.into_iter().map(|row| row.stored.row()).collect(), next })
}

#[derive(FromRow)]
struct Stored<V: View> {
    key: String,
    valid_from: i64,
    version: i64,
    at: DateTime<Utc>,
    data: Json<V>,
}

#[derive(FromRow)]
struct Sorted<V: View> {
    #[sqlx(flatten)]
    stored: Stored<V>,
    sorted: String,
}

impl<V: View> Stored<V> {
    fn row(self) -> Row<V> {
        Row { key: self.key, from: self.valid_from, version: self.version, at: self.at, data: self.data.0 }
    }
}

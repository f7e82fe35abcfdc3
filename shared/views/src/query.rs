use crate::rows::table;
use crate::view::{Column, Kind, View};
use chrono::{DateTime, Utc};
use eventstore::{Session, StoreError};
use serde::Serialize;
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, FromRow, Postgres, QueryBuilder};

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

/// Which rows, in which order, how many.
#[derive(Clone, Debug)]
pub struct Listing {
    /// Columns and the values that they must have.
    pub filters: Vec<(Column, String)>,
    pub sort: Option<Column>,
    pub descending: bool,
    /// The last row of the page before: its sort value (the key without a sort) and its key.
    pub after: Option<(String, String)>,
    pub limit: i64,
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

/// One row as of `position`.
pub async fn get<V: View>(session: &mut Session, key: &str, position: i64) -> Result<Option<Row<V>>, StoreError> {
    let tenant = session.tenant();
    let statement = format!(
        "select key, valid_from, version, at, data from {} where tenant_id = $1 and key = $2 and valid_from <= $3
         and valid_to > $3",
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
    let sort = listing.sort.map_or("key", |column| column.name);
    // Column names are constants of the view; values are bound.
    let mut query: QueryBuilder<Postgres> = QueryBuilder::new("select key, valid_from, version, at, data, ");
    query.push(sort).push("::text as sorted from ").push(table(V::NAME)).push(" where tenant_id = ").push_bind(tenant);
    query.push(" and valid_from <= ").push_bind(position).push(" and valid_to > ").push_bind(position);
    for (column, value) in &listing.filters {
        query.push(" and ").push(column.name).push(" = ");
        bind(&mut query, column.kind, value);
    }
    if let Some((value, key)) = &listing.after {
        query.push(" and (").push(sort).push(", key) ").push(if listing.descending { "< (" } else { "> (" });
        bind(&mut query, listing.sort.map_or(Kind::Text, |column| column.kind), value);
        query.push(", ").push_bind(key.clone()).push(")");
    }
    let direction = if listing.descending { " desc" } else { " asc" };
    query.push(" order by ").push(sort).push(direction).push(", key").push(direction);
    query.push(" limit ").push_bind(listing.limit + 1);
    let mut rows: Vec<Sorted<V>> = query.build_query_as().fetch_all(session.connection()).await?;
    let next = match usize::try_from(listing.limit) {
        Ok(limit) if rows.len() > limit => {
            rows.truncate(limit);
            rows.last().map(|row| (row.sorted.clone(), row.stored.key.clone()))
        }
        _ => None,
    };
    Ok(Page { rows: rows.into_iter().map(|row| row.stored.row()).collect(), next })
}

fn bind(query: &mut QueryBuilder<Postgres>, kind: Kind, value: &str) {
    match kind {
        Kind::Text => query.push_bind(value.to_owned()),
        // A value that is no number equals none: the caller has refused it before with a sentence.
        Kind::Int => query.push_bind(value.parse::<i64>().ok()),
    };
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

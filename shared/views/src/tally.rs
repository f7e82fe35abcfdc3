use crate::rows::table;
use crate::view::{Column, View};
use eventstore::{Session, StoreError};
use sqlx::{AssertSqlSafe, FromRow};

/// How many rows said the same in some columns as of a position.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct Tally {
    pub position: i64,
    /// What the columns said, in the order that was asked for; as the database keeps it: '' or -1 where a row says nothing.
    pub said: Vec<String>,
    pub rows: i64,
}

/// Counts the rows of a view as of several positions at once, by what they say.
pub async fn tally<V: View>(session: &mut Session, positions: &[i64], by: &[Column]) -> Result<Vec<Tally>, StoreError> {
    let tenant = session.tenant();
    // Column names are constants of the view.
    let said = by.iter().map(|column| format!("v.{}::text", column.name)).collect::<Vec<_>>().join(", ");
    let statement = format!(
        "select p.position, array[{said}] as said, count(*) as rows from unnest($2::bigint[]) as p(position)
         join {} v on v.tenant_id = $1 and v.valid_from <= p.position and v.valid_to > p.position
         group by 1, 2 order by 1, 2",
        table(V::NAME)
    );
    let counted = sqlx::query_as(AssertSqlSafe(statement)).bind(tenant).bind(positions);
    Ok(counted.fetch_all(session.connection()).await?)
}

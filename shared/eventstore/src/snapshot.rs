use crate::chain::Stored;
use crate::migrate::name;
use crate::{EventStore, Session, StoreError, TenantId};
use sqlx::AssertSqlSafe;

const ROWS: i64 = 500;

/// A tenant's part of one database as of one moment, however long it is read.
pub struct Snapshot(Session);

/// A column that a row of a table says something in: neither the tenant nor one that is computed.
const SAID: &str = "attnum > 0 and not attisdropped and attgenerated = '' and attname <> 'tenant_id'";

impl EventStore {
    /// Sees what is committed now, and nothing that comes later.
    pub async fn snapshot(&self, tenant: TenantId) -> Result<Snapshot, StoreError> {
        let mut session = self.begin("begin isolation level repeatable read read only", tenant).await?;
        // Other services' snapshots stay open while this one is read.
        sqlx::query("set local idle_in_transaction_session_timeout = 0").execute(session.connection()).await?;
        Ok(Snapshot(session))
    }
}

impl Snapshot {
    /// The tenant's last position and the chain's hash there; nothing where nothing was recorded.
    pub async fn head(&mut self) -> Result<Option<(i64, Vec<u8>)>, StoreError> {
        let tenant = self.0.tenant();
        let head = sqlx::query_as("select position, hash from heads where tenant_id = $1 and position > 0");
        Ok(head.bind(tenant).fetch_optional(self.0.connection()).await?)
    }

    /// How far each source was taken in.
    pub async fn taken(&mut self) -> Result<Vec<(String, i64)>, StoreError> {
        let tenant = self.0.tenant();
        let taken = sqlx::query_as("select source, position from consumer_checkpoints where tenant_id = $1 order by 1");
        Ok(taken.bind(tenant).fetch_all(self.0.connection()).await?)
    }

    /// Events after `position` as they are stored, in order, `limit` at most.
    pub async fn stored_after(&mut self, position: i64, limit: i64) -> Result<Vec<Stored>, StoreError> {
        let tenant = self.0.tenant();
        let stored = sqlx::query_as(
            "select position, version, recorded_at, body, digest, hash from events
             where tenant_id = $1 and position > $2 order by position limit $3",
        );
        Ok(stored.bind(tenant).bind(position).bind(limit).fetch_all(self.0.connection()).await?)
    }

    /// Each row of a table in the order of its key: JSON in one line, as PostgreSQL writes it, without the tenant and
    /// without what is computed.
    pub async fn each_row<E: From<StoreError>>(
        &mut self,
        table: &str,
        mut take: impl FnMut(&str) -> Result<(), E>,
    ) -> Result<(), E> {
        self.open(table).await?;
        loop {
            let rows = self.fetch().await?;
            if rows.is_empty() {
                break;
            }
            for row in rows {
                take(&row)?;
            }
        }
        Ok(sqlx::query("close each_row").execute(self.0.connection()).await.map(drop).map_err(StoreError::from)?)
    }

    async fn open(&mut self, table: &str) -> Result<(), StoreError> {
        let tenant = self.0.tenant();
        let key: Vec<String> = sqlx::query_scalar(
            "select attname::text from pg_index join pg_attribute on attrelid = indrelid and attnum = any(indkey)
             where indrelid = $1::regclass and indisprimary order by array_position(indkey::int2[], attnum)",
        )
        .bind(table)
        .fetch_all(self.0.connection())
        .await?;
        let said: Vec<String> = columns(self.0.connection(), table).await?;
        let said: Vec<String> = said.iter().map(|column| format!("t.{}", name(column))).collect();
        let key: Vec<String> = key.iter().map(|column| format!("t.{}", name(column))).collect();
        let statement = format!(
            "declare each_row no scroll cursor for
             select to_jsonb(r)::text from {} t cross join lateral (select {}) r where t.tenant_id = '{tenant}' order by {}",
            name(table),
            said.join(", "),
            key.join(", ")
        );
        sqlx::query(AssertSqlSafe(statement)).execute(self.0.connection()).await?;
        Ok(())
    }

    async fn fetch(&mut self) -> Result<Vec<String>, StoreError> {
        let statement = format!("fetch {ROWS} from each_row");
        Ok(sqlx::query_scalar(AssertSqlSafe(statement)).fetch_all(self.0.connection()).await?)
    }
}

/// The columns of a table in which its rows say something, in order.
pub async fn columns(connection: &mut sqlx::PgConnection, table: &str) -> Result<Vec<String>, sqlx::Error> {
    let statement =
        format!("select attname::text from pg_attribute where attrelid = $1::regclass and {SAID} order by attnum");
    sqlx::query_scalar(AssertSqlSafe(statement)).bind(table).fetch_all(connection).await
}

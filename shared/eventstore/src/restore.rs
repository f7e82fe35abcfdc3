use crate::chain::{Chain, Named, Stored};
use crate::migrate::name;
use crate::snapshot::columns;
use crate::{Server, StoreError, TenantId};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// Writes a tenant's part into a database that does not know it, as the owner of the tables. It can add what was recorded
/// elsewhere; the triggers refuse it, too, to change anything.
pub struct Restore {
    connection: PgConnection,
    tenant: TenantId,
}

/// What a database knows of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The last position, 0 where nothing was recorded.
    pub position: i64,
    /// The chain's hash at the position that was asked about.
    pub hash: Option<Vec<u8>>,
    /// A table beside the log has rows of the tenant.
    pub rows: bool,
    /// By what consumers are held back.
    pub held_back: Option<String>,
}

impl Restore {
    /// `server` is that of a user who may become `stele_owner`, as the migrator's may.
    pub async fn open(server: &Server, service: &str, tenant: TenantId) -> Result<Self, StoreError> {
        let options = server.admin(Some(&server.database(service)));
        let mut connection = PgConnection::connect_with(&options).await?;
        sqlx::query("set role stele_owner").execute(&mut connection).await?;
        // For the whole connection: the policies bind the owner too.
        sqlx::query("select set_config('stele.tenant', $1, false)")
            .bind(tenant.to_string())
            .execute(&mut connection)
            .await?;
        Ok(Self { connection, tenant })
    }

    /// Whether nobody else restores the tenant here; from now on nobody does while this is open.
    pub async fn alone(&mut self) -> Result<bool, StoreError> {
        let lock = "select pg_try_advisory_lock(hashtextextended('stele restore ' || $1::text, 0))";
        Ok(sqlx::query_scalar(lock).bind(self.tenant.to_string()).fetch_one(&mut self.connection).await?)
    }

    /// The version of the last migration that the database has seen.
    pub async fn schema(&mut self) -> Result<i64, StoreError> {
        let version = sqlx::query_scalar("select coalesce(max(version), 0) from _sqlx_migrations where success");
        Ok(version.fetch_one(&mut self.connection).await?)
    }

    /// The columns that a row of the table may say something in.
    pub async fn columns(&mut self, table: &str) -> Result<Vec<String>, StoreError> {
        Ok(columns(&mut self.connection, table).await?)
    }

    /// What is here already: the log, with its hash at `position`, and rows of `tables`.
    pub async fn known(&mut self, position: i64, tables: &[&str]) -> Result<Known, StoreError> {
        let head = "select coalesce((select position from heads where tenant_id = $1), 0)";
        let last: i64 = sqlx::query_scalar(head).bind(self.tenant).fetch_one(&mut self.connection).await?;
        let hash = sqlx::query_scalar("select hash from events where tenant_id = $1 and position = $2")
            .bind(self.tenant)
            .bind(position)
            .fetch_optional(&mut self.connection)
            .await?;
        let held_back =
            sqlx::query_scalar("select error from parked where tenant_id = $1 and retry_at = 'infinity' limit 1")
                .bind(self.tenant)
                .fetch_optional(&mut self.connection)
                .await?;
        let mut rows = false;
        for table in tables {
            let statement = format!("select exists (select from {} where tenant_id = $1)", name(table));
            let found = sqlx::query_scalar(AssertSqlSafe(statement)).bind(self.tenant);
            let found: bool = found.fetch_one(&mut self.connection).await?;
            rows |= found;
        }
        Ok(Known { position: last, hash, rows, held_back })
    }

    /// Lets no consumer take anything of the tenant until [`Restore::let_go`]: what comes of one service's log must wait
    /// until the others have theirs. They are parked, with no time to be tried again.
    pub async fn hold_back(&mut self, sources: &[&str], why: &str) -> Result<(), StoreError> {
        sqlx::query(
            "insert into parked (tenant_id, source, position, error, attempts, retry_at)
             select $1, source, 0, $3, 0, 'infinity' from unnest($2::text[]) as source on conflict do nothing",
        )
        .bind(self.tenant)
        .bind(sources)
        .bind(why)
        .execute(&mut self.connection)
        .await?;
        Ok(())
    }

    /// Ends what `hold_back` began.
    pub async fn let_go(&mut self, why: &str) -> Result<(), StoreError> {
        sqlx::query("delete from parked where tenant_id = $1 and error = $2 and retry_at = 'infinity'")
            .bind(self.tenant)
            .bind(why)
            .execute(&mut self.connection)
            .await?;
        Ok(())
    }

    /// Undoes what was not committed, and what `hold_back` began.
    pub async fn give_up(&mut self, why: &str) -> Result<(), StoreError> {
        sqlx::query("rollback").execute(&mut self.connection).await?;
        self.let_go(why).await
    }

    /// From here on nothing is written until [`Restore::commit`], and nobody else appends for the tenant.
    pub async fn begin(&mut self) -> Result<(), StoreError> {
        sqlx::query("begin").execute(&mut self.connection).await?;
        sqlx::query("select lock_head($1)").bind(self.tenant).execute(&mut self.connection).await?;
        let position: i64 = sqlx::query_scalar("select position from heads where tenant_id = $1")
            .bind(self.tenant)
            .fetch_one(&mut self.connection)
            .await?;
        if position > 0 {
            return Err(StoreError::Contract(format!("tenant {} was given events meanwhile", self.tenant)));
        }
        Ok(())
    }

    /// Events that a [`Chain`] has followed, exactly as they were stored.
    pub async fn events(&mut self, events: &[(Stored, Named)]) -> Result<(), StoreError> {
        let each = || events.iter();
        sqlx::query(
            "insert into events (tenant_id, position, stream, version, event_id, event_type, recorded_at, body, digest, hash)
             select $1, * from unnest($2::bigint[], $3::text[], $4::bigint[], $5::uuid[], $6::text[], $7::timestamptz[],
                                      $8::text[], $9::bytea[], $10::bytea[])",
        )
        .bind(self.tenant)
        .bind(each().map(|(stored, _)| stored.position).collect::<Vec<_>>())
        .bind(each().map(|(_, named)| named.stream.as_str()).collect::<Vec<_>>())
        .bind(each().map(|(stored, _)| stored.version).collect::<Vec<_>>())
        .bind(each().map(|(_, named)| named.id).collect::<Vec<_>>())
        .bind(each().map(|(_, named)| named.event_type.as_str()).collect::<Vec<_>>())
        .bind(each().map(|(stored, _)| stored.recorded_at).collect::<Vec<_>>())
        .bind(each().map(|(stored, _)| stored.body.as_str()).collect::<Vec<_>>())
        .bind(each().map(|(stored, _)| stored.digest.as_slice()).collect::<Vec<_>>())
        .bind(each().map(|(stored, _)| stored.hash.as_slice()).collect::<Vec<_>>())
        .execute(&mut self.connection)
        .await?;
        Ok(())
    }

    /// Rows as [`crate::Snapshot::each_row`] gave them; `columns` are those that they say something in.
    pub async fn rows(&mut self, table: &str, columns: &[String], rows: &[String]) -> Result<(), StoreError> {
        let table = name(table);
        let columns = columns.iter().map(|column| name(column)).collect::<Vec<_>>().join(", ");
        let statement = format!(
            "insert into {table} (tenant_id, {columns})
             select $1, {columns} from jsonb_populate_recordset(null::{table}, $2::jsonb)"
        );
        sqlx::query(AssertSqlSafe(statement))
            .bind(self.tenant)
            .bind(format!("[{}]", rows.join(",")))
            .execute(&mut self.connection)
            .await?;
        Ok(())
    }

    /// Sets the head to where the chain ended. Nothing of it is published again: what other services have of it is in
    /// their part, and what they lack they ask for.
    pub async fn end_at(&mut self, chain: &Chain) -> Result<(), StoreError> {
        let Some(recorded_at) = chain.recorded_at() else { return Ok(()) };
        sqlx::query("update heads set position = $2, hash = $3, recorded_at = $4 where tenant_id = $1")
            .bind(self.tenant)
            .bind(chain.position())
            .bind(chain.hash())
            .bind(recorded_at)
            .execute(&mut self.connection)
            .await?;
        sqlx::query("insert into relay_checkpoints (tenant_id, position) values ($1, $2)")
            .bind(self.tenant)
            .bind(chain.position())
            .execute(&mut self.connection)
            .await?;
        Ok(())
    }

    /// From here on it is the tenant's.
    pub async fn commit(&mut self) -> Result<(), StoreError> {
        sqlx::query("commit").execute(&mut self.connection).await?;
        Ok(())
    }
}

use crate::announcer::Announcer;
use crate::connect::{lazy_pool, pool};
use crate::event::Recorded;
use crate::lanes::Lanes;
use crate::reader::Reader;
use crate::writer::Writer;
use crate::{Login, Project, Schemas, Stream, TenantId, Unreadable};
use chrono::{DateTime, Utc};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, PgConnection, Postgres, Transaction};
use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, OnceLock};
use tokio::sync::{Semaphore, SemaphorePermit, broadcast};

/// One service's log. Cheap to clone.
#[derive(Clone)]
pub struct EventStore {
    inner: Arc<Inner>,
    is_background: bool,
}

#[expect(clippy::disallowed_types, reason = "the one place that holds pools: every session names its tenant")]
pub(crate) struct Inner {
    pub service: &'static str,
    app: sqlx::PgPool,
    /// For what nobody waits for: however much of it there is, requests have `app`.
    background: sqlx::PgPool,
    /// For two less than `background` has connections.
    turns: Semaphore,
    pub engine: sqlx::PgPool,
    /// For what is read or noted of many tenants by one statement.
    pub many: sqlx::PgPool,
    pub projector: Arc<dyn Project>,
    pub lanes: Lanes,
    pub writer: Writer,
    pub reader: Reader,
    pub announcer: Announcer,
    schemas: OnceLock<Schemas>,
}

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the database did not answer as expected: {0}")]
    Database(#[from] sqlx::Error),
    #[error("an event could not be written or read as JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("{stream} changed meanwhile: it is at version {actual}")]
    Conflict { stream: String, actual: i64 },
    #[error("position {position}: {why}")]
    Unreadable { position: i64, why: Unreadable },
    #[error("this Idempotency-Key came with another request before")]
    KeyReused,
    #[error("the event on {stream} has {bytes} bytes, and {most} are the most")]
    TooLarge { stream: String, bytes: usize, most: usize },
    #[error("the database role {role} may not serve: {fault}")]
    Unsafe { role: String, fault: &'static str },
    #[error("the store broke its own contract: {0}")]
    Contract(String),
}

impl EventStore {
    /// Connects and refuses roles that row-level security would not bind. `connections` are for requests; half as many, three
    /// at least, come beside them for work in the background.
    pub async fn connect(
        service: &'static str,
        login: &Login,
        connections: u32,
        projector: Arc<dyn Project>,
    ) -> Result<Self, StoreError> {
        let bound = async |login: &PgConnectOptions, connections| {
            let pool = pool(login.clone(), connections).await?;
            refuse_unbound(&mut *pool.acquire().await?).await?;
            Ok::<_, StoreError>(pool)
        };
        let app = bound(&login.app, connections).await?;
        let in_background = (connections / 2).max(3);
        // The role is that of `app`.
        let background = lazy_pool(login.app.clone(), in_background);
        let engine = bound(&login.engine, 3).await?;
        let many = bound(&login.writer, 3).await?;
        let announcer = Announcer::new(service);
        let inner = Inner {
            service,
            app,
            background,
            turns: Semaphore::new(usize::try_from(in_background - 2).unwrap_or(1)),
            engine,
            many,
            lanes: Lanes::new(),
            writer: Writer::start(service, login.writer.clone(), projector.clone(), announcer.clone()),
            reader: Reader::start(&login.writer),
            projector,
            announcer,
            schemas: OnceLock::new(),
        };
        Ok(Self { inner: Arc::new(inner), is_background: false })
    }

    /// The same store for work that nobody waits for: its sessions are on connections of their own, so that a backlog, however
    /// large, takes none from requests.
    #[must_use]
    pub fn in_background(&self) -> Self {
        Self { is_background: true, ..self.clone() }
    }

    /// From now on, and once for all, it knows which events it holds.
    #[must_use]
    pub fn knowing(self, schemas: Schemas) -> Self {
        let _ = self.inner.schemas.set(schemas);
        self
    }

    pub fn service(&self) -> &'static str {
        self.inner.service
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.inner
    }

    pub(crate) fn schemas(&self) -> Schemas {
        self.inner.schemas.get().cloned().unwrap_or_default()
    }

    /// A transaction in which the tenant's rows, and no others, are visible.
    pub async fn session(&self, tenant: TenantId) -> Result<Session, StoreError> {
        self.begin("begin", tenant).await
    }

    /// The same, begun by another statement than the usual one.
    pub(crate) async fn begin(&self, begin: &'static str, tenant: TenantId) -> Result<Session, StoreError> {
        // One round trip. What stands in the statement is a UUID.
        let begin = format!("{begin}; set local stele.tenant = '{tenant}'");
        let pool = if self.is_background { &self.inner.background } else { &self.inner.app };
        let transaction = pool.begin_with(AssertSqlSafe(begin)).await?;
        Ok(Session { transaction, tenant, schemas: self.schemas() })
    }

    /// A turn to take in what another service says. Views that catch up and what else is done in the background find connections
    /// meanwhile, however many tenants are behind.
    pub async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // It is never closed.
        self.inner.turns.acquire().await.ok()
    }

    /// Tenants that something was appended for, as it happens in this process. Missed ones are found by a sweep.
    pub fn appended(&self) -> broadcast::Receiver<TenantId> {
        self.inner.announcer.appended.subscribe()
    }

    /// Tenants whose views did not all follow their last append.
    pub fn lagging(&self) -> broadcast::Receiver<TenantId> {
        self.inner.announcer.lagging.subscribe()
    }

    /// A number that rises with each append of this process to the tenant's streams of a type, and now and then without.
    pub fn changes(&self, tenant: TenantId, kind: &str) -> u64 {
        self.inner.announcer.changes(tenant, kind)
    }

    /// The versions of the migrations that the database has seen.
    pub async fn migrated(&self) -> Result<BTreeSet<i64>, StoreError> {
        let versions = sqlx::query_scalar("select version from _sqlx_migrations where success");
        Ok(versions.fetch_all(&self.inner.engine).await?.into_iter().collect())
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("select 1").execute(&self.inner.engine).await?;
        Ok(())
    }

    /// Ends after what was given to it is recorded.
    pub async fn close(&self) {
        self.inner.writer.close().await;
        let Inner { app, background, engine, many, .. } = &*self.inner;
        tokio::join!(app.close(), background.close(), engine.close(), many.close());
    }
}

async fn refuse_unbound(connection: &mut PgConnection) -> Result<(), StoreError> {
    let (role, superuser, bypass, owner): (String, bool, bool, bool) = sqlx::query_as(
        "select rolname::text, rolsuper, rolbypassrls,
                exists (select from pg_class c where pg_has_role(r.oid, c.relowner, 'usage')
                        and c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace)
         from pg_roles r where rolname = current_user",
    )
    .fetch_one(connection)
    .await?;
    let fault = match (superuser, bypass, owner) {
        (true, _, _) => "it is a superuser, whom row-level security does not bind",
        (_, true, _) => "it has BYPASSRLS",
        (_, _, true) => "it owns tables",
        (false, false, false) => return Ok(()),
    };
    Err(StoreError::Unsafe { role, fault })
}

/// One transaction, bound to one tenant.
pub struct Session {
    transaction: Transaction<'static, Postgres>,
    tenant: TenantId,
    schemas: Schemas,
}

impl Session {
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    pub fn connection(&mut self) -> &mut PgConnection {
        &mut self.transaction
    }

    pub async fn commit(self) -> Result<(), StoreError> {
        Ok(self.transaction.commit().await?)
    }

    /// The store's own clock, by which events are recorded.
    pub async fn now(&mut self) -> Result<DateTime<Utc>, StoreError> {
        Ok(sqlx::query_scalar("select clock_timestamp()").fetch_one(&mut *self.transaction).await?)
    }

    /// The tenant's last position; 0 where nothing was recorded.
    pub async fn head(&mut self) -> Result<i64, StoreError> {
        let position = sqlx::query_scalar("select position from heads where tenant_id = $1")
            .bind(self.tenant)
            .fetch_optional(&mut *self.transaction)
            .await?;
        Ok(position.unwrap_or(0))
    }

    /// Makes this transaction the only one that appends for the tenant until it ends.
    pub async fn lock_head(&mut self) -> Result<(), StoreError> {
        sqlx::query("select lock_head($1)").bind(self.tenant).execute(&mut *self.transaction).await?;
        Ok(())
    }

    /// Waits until the appends under way are committed or gone, and lets go of the tenant's place in line at once.
    pub async fn wait_for_appends(&mut self) -> Result<(), StoreError> {
        sqlx::query("savepoint waiting").execute(&mut *self.transaction).await?;
        self.lock_head().await?;
        sqlx::query("rollback to savepoint waiting").execute(&mut *self.transaction).await?;
        Ok(())
    }

    /// The last position that was recorded at `instant` or before.
    pub async fn position_at(&mut self, instant: DateTime<Utc>) -> Result<i64, StoreError> {
        let position = sqlx::query_scalar("select position_at($1, $2)").bind(self.tenant).bind(instant);
        Ok(position.fetch_one(&mut *self.transaction).await?)
    }

    /// Events after `position`, in order, `limit` at most.
    pub async fn events_after(&mut self, position: i64, limit: i64) -> Result<Vec<Recorded>, StoreError> {
        let rows = self.rows_after(position, limit).await?;
        self.current(rows)
    }

    /// The same, each in every schema that it has had: as it is stored first, as it is now last. Others hold it in one of
    /// them, that of the time at which they heard of it.
    pub async fn shapes_after(&mut self, position: i64, limit: i64) -> Result<Vec<Vec<Recorded>>, StoreError> {
        let mut all = Vec::new();
        for row in self.rows_after(position, limit).await? {
            let position = row.position;
            let unreadable = |why| StoreError::Unreadable { position, why };
            let shapes = self.schemas.shapes(row.recorded()?).map_err(unreadable)?;
            if let Some(current) = shapes.last() {
                self.schemas.read(current).map_err(unreadable)?;
            }
            all.push(shapes);
        }
        Ok(all)
    }

    async fn rows_after(&mut self, position: i64, limit: i64) -> Result<Vec<Row>, StoreError> {
        let rows = sqlx::query_as(
            "select position, version, recorded_at, body, hash from events
             where tenant_id = $1 and position > $2 order by position limit $3",
        );
        Ok(rows.bind(self.tenant).bind(position).bind(limit).fetch_all(&mut *self.transaction).await?)
    }

    fn current(&self, rows: Vec<Row>) -> Result<Vec<Recorded>, StoreError> {
        current(&self.schemas, rows)
    }

    /// The events at these positions, in order.
    pub async fn events_at(&mut self, positions: &[i64]) -> Result<Vec<Recorded>, StoreError> {
        let rows = sqlx::query_as(
            "select position, version, recorded_at, body, hash from events
             where tenant_id = $1 and position = any($2) order by position",
        )
        .bind(self.tenant)
        .bind(positions)
        .fetch_all(&mut *self.transaction)
        .await?;
        self.current(rows)
    }

    /// One object's events up to and including `position`, oldest first.
    pub async fn stream(&mut self, stream: &Stream, position: i64) -> Result<Vec<Recorded>, StoreError> {
        let rows = sqlx::query_as(
            "select position, version, recorded_at, body, hash from events
             where tenant_id = $1 and stream = $2 and position <= $3 order by version",
        )
        .bind(self.tenant)
        .bind(stream.as_str())
        .bind(position)
        .fetch_all(&mut *self.transaction)
        .await?;
        self.current(rows)
    }

    /// Those of `streams` that have an event, and last another one than of the type `end`.
    pub async fn standing(&mut self, streams: &[Stream], end: &str) -> Result<HashSet<Stream>, StoreError> {
        let names: Vec<&str> = streams.iter().map(Stream::as_str).collect();
        let statement = "select stream from events as first
             where tenant_id = $1 and stream = any($2) and version = 1 and $3 <> (
                 select event_type from events as last where last.tenant_id = $1 and last.stream = first.stream
                 order by version desc limit 1)";
        let standing = sqlx::query_scalar(statement).bind(self.tenant).bind(names).bind(end);
        let standing: HashSet<String> = standing.fetch_all(&mut *self.transaction).await?.into_iter().collect();
        Ok(streams.iter().filter(|stream| standing.contains(stream.as_str())).cloned().collect())
    }

    /// The events of many streams in one query, each stream's oldest first.
    pub async fn streams(&mut self, streams: &[Stream]) -> Result<Vec<Recorded>, StoreError> {
        let names: Vec<&str> = streams.iter().map(Stream::as_str).collect();
        let rows = sqlx::query_as(
            "select position, version, recorded_at, body, hash from events
             where tenant_id = $1 and stream = any($2) order by stream, version",
        )
        .bind(self.tenant)
        .bind(names)
        .fetch_all(&mut *self.transaction)
        .await?;
        self.current(rows)
    }
}

#[derive(sqlx::FromRow)]
pub(crate) struct Row {
    position: i64,
    version: i64,
    recorded_at: DateTime<Utc>,
    body: String,
    hash: Vec<u8>,
}

impl Row {
    pub fn recorded(self) -> Result<Recorded, StoreError> {
        let body = serde_json::from_str(&self.body)?;
        Ok(Recorded::new(body, self.position, self.version, self.recorded_at, &self.hash))
    }
}

/// The events in their current schemas.
pub(crate) fn current(schemas: &Schemas, rows: Vec<Row>) -> Result<Vec<Recorded>, StoreError> {
    let bring_up = |row: Row| {
        let position = row.position;
        schemas.bring_up(row.recorded()?).map_err(|why| StoreError::Unreadable { position, why })
    };
    rows.into_iter().map(bring_up).collect()
}

use crate::body::Body;
use crate::crash::crash_point;
use crate::event::Recorded;
use crate::{Aggregate, CommandKey, Cx, EventOf, EventSink, EventStore, Metadata, Session, StoreError, Stream, tagged};
use chrono::{DateTime, SubsecRound, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::PgConnection;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;
use uuid::Uuid;

/// How often a decision is made anew after another process changed the same stream meanwhile.
const ATTEMPTS: u32 = 8;

/// An event travels in one NATS message, which has 1 MB at most, with its headers.
const LARGEST_EVENT: usize = 700_000;

/// Decisions on any number of a tenant's aggregates that will be recorded together or not at all.
pub struct Work {
    store: EventStore,
    session: Session,
    cx: Cx,
    held: HashMap<Stream, Vec<Recorded>>,
    pending: Vec<Recorded>,
    /// Which of `pending` belong to each stream.
    pending_of: HashMap<Stream, Vec<usize>>,
    key: Option<CommandKey>,
}

/// What one command did to one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    pub stream: Stream,
    /// The stream's version after it; the same as before where nothing had to change.
    pub version: i64,
    pub changed: bool,
}

/// A recorded answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done<T> {
    pub answer: T,
    /// The tenant's position after it.
    pub position: i64,
    /// The answer is that of an earlier request with the same Idempotency-Key.
    pub repeated: bool,
}

/// Why a command was not carried out: by a rule of the aggregate, or by the store.
#[derive(Debug)]
pub enum Refused<R> {
    Rule(R),
    /// The caller's expected version is not the stream's.
    Stale {
        actual: i64,
    },
    Store(StoreError),
}

impl<R> From<StoreError> for Refused<R> {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl<R: fmt::Display> fmt::Display for Refused<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule(rule) => rule.fmt(f),
            Self::Stale { actual } => write!(f, "the object is at version {actual}"),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl<R: fmt::Display + fmt::Debug> std::error::Error for Refused<R> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Store(error) => Some(error),
            Self::Rule(_) | Self::Stale { .. } => None,
        }
    }
}

type Deciding<'a, T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'a>>;

impl EventStore {
    /// Decides and records, once per Idempotency-Key. `lane` names what would collide (usually the stream): commands on
    /// the same lane take turns in this process. `decide` may run again after a collision with another process, so it
    /// does nothing but work on its `Work`. The answer is stored with the events and given again to a repeated request.
    pub async fn perform<T, E>(
        &self,
        cx: &Cx,
        lane: &str,
        mut decide: impl for<'a> FnMut(&'a mut Work) -> Deciding<'a, T, E> + Send,
    ) -> Result<Done<T>, E>
    where
        T: Serialize + DeserializeOwned + Send,
        E: From<StoreError>,
    {
        let _turn = self.inner().lanes.wait(&(cx.tenant, lane)).await;
        let mut attempt = 1;
        loop {
            let mut work = self.work(cx.clone()).await?;
            if let Some(done) = work.answered_before().await? {
                return Ok(done);
            }
            let answer = decide(&mut work).await?;
            match work.commit(&answer).await {
                Err(StoreError::Conflict { .. }) if attempt < ATTEMPTS => {
                    tokio::time::sleep(Duration::from_millis(u64::from(attempt) * 5)).await;
                    attempt += 1;
                }
                Ok(Committed::Now { position }) => return Ok(Done { answer, position, repeated: false }),
                Ok(Committed::Before { answer, position }) => {
                    let answer = serde_json::from_str(&answer).map_err(StoreError::from)?;
                    return Ok(Done { answer, position, repeated: true });
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// A unit of work of its own; [`EventStore::perform`] is what request code wants.
    pub async fn work(&self, cx: Cx) -> Result<Work, StoreError> {
        let session = self.session(cx.tenant).await?;
        let key = cx.command.clone();
        Ok(Work {
            store: self.clone(),
            session,
            cx,
            held: HashMap::new(),
            pending: Vec::new(),
            pending_of: HashMap::new(),
            key,
        })
    }
}

pub(crate) enum Committed {
    Now { position: i64 },
    Before { answer: String, position: i64 },
}

impl Work {
    pub fn cx(&self) -> &Cx {
        &self.cx
    }

    /// The context of what is decided from here on: a batch of messages is one work with one context each.
    pub fn continue_as(&mut self, cx: Cx) {
        debug_assert_eq!(cx.tenant, self.cx.tenant, "a work belongs to one tenant");
        self.cx = cx;
    }

    pub fn session(&mut self) -> &mut Session {
        &mut self.session
    }

    /// The transaction, for what must be read or written together with the decision.
    pub fn connection(&mut self) -> &mut PgConnection {
        self.session.connection()
    }

    /// Reads many streams at once, so that deciding on each of them costs no query of its own.
    pub async fn preload(&mut self, mut streams: Vec<Stream>) -> Result<(), StoreError> {
        // What is held already would be held twice.
        streams.retain(|stream| !self.held.contains_key(stream));
        let events = self.session.streams(&streams).await?;
        for stream in streams {
            self.held.entry(stream).or_default();
        }
        for event in events {
            self.held.entry(event.stream.clone()).or_default().push(event);
        }
        Ok(())
    }

    /// The aggregate as its events, and those decided so far in this work, make it; with its version.
    pub async fn load<A>(&mut self, id: &str) -> Result<(A, i64), StoreError>
    where
        A: Aggregate,
        A::Event: EventOf,
    {
        let stream = Stream::new(A::TYPE, id);
        if !self.held.contains_key(&stream) {
            let events = self.session.stream(&stream, i64::MAX).await?;
            self.held.insert(stream.clone(), events);
        }
        let mut aggregate = A::default();
        let mut version = 0;
        let stored = self.held.get(&stream).into_iter().flatten();
        let decided = self.pending_of.get(&stream).into_iter().flatten().map(|index| &self.pending[*index]);
        for event in stored.chain(decided) {
            if let Some(decoded) = event.decode::<A::Event>()? {
                aggregate.apply(decoded);
            }
            version = event.version;
        }
        Ok((aggregate, version))
    }

    /// Lets the aggregate decide. `expected` is the version the caller last saw, where it said so.
    pub async fn execute<A>(
        &mut self,
        id: &str,
        expected: Option<i64>,
        command: A::Command,
    ) -> Result<Changed, Refused<A::Error>>
    where
        A: Aggregate<Services = Cx>,
        A::Event: EventOf,
    {
        let stream = Stream::new(A::TYPE, id);
        let (mut aggregate, mut version) = self.load::<A>(id).await?;
        if let Some(expected) = expected
            && expected != version
        {
            return Err(Refused::Stale { actual: version });
        }
        let sink = EventSink::default();
        aggregate.handle(command, &self.cx, &sink).await.map_err(Refused::Rule)?;
        let events = sink.collect().await;
        let changed = !events.is_empty();
        for event in &events {
            version += 1;
            let recorded = self.recorded(&stream, version, event).map_err(StoreError::from)?;
            self.pending_of.entry(stream.clone()).or_default().push(self.pending.len());
            self.pending.push(recorded);
        }
        Ok(Changed { stream, version, changed })
    }

    fn recorded<E: EventOf>(&self, stream: &Stream, version: i64, event: &E) -> Result<Recorded, serde_json::Error> {
        let (name, data) = tagged(event)?;
        let cx = &self.cx;
        let id = match cx.causation_id {
            Some(cause) => Uuid::new_v5(&cause, format!("{}:{}:{}", self.store.service(), stream, version).as_bytes()),
            None => Uuid::now_v7(),
        };
        Ok(Recorded {
            tenant: cx.tenant,
            position: 0,
            stream: stream.clone(),
            version,
            id,
            event_type: format!("{}.{name}", E::STREAM),
            schema: event.event_version().parse().unwrap_or(1),
            // As it is stored: a view that follows now must see what one sees that is folded later.
            occurred_at: cx.occurred_at.unwrap_or(cx.now).trunc_subsecs(6),
            recorded_at: cx.now,
            data,
            metadata: Metadata {
                actor: cx.actor.clone(),
                reason: cx.reason().map(ToOwned::to_owned),
                command_id: cx.command.as_ref().map(|key| key.id.clone()),
                correlation_id: cx.correlation_id,
                causation_id: cx.causation_id,
                traceparent: cx.traceparent.clone(),
            },
            hash: String::new(),
        })
    }

    async fn answered_before<T: DeserializeOwned>(&mut self) -> Result<Option<Done<T>>, StoreError> {
        let Some(key) = &self.key else { return Ok(None) };
        let known: Option<(Vec<u8>, String, i64)> = sqlx::query_as(
            "select request_digest, answer, position from commands where tenant_id = $1 and command_id = $2",
        )
        .bind(self.cx.tenant)
        .bind(&key.id)
        .fetch_optional(self.session.connection())
        .await?;
        match known {
            None => Ok(None),
            Some((digest, ..)) if digest != key.request_digest => Err(StoreError::KeyReused),
            Some((_, answer, position)) => {
                Ok(Some(Done { answer: serde_json::from_str(&answer)?, position, repeated: true }))
            }
        }
    }

    /// Appends what was decided, projects it, and commits; gives the tenant's position.
    pub async fn finish(self) -> Result<i64, StoreError> {
        match self.commit(&()).await? {
            Committed::Now { position } | Committed::Before { position, .. } => Ok(position),
        }
    }

    pub(crate) async fn commit(mut self, answer: &impl Serialize) -> Result<Committed, StoreError> {
        if self.pending.is_empty() && self.key.is_none() {
            let position = self.session.head().await?;
            self.session.commit().await?;
            return Ok(Committed::Now { position });
        }
        let answer = serde_json::to_string(answer)?;
        let row = self.append(&answer).await?;
        match (row.verdict.as_str(), row.answer, row.at) {
            ("repeated", Some(answer), _) => Ok(Committed::Before { answer, position: row.last_position }),
            ("reused", ..) => Err(StoreError::KeyReused),
            ("conflict", ..) => Err(StoreError::Conflict {
                stream: row.stream.unwrap_or_default(),
                actual: row.actual.unwrap_or_default(),
            }),
            ("appended", _, at) => {
                let (store, tenant) = (self.store.clone(), self.cx.tenant);
                crash_point(store.service(), "appended");
                let followed = self.project(row.last_position, at).await?;
                crash_point(store.service(), "projected");
                let events = self.pending.len();
                self.session.commit().await?;
                crash_point(store.service(), "committed");
                if events > 0 {
                    metrics::counter!("stele_appends_total", "service" => store.service()).increment(1);
                    let count = u64::try_from(events).unwrap_or_default();
                    metrics::counter!("stele_appended_events_total", "service" => store.service()).increment(count);
                    store.announce(tenant, followed);
                }
                Ok(Committed::Now { position: row.last_position })
            }
            (verdict, ..) => Err(StoreError::Contract(format!("append answered {verdict:?}"))),
        }
    }

    async fn append(&mut self, answer: &str) -> Result<Appended, StoreError> {
        let mut seen = HashSet::new();
        let mut streams = Vec::new();
        let mut expected = Vec::new();
        let count = self.pending.len();
        let (mut ids, mut event_streams, mut types, mut bodies) = (
            Vec::with_capacity(count),
            Vec::with_capacity(count),
            Vec::with_capacity(count),
            Vec::with_capacity(count),
        );
        for event in &self.pending {
            // The first pending event of a stream says which version the decision was made on.
            if seen.insert(event.stream.as_str()) {
                streams.push(event.stream.as_str());
                expected.push(event.version - 1);
            }
            ids.push(event.id);
            event_streams.push(event.stream.as_str());
            types.push(event.event_type.as_str());
            let body = canonical(event)?;
            if body.len() > LARGEST_EVENT {
                let stream = event.stream.to_string();
                return Err(StoreError::TooLarge { stream, bytes: body.len(), most: LARGEST_EVENT });
            }
            bodies.push(body);
        }
        sqlx::query_as("select * from append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)")
            .bind(self.cx.tenant)
            .bind(self.key.as_ref().map(|key| &key.id))
            .bind(self.key.as_ref().map(|key| &key.request_digest))
            .bind(answer)
            .bind(streams)
            .bind(expected)
            .bind(ids)
            .bind(event_streams)
            .bind(types)
            .bind(bodies)
            .fetch_one(self.session.connection())
            .await
            .map_err(as_conflict)
    }

    /// Under a savepoint: a view that cannot be written is left to the catch-up worker, the command stands.
    async fn project(&mut self, last: i64, at: Option<DateTime<Utc>>) -> Result<bool, StoreError> {
        let (Some(at), false) = (at, self.pending.is_empty()) else { return Ok(true) };
        let mut position = last - i64::try_from(self.pending.len()).unwrap_or_default();
        for event in &mut self.pending {
            position += 1;
            event.position = position;
            event.recorded_at = at;
        }
        let projector = self.store.inner().projector.clone();
        sqlx::query("savepoint views").execute(self.session.connection()).await?;
        match projector.project(self.session.connection(), self.cx.tenant, &self.pending).await {
            Ok(followed) => Ok(followed),
            Err(error) => {
                tracing::error!(tenant.id = %self.cx.tenant, position = last, %error, "the views could not follow an append");
                sqlx::query("rollback to savepoint views").execute(self.session.connection()).await?;
                Ok(false)
            }
        }
    }
}

fn canonical(event: &Recorded) -> Result<String, serde_json::Error> {
    Body {
        id: event.id,
        tenant: event.tenant,
        stream: event.stream.clone(),
        event_type: event.event_type.clone(),
        schema: event.schema,
        occurred_at: event.occurred_at,
        data: event.data.clone(),
        metadata: event.metadata.clone(),
    }
    .canonical()
}

/// A unique key that two transactions reached at once is the same news as a version that moved.
fn as_conflict(error: sqlx::Error) -> StoreError {
    match error.as_database_error().and_then(sqlx::error::DatabaseError::code).as_deref() {
        Some("23505" | "40001" | "40P01") => StoreError::Conflict { stream: String::new(), actual: 0 },
        _ => StoreError::Database(error),
    }
}

#[derive(sqlx::FromRow)]
struct Appended {
    verdict: String,
    last_position: i64,
    at: Option<DateTime<Utc>>,
    answer: Option<String>,
    stream: Option<String>,
    actual: Option<i64>,
}

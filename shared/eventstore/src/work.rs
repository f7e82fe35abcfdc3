use crate::append::{self, By, Decided, Verdict};
use crate::body::canonical;
use crate::crash::crash_point;
use crate::event::Recorded;
use crate::held::Held;
use crate::reader::SHARED;
use crate::{Aggregate, CommandKey, Cx, EventOf, EventSink, EventStore, Metadata, Session, StoreError, Stream, tagged};
use chrono::SubsecRound;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::PgConnection;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use uuid::Uuid;

/// How often a decision is made anew after somebody else changed what it read; the last time nobody can.
const ATTEMPTS: u32 = 5;

/// An event travels in one NATS message, which has 1 MB at most, with its headers.
const LARGEST_EVENT: usize = 700_000;

/// Decisions on any number of a tenant's aggregates that will be recorded together or not at all, and only if nothing that
/// they read has changed. Where it never asks for its [`Work::session`], it is recorded together with others' works.
pub struct Work {
    store: EventStore,
    session: Option<Session>,
    cx: Cx,
    held: HashMap<Stream, Held>,
    pending: Vec<Recorded>,
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
            let mut work = self.work(cx.clone());
            if attempt == ATTEMPTS {
                work.lock().await?;
            }
            let answer = match decide(&mut work).await {
                Ok(answer) => answer,
                // What was done already may well be refused the second time: its first answer counts.
                Err(refused) => return work.answered_before().await?.ok_or(refused),
            };
            match work.commit(&answer).await {
                Err(StoreError::Conflict { .. }) if attempt < ATTEMPTS => attempt += 1,
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
    pub fn work(&self, cx: Cx) -> Work {
        let key = cx.command.clone();
        Work { store: self.clone(), session: None, cx, held: HashMap::new(), pending: Vec::new(), key }
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

    /// How many events are decided so far.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// The context of what is decided from here on: a batch of messages is one work with one context each.
    pub fn continue_as(&mut self, cx: Cx) {
        debug_assert_eq!(cx.tenant, self.cx.tenant, "a work belongs to one tenant");
        self.cx = cx;
    }

    /// A transaction of this work's own, for what must be read or written together with the decision. It begins when it is
    /// first asked for, and the events are then recorded in it.
    pub async fn session(&mut self) -> Result<&mut Session, StoreError> {
        match &mut self.session {
            Some(session) => Ok(session),
            none => Ok(none.insert(self.store.session(self.cx.tenant).await?)),
        }
    }

    /// The connection of [`Work::session`].
    pub async fn connection(&mut self) -> Result<&mut PgConnection, StoreError> {
        Ok(self.session().await?.connection())
    }

    /// From here on nobody else appends for the tenant: what was read before is read anew, and what is decided now stands.
    pub async fn lock(&mut self) -> Result<(), StoreError> {
        debug_assert!(self.pending.is_empty(), "what is decided already was decided on what may have changed");
        self.session().await?.lock_head().await?;
        self.held.clear();
        Ok(())
    }

    /// Reads many streams at once, so that deciding on each of them costs no query of its own.
    pub async fn preload(&mut self, mut streams: Vec<Stream>) -> Result<(), StoreError> {
        // What is held already would be held twice.
        streams.retain(|stream| !self.held.contains_key(stream));
        streams.sort_unstable();
        streams.dedup();
        let events = match &mut self.session {
            Some(session) => session.streams(&streams).await?,
            None if streams.len() > SHARED => self.store.session(self.cx.tenant).await?.streams(&streams).await?,
            None => {
                let store = self.store.inner();
                store.reader.streams(self.cx.tenant, streams.clone(), &self.store.schemas()).await?
            }
        };
        self.held.extend(streams.into_iter().map(|stream| (stream, Held::default())));
        for event in events {
            if let Some(held) = self.held.get_mut(&event.stream) {
                held.push(event);
            }
        }
        Ok(())
    }

    /// Those of `streams` of which something was recorded, and last something else than `end`.
    pub async fn standing(&mut self, streams: &[Stream], end: &str) -> Result<HashSet<Stream>, StoreError> {
        match &mut self.session {
            Some(session) => session.standing(streams, end).await,
            None => self.store.session(self.cx.tenant).await?.standing(streams, end).await,
        }
    }

    /// The aggregate as its events, and those decided so far in this work, make it; with its version.
    pub async fn load<A>(&mut self, id: &str) -> Result<(&A, i64), StoreError>
    where
        A: Aggregate + 'static,
        A::Event: EventOf,
    {
        let held = self.hold(&Stream::new(A::TYPE, id)).await?;
        let version = held.version();
        Ok((held.aggregate()?, version))
    }

    async fn hold(&mut self, stream: &Stream) -> Result<&mut Held, StoreError> {
        if !self.held.contains_key(stream) {
            self.preload(vec![stream.clone()]).await?;
        }
        Ok(self.held.entry(stream.clone()).or_default())
    }

    /// Lets the aggregate decide. `expected` is the version the caller last saw, where it said so.
    pub async fn execute<A>(
        &mut self,
        id: &str,
        expected: Option<i64>,
        command: A::Command,
    ) -> Result<Changed, Refused<A::Error>>
    where
        A: Aggregate<Services = Cx> + 'static,
        A::Event: EventOf,
    {
        let stream = Stream::new(A::TYPE, id);
        let cx = self.cx.clone();
        let held = self.hold(&stream).await?;
        let mut version = held.version();
        if let Some(expected) = expected
            && expected != version
        {
            return Err(Refused::Stale { actual: version });
        }
        let sink = EventSink::default();
        held.aggregate::<A>()?.handle(command, &cx, &sink).await.map_err(Refused::Rule)?;
        let events = sink.collect().await;
        held.decided(events.len());
        let changed = !events.is_empty();
        for event in &events {
            version += 1;
            let recorded = self.recorded(&stream, version, event).map_err(StoreError::from)?;
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

    /// The first answer to this work's Idempotency-Key, where it has one and was answered.
    async fn answered_before<T: DeserializeOwned>(&mut self) -> Result<Option<Done<T>>, StoreError> {
        let Some(key) = self.key.clone() else { return Ok(None) };
        let tenant = self.cx.tenant;
        let known: Option<(Vec<u8>, String, i64)> = sqlx::query_as(
            "select request_digest, answer, position from commands where tenant_id = $1 and command_id = $2",
        )
        .bind(tenant)
        .bind(&key.id)
        .fetch_optional(self.connection().await?)
        .await?;
        match known {
            None => Ok(None),
            Some((digest, ..)) if digest != key.request_digest => Err(StoreError::KeyReused),
            Some((_, answer, position)) => {
                Ok(Some(Done { answer: serde_json::from_str(&answer)?, position, repeated: true }))
            }
        }
    }

    /// Appends what was decided, projects it, and commits.
    pub async fn finish(self) -> Result<(), StoreError> {
        match self.session {
            Some(session) if self.pending.is_empty() && self.key.is_none() => session.commit().await,
            None if self.pending.is_empty() && self.key.is_none() => Ok(()),
            Some(_) | None => self.commit(&()).await.map(drop),
        }
    }

    pub(crate) async fn commit(mut self, answer: &impl Serialize) -> Result<Committed, StoreError> {
        if self.pending.is_empty() && self.key.is_none() {
            let position = self.session().await?.head().await?;
            if let Some(session) = self.session {
                session.commit().await?;
            }
            return Ok(Committed::Now { position });
        }
        let decided = self.decided(serde_json::to_string(answer)?)?;
        let verdict = match self.session {
            Some(session) => record_in(&self.store, session, decided).await?,
            None => self.store.inner().writer.record(decided).await?,
        };
        match verdict {
            Verdict::Appended { position, .. } => Ok(Committed::Now { position }),
            Verdict::Repeated { position, answer } => Ok(Committed::Before { answer, position }),
            Verdict::Reused => Err(StoreError::KeyReused),
            Verdict::Conflict { stream, actual } => Err(StoreError::Conflict { stream, actual }),
            Verdict::Busy => Err(StoreError::Contract("an append that waits was told to wait".to_owned())),
        }
    }

    fn decided(&mut self, answer: String) -> Result<Decided, StoreError> {
        let events = std::mem::take(&mut self.pending);
        let mut bodies = Vec::with_capacity(events.len());
        for event in &events {
            let body = canonical(event)?;
            if body.len() > LARGEST_EVENT {
                let stream = event.stream.to_string();
                return Err(StoreError::TooLarge { stream, bytes: body.len(), most: LARGEST_EVENT });
            }
            bodies.push(body);
        }
        let reads = std::mem::take(&mut self.held).into_iter().map(|(stream, held)| (stream, held.read())).collect();
        Ok(Decided { tenant: self.cx.tenant, key: self.key.take(), answer, reads, events, bodies })
    }
}

/// Records in a transaction of the work's own. Views follow under a savepoint: one that cannot be written is left to the
/// catch-up worker, and the command stands.
async fn record_in(store: &EventStore, mut session: Session, mut decided: Decided) -> Result<Verdict, StoreError> {
    let (tenant, events) = (decided.tenant, decided.events.len());
    let verdicts = append::append(session.connection(), By::Service, &[&decided]).await.map_err(|error| {
        if append::is_conflict(&error) {
            StoreError::Conflict { stream: String::new(), actual: 0 }
        } else {
            StoreError::Database(error)
        }
    })?;
    let runs = append::take_runs([&mut decided].into_iter().zip(&verdicts));
    let Some(verdict) = verdicts.into_iter().next() else {
        return Err(StoreError::Contract("append gave no verdict".to_owned()));
    };
    if !matches!(verdict, Verdict::Appended { .. }) {
        return Ok(verdict);
    }
    crash_point(store.service(), "appended");
    let mut followed = true;
    if !store.inner().projector.is_idle() && !runs.is_empty() {
        sqlx::query("savepoint views").execute(session.connection()).await?;
        match store.inner().projector.project(session.connection(), &runs).await {
            Ok(lagging) => followed = lagging.is_empty(),
            Err(error) => {
                tracing::error!(tenant.id = %tenant, %error, "the views could not follow an append: they are left to catch up");
                sqlx::query("rollback to savepoint views").execute(session.connection()).await?;
                followed = false;
            }
        }
    }
    crash_point(store.service(), "projected");
    session.commit().await?;
    crash_point(store.service(), "committed");
    if events > 0 {
        store.inner().announcer.appended(tenant, decided.kinds(), events, followed);
    }
    Ok(verdict)
}

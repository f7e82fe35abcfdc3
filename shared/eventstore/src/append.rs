use crate::event::Recorded;
use crate::{CommandKey, Run, Stream, TenantId};
use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgConnection};
use std::collections::HashSet;
use uuid::Uuid;

/// What one command decided: recorded together or not at all.
pub struct Decided {
    pub tenant: TenantId,
    pub key: Option<CommandKey>,
    /// What the caller is told, as JSON; given again to the same key.
    pub answer: String,
    /// Each stream that the decision read, and the version that it saw.
    pub reads: Vec<(Stream, i64)>,
    pub events: Vec<Recorded>,
    /// The canonical text of each event.
    pub bodies: Vec<String>,
}

impl Decided {
    /// The types of the streams that it read or wrote.
    pub fn kinds(&self) -> impl Iterator<Item = &str> {
        self.reads.iter().map(|(stream, _)| stream.kind())
    }
}

#[derive(Debug)]
pub enum Verdict {
    Appended { position: i64, at: Option<DateTime<Utc>> },
    Repeated { position: i64, answer: String },
    Reused,
    Conflict { stream: String, actual: i64 },
    Busy,
}

/// Which of the two functions appends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The service's own role, in a transaction that is bound to the tenant.
    Service,
    /// The writer, for many tenants. Where it does not wait, a tenant that is locked elsewhere is busy. Where it does not
    /// look, a key that was answered before or a stream that exists already makes all of it fail with a conflict.
    Writer { wait: bool, look: bool },
}

/// Appends what `commands` decided, which are sorted by tenant and independent; one verdict each. One statement.
pub async fn append(connection: &mut PgConnection, by: By, commands: &[&Decided]) -> Result<Vec<Verdict>, sqlx::Error> {
    if commands.iter().any(|command| command.events.len() != command.bodies.len()) {
        return Err(broken("nothing: a command has other events than texts"));
    }
    let columns = Columns::of(commands, !matches!(by, By::Writer { look: false, .. }));
    let query = match by {
        By::Service => {
            sqlx::query_as("select * from append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)")
        }
        By::Writer { wait, look } => sqlx::query_as(
            "select * from append_many($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
        )
        .bind(wait)
        .bind(look),
    };
    let rows: Vec<Row> = query
        .bind(columns.tenants)
        .bind(columns.keys)
        .bind(columns.requests)
        .bind(columns.answers)
        .bind(columns.read_by)
        .bind(columns.streams)
        .bind(columns.versions)
        .bind(columns.looks)
        .bind(columns.event_of)
        .bind(columns.event_streams)
        .bind(columns.event_versions)
        .bind(columns.ids)
        .bind(columns.types)
        .bind(columns.bodies)
        .fetch_all(connection)
        .await?;
    if rows.len() != commands.len() {
        return Err(broken(&format!("{} verdicts for {} commands", rows.len(), commands.len())));
    }
    rows.into_iter().map(Row::verdict).collect()
}

/// The events of the commands that were appended, with the place that they got, as one run a tenant.
pub fn take_runs<'a>(commands: impl Iterator<Item = (&'a mut Decided, &'a Verdict)>) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (command, verdict) in commands {
        let Verdict::Appended { position, at: Some(at) } = verdict else { continue };
        let mut events = std::mem::take(&mut command.events);
        let mut last = position - i64::try_from(events.len()).unwrap_or_default();
        for event in &mut events {
            last += 1;
            event.position = last;
            event.recorded_at = *at;
        }
        match runs.last_mut() {
            Some(run) if run.tenant == command.tenant => run.events.append(&mut events),
            _ if events.is_empty() => {}
            _ => runs.push(Run { tenant: command.tenant, events }),
        }
    }
    runs
}

/// The other way round, where the append is done again.
pub fn give_back<'a>(commands: impl Iterator<Item = &'a mut Decided>, runs: Vec<Run>) {
    let mut events = runs.into_iter().flat_map(|run| run.events);
    for command in commands.filter(|command| command.events.is_empty()) {
        command.events = events.by_ref().take(command.bodies.len()).collect();
    }
}

#[derive(Default)]
struct Columns<'a> {
    tenants: Vec<TenantId>,
    keys: Vec<Option<&'a str>>,
    requests: Vec<Option<&'a [u8]>>,
    answers: Vec<&'a str>,
    read_by: Vec<i32>,
    streams: Vec<&'a str>,
    versions: Vec<i64>,
    looks: Vec<bool>,
    event_of: Vec<i32>,
    event_streams: Vec<&'a str>,
    event_versions: Vec<i64>,
    ids: Vec<Uuid>,
    types: Vec<&'a str>,
    bodies: Vec<&'a str>,
}

impl<'a> Columns<'a> {
    fn of(commands: &[&'a Decided], look: bool) -> Self {
        let mut columns = Self::default();
        for (number, command) in (1..).zip(commands) {
            columns.tenants.push(command.tenant);
            columns.keys.push(command.key.as_ref().map(|key| key.id.as_str()));
            columns.requests.push(command.key.as_ref().map(|key| key.request_digest.as_slice()));
            columns.answers.push(&command.answer);
            // What begins collides with itself where it is there already.
            let begin = command.events.iter().filter(|event| event.version == 1);
            let begin: HashSet<&Stream> = begin.map(|event| &event.stream).collect();
            for (stream, version) in &command.reads {
                columns.read_by.push(number);
                columns.streams.push(stream.as_str());
                columns.versions.push(*version);
                columns.looks.push(look || !begin.contains(stream));
            }
            for (event, body) in command.events.iter().zip(&command.bodies) {
                columns.event_of.push(number);
                columns.event_streams.push(event.stream.as_str());
                columns.event_versions.push(event.version);
                columns.ids.push(event.id);
                columns.types.push(&event.event_type);
                columns.bodies.push(body);
            }
        }
        columns
    }
}

#[derive(FromRow)]
struct Row {
    verdict: String,
    last_position: Option<i64>,
    at: Option<DateTime<Utc>>,
    answer: Option<String>,
    stream: Option<String>,
    actual: Option<i64>,
}

impl Row {
    fn verdict(self) -> Result<Verdict, sqlx::Error> {
        Ok(match (self.verdict.as_str(), self.last_position, self.answer) {
            ("appended", Some(position), _) => Verdict::Appended { position, at: self.at },
            ("repeated", Some(position), Some(answer)) => Verdict::Repeated { position, answer },
            ("reused", ..) => Verdict::Reused,
            ("conflict", ..) => {
                Verdict::Conflict { stream: self.stream.unwrap_or_default(), actual: self.actual.unwrap_or_default() }
            }
            ("busy", ..) => Verdict::Busy,
            (verdict, ..) => return Err(broken(&format!("the verdict {verdict:?}"))),
        })
    }
}

/// A unique key that two transactions reached at once is the same news as a version that moved.
pub fn is_conflict(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    matches!(code.as_deref(), Some("23505" | "40001" | "40P01"))
}

fn broken(answered: &str) -> sqlx::Error {
    sqlx::Error::Protocol(format!("append answered {answered}"))
}

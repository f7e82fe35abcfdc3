use crate::view::{AnyView, View};
use chrono::{DateTime, Utc};
use eventstore::{NOW, Recorded};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A row as of a span of positions: from `from` until before `to`.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    pub key: String,
    pub from: i64,
    pub to: i64,
    /// The version of the last event's stream; where the key is a stream's id, the object's version.
    pub version: i64,
    pub at: DateTime<Utc>,
    pub data: Value,
}

/// What a run of events changes: standing rows that end, and rows that begin.
#[derive(Debug, Default, PartialEq)]
pub struct Changes {
    pub ended: Vec<(String, i64)>,
    pub begun: Vec<Span>,
}

/// A fold that failed, and the event that it failed on.
#[derive(Debug)]
pub struct Fault {
    pub position: i64,
    pub what: String,
}

/// The keys that `events` touch.
pub fn keys(view: &dyn AnyView, events: &[Recorded]) -> Result<BTreeSet<String>, Fault> {
    let mut keys = BTreeSet::new();
    for event in events {
        keys.extend(guarded(event.position, || view.keys(event))?);
    }
    Ok(keys)
}

/// Folds `events` in order over the rows that stand now.
pub fn fold(view: &dyn AnyView, standing: BTreeMap<String, Value>, events: &[Recorded]) -> Result<Changes, Fault> {
    view.fold(standing, events)
}

/// A row that stands while events are folded: as it was stored until it is needed, and from then on as it is.
pub enum Standing<S, V> {
    Stored(S),
    Known(V),
}

/// Folds one event into the row under one of its keys, and tells `made` what it shows then.
pub fn step<V: View, S>(
    current: Option<Standing<S, V>>,
    key: &str,
    event: &Recorded,
    read: impl FnOnce(S) -> Result<V, serde_json::Error>,
    made: impl FnOnce(Option<&V>) -> Result<(), serde_json::Error>,
) -> Result<Option<V>, Fault> {
    guarded(event.position, || {
        let current = match current {
            Some(Standing::Stored(stored)) => Some(read(stored)?),
            Some(Standing::Known(row)) => Some(row),
            None => None,
        };
        let next = V::apply(current, key, event)?;
        made(next.as_ref())?;
        Ok(next)
    })
}

/// What `events` change in a table where `standing` stands.
pub fn changes<V: View>(standing: BTreeMap<String, Value>, events: &[Recorded]) -> Result<Changes, Fault> {
    let mut changes = Changes::default();
    let mut standing: HashMap<String, Standing<Value, V>> =
        standing.into_iter().map(|(key, row)| (key, Standing::Stored(row))).collect();
    // Where the row that stands under a key was begun in this run: it is ended there, not in the table.
    let mut begun: HashMap<String, usize> = HashMap::new();
    for event in events {
        for key in guarded(event.position, || V::keys(event))? {
            let current = standing.remove(&key);
            let existed = current.is_some();
            let mut data = None;
            let next = step(current, &key, event, serde_json::from_value, |row: Option<&V>| {
                data = row.map(serde_json::to_value).transpose()?;
                Ok(())
            })?;
            match begun.remove(&key) {
                Some(index) => changes.begun[index].to = event.position,
                None if existed => changes.ended.push((key.clone(), event.position)),
                None => {}
            }
            if let Some(data) = data {
                begun.insert(key.clone(), changes.begun.len());
                let (from, version, at) = (event.position, event.version, event.recorded_at);
                changes.begun.push(Span { key: key.clone(), from, to: NOW, version, at, data });
            }
            if let Some(row) = next {
                standing.insert(key, Standing::Known(row));
            }
        }
    }
    // Two events of one position cannot be: a row that lasted no position was replaced within its own event.
    changes.begun.retain(|span| span.from < span.to);
    Ok(changes)
}

/// A panic in a fold is a fault like any other: it must not take the command with it.
pub fn guarded<T>(position: i64, fold: impl FnOnce() -> Result<T, serde_json::Error>) -> Result<T, Fault> {
    match catch_unwind(AssertUnwindSafe(fold)) {
        Ok(Ok(folded)) => Ok(folded),
        Ok(Err(error)) => Err(Fault { position, what: error.to_string() }),
        Err(_) => Err(Fault { position, what: "the fold panicked".to_owned() }),
    }
}

use crate::fold::{Fault, Standing, guarded, step};
use crate::view::View;
use chrono::{DateTime, Utc};
use eventstore::Recorded;
use serde_json::value::RawValue;
use std::collections::HashMap;

/// So many rows are remembered from one run of events to the next; others are read again.
const REMEMBERED: usize = 20_000;

/// What the view shows under a key from a position on; nothing where it shows nothing any more.
pub struct Step {
    pub key: String,
    pub position: i64,
    pub version: i64,
    pub at: DateTime<Utc>,
    pub data: Option<Box<RawValue>>,
}

/// Folds a log from its beginning, run by run: rows stay what they are between events and are written, not read back.
pub trait Folder: Send + Sync {
    /// The keys of each event, as far as they can be told.
    fn touched(&self, events: &[Recorded]) -> (Vec<Vec<String>>, Option<Fault>);

    /// Those of the keys whose rows it does not remember.
    fn unknown(&self, touched: &[Vec<String>]) -> Vec<String>;

    /// Remembers what stands under `keys`, the unknown ones.
    fn remember(&mut self, keys: Vec<String>, standing: Vec<(String, Box<RawValue>)>);

    /// Folds the events whose keys are given, in order, as far as it goes.
    fn fold(&mut self, events: &[Recorded], touched: Vec<Vec<String>>) -> (Vec<Step>, Option<Fault>);
}

/// The rows of one view of one tenant that were needed lately; nothing under a key where none stands.
pub struct Memory<V>(HashMap<String, Option<Standing<Box<RawValue>, V>>>);

impl<V> Default for Memory<V> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<V: View> Folder for Memory<V> {
    fn touched(&self, events: &[Recorded]) -> (Vec<Vec<String>>, Option<Fault>) {
        let mut touched = Vec::with_capacity(events.len());
        for event in events {
            match guarded(event.position, || V::keys(event)) {
                Ok(keys) => touched.push(keys),
                Err(fault) => return (touched, Some(fault)),
            }
        }
        (touched, None)
    }

    fn unknown(&self, touched: &[Vec<String>]) -> Vec<String> {
        let mut unknown: Vec<String> =
            touched.iter().flatten().filter(|key| !self.0.contains_key(*key)).cloned().collect();
        unknown.sort_unstable();
        unknown.dedup();
        unknown
    }

    fn remember(&mut self, keys: Vec<String>, standing: Vec<(String, Box<RawValue>)>) {
        self.0.extend(keys.into_iter().map(|key| (key, None)));
        self.0.extend(standing.into_iter().map(|(key, row)| (key, Some(Standing::Stored(row)))));
    }

    fn fold(&mut self, events: &[Recorded], touched: Vec<Vec<String>>) -> (Vec<Step>, Option<Fault>) {
        let mut steps: Vec<Step> = Vec::with_capacity(events.len());
        for (event, keys) in events.iter().zip(touched) {
            for key in keys {
                let current = self.0.remove(&key).flatten();
                let existed = current.is_some();
                let mut data = None;
                let next = step(
                    current,
                    &key,
                    event,
                    |row| serde_json::from_str(row.get()),
                    |row: Option<&V>| {
                        data = row.map(serde_json::value::to_raw_value).transpose()?;
                        Ok(())
                    },
                );
                match next {
                    Ok(next) => self.0.insert(key.clone(), next.map(Standing::Known)),
                    Err(fault) => {
                        // The event counts whole or not at all.
                        steps.retain(|step| step.position < fault.position);
                        return (steps, Some(fault));
                    }
                };
                if existed || data.is_some() {
                    let step =
                        Step { key, position: event.position, version: event.version, at: event.recorded_at, data };
                    put(&mut steps, step);
                }
            }
        }
        if self.0.len() > REMEMBERED {
            self.0.clear();
        }
        (steps, None)
    }
}

/// An event that names a key twice has it shown once, as it is in the end.
fn put(steps: &mut Vec<Step>, step: Step) {
    let same = steps.iter_mut().rev().take_while(|earlier| earlier.position == step.position);
    match same.into_iter().find(|earlier| earlier.key == step.key) {
        Some(earlier) => *earlier = step,
        None => steps.push(step),
    }
}

use crate::tagged::{names, tagged};
use crate::upcast::{Unreadable, Upcast, ahead, current_schema, next};
use crate::{EventOf, Recorded};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The events that a service records. Its store gives each in its current schema and refuses what is newer; one that was
/// given none gives what is stored.
#[derive(Clone, Debug, Default)]
pub struct Schemas(Arc<Inner>);

#[derive(Clone, Debug, Default)]
struct Inner {
    known: BTreeMap<String, Known>,
    faults: Vec<String>,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    upcasts: &'static [Upcast],
    read: fn(&Recorded) -> Result<Value, serde_json::Error>,
}

impl Schemas {
    pub fn new() -> Self {
        Self::default()
    }

    /// And the events of one more aggregate.
    #[must_use]
    pub fn with<E: EventOf>(mut self) -> Self {
        let Inner { known, faults } = Arc::make_mut(&mut self.0);
        let names = names::<E>();
        if names.is_empty() {
            faults.push(format!("the events of {} are no enum tagged with `type` and `data`", E::STREAM));
        }
        for (index, change) in E::CHANGES.iter().enumerate() {
            if !names.contains(&change.event) {
                faults.push(format!("{}.{} has upcasts and is no event", E::STREAM, change.event));
            }
            if E::CHANGES.iter().take(index).any(|before| before.event == change.event) {
                faults.push(format!("{}.{} has upcasts twice", E::STREAM, change.event));
            }
        }
        for name in names {
            let event_type = format!("{}.{name}", E::STREAM);
            let this = Known { upcasts: E::upcasts(name), read: read::<E> };
            if known.insert(event_type.clone(), this).is_some() {
                faults.push(format!("{event_type} is recorded by two aggregates"));
            }
        }
        self
    }

    /// Whether what was declared fits together; a sentence where it does not.
    pub fn check(&self) -> Result<(), String> {
        if self.0.faults.is_empty() { Ok(()) } else { Err(self.0.faults.join("; ")) }
    }

    /// Every event type with its current schema.
    pub fn current(&self) -> impl Iterator<Item = (&str, u32)> {
        self.0.known.iter().map(|(event_type, known)| (event_type.as_str(), current_schema(known.upcasts)))
    }

    /// The event in its current schema.
    pub fn bring_up(&self, mut event: Recorded) -> Result<Recorded, Unreadable> {
        for upcast in self.ahead(&event)? {
            event = stepped(*upcast, event)?;
        }
        Ok(event)
    }

    /// The event in every schema that it has had: as it is stored first, as it is now last.
    pub fn shapes(&self, event: Recorded) -> Result<Vec<Recorded>, Unreadable> {
        let ahead = self.ahead(&event)?;
        let mut shapes = vec![event];
        for upcast in ahead {
            shapes.extend(shapes.last().cloned().map(|before| stepped(*upcast, before)).transpose()?);
        }
        Ok(shapes)
    }

    /// What this program understands of an event in its current schema: the data as it would record it itself.
    pub fn read(&self, event: &Recorded) -> Result<Value, Unreadable> {
        let Some(known) = self.known(event)? else { return Ok(event.data.clone()) };
        (known.read)(event).map_err(|error| {
            let (event_type, error) = (event.event_type.clone(), error.to_string());
            Unreadable::Malformed { event_type, error }
        })
    }

    fn known(&self, event: &Recorded) -> Result<Option<&Known>, Unreadable> {
        match self.0.known.get(&event.event_type) {
            Some(known) => Ok(Some(known)),
            None if self.0.known.is_empty() => Ok(None),
            None => Err(Unreadable::Unknown(event.event_type.clone())),
        }
    }

    fn ahead(&self, event: &Recorded) -> Result<&'static [Upcast], Unreadable> {
        self.known(event)?.map_or(Ok(&[]), |known| ahead(known.upcasts, &event.event_type, event.schema))
    }
}

fn stepped(upcast: Upcast, event: Recorded) -> Result<Recorded, Unreadable> {
    let data = next(upcast, &event.event_type, event.data)?;
    Ok(Recorded { data, schema: event.schema.saturating_add(1), ..event })
}

fn read<E: EventOf>(event: &Recorded) -> Result<Value, serde_json::Error> {
    match event.decode::<E>()? {
        Some(decoded) => tagged(&decoded).map(|(_, data)| data),
        None => Err(serde::de::Error::custom("it is on a stream of another type")),
    }
}

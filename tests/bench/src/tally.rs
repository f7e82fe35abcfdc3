//! A small aggregate and its view: what is recorded where no service is part of the measurement.

use crate::content::TEXT;
use eventstore::{Cx, Recorded, aggregate};
use serde::{Deserialize, Serialize};
use views::{Column, Folded, View};

#[derive(Default, Serialize, Deserialize)]
pub struct Tally {
    pub total: u32,
}

/// Adds one so many times.
#[derive(Clone, Copy)]
pub struct Add(pub u32);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    Added { amount: u32, text: String },
}

#[derive(Debug, thiserror::Error)]
#[error("never")]
pub struct Broken;

impl Tally {
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "the shape of every decision")]
    fn decide(&self, Add(count): Add, _: &Cx) -> Result<Vec<Event>, Broken> {
        Ok((0..count).map(|_| Event::Added { amount: 1, text: TEXT.to_owned() }).collect())
    }

    fn apply(&mut self, Event::Added { amount, .. }: Event) {
        self.total += amount;
    }
}

aggregate!(Tally, "tally", Add, Event, Broken);

/// What stands of each tally.
#[derive(Serialize, Deserialize)]
pub struct Shelf {
    pub total: u32,
    pub text: String,
}

impl View for Shelf {
    const NAME: &'static str = "shelf";
    const COLUMNS: &'static [Column] = &[Column::int("total")];

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        Ok(event.decode::<Event>()?.map(|_| event.stream.id().to_owned()).into_iter().collect())
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        let Some(Event::Added { amount, text }) = event.decode()? else { return Ok(current) };
        Ok(Some(Self { total: current.map_or(0, |shelf| shelf.total) + amount, text }))
    }
}

//! Uploads that were recorded, each under an id of its own, in the append that it is.

use chrono::{DateTime, Utc};
use eventstore::{Cx, Recorded, aggregate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use views::{Column, Folded, View, stream_key};

/// An upload: its event stands behind those that it caused.
#[derive(Default, Serialize, Deserialize)]
pub struct Import {
    kept: Option<Kept>,
    undone: bool,
}

/// What an upload was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// What it was a list of, as in its path.
    pub register: String,
    pub rows: u32,
    pub created: u32,
    pub changed: u32,
    /// How many events it caused: those that stand right before this one.
    pub events: u32,
}

#[derive(Clone, Debug)]
pub enum Command {
    Record(Kept),
    Undo,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    Recorded(Kept),
    /// All that it caused was taken back by the events right before this one.
    Undone {},
}

#[derive(Debug, PartialEq, Eq, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Broken {
    #[error("there is no such upload")]
    NotRecorded,
}

impl Import {
    /// What it was, where it was of this register.
    pub fn kept(&self, register: &str) -> Option<&Kept> {
        self.kept.as_ref().filter(|kept| kept.register == register)
    }

    pub fn is_undone(&self) -> bool {
        self.undone
    }

    fn decide(&self, command: Command, _: &Cx) -> Result<Vec<Event>, Broken> {
        match (command, &self.kept) {
            (Command::Record(kept), None) => Ok(vec![Event::Recorded(kept)]),
            (Command::Undo, None) => Err(Broken::NotRecorded),
            (Command::Undo, Some(_)) if !self.undone => Ok(vec![Event::Undone {}]),
            (Command::Record(_) | Command::Undo, Some(_)) => Ok(vec![]),
        }
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Recorded(kept) => self.kept = Some(kept),
            Event::Undone {} => self.undone = true,
        }
    }
}

aggregate!(Import, "import", Command, Event, Broken);

/// An upload that was recorded. A list is in the order of recording, for ids grow with time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct KeptImport {
    /// What it was a list of, as in its path.
    #[schema(example = "risks")]
    pub register: String,
    /// Rows that were not empty, without the heading.
    pub rows: u32,
    pub created: u32,
    pub changed: u32,
    #[serde(flatten)]
    pub done: Doing,
    /// By whom, when and why it was taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undone: Option<Doing>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = ImportDoing)]
pub struct Doing {
    /// A person's id, or `key:` and that of an API key.
    pub by: String,
    pub at: DateTime<Utc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Doing {
    fn of(event: &Recorded) -> Self {
        Self { by: event.metadata.actor.to_string(), at: event.recorded_at, reason: event.metadata.reason.clone() }
    }
}

impl View for KeptImport {
    const NAME: &'static str = "import";
    const COLUMNS: &'static [Column] = &[Column::text("register")];

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        Ok(stream_key::<Event>(event))
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        Ok(match event.decode::<Event>()? {
            None => current,
            Some(Event::Recorded(Kept { register, rows, created, changed, events: _ })) => {
                Some(Self { register, rows, created, changed, done: Doing::of(event), undone: None })
            }
            Some(Event::Undone {}) => current.map(|import| Self { undone: Some(Doing::of(event)), ..import }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Command, Event, Import, Kept};
    use eventstore::{Actor, Cx, TenantId};

    #[test]
    fn an_upload_is_taken_back_once() {
        let now = "2026-03-01T09:30:00Z".parse().expect("an instant");
        let cx = Cx::new(TenantId::random(), Actor::Person("mara".to_owned()), now);
        let kept = Kept { register: "risks".to_owned(), rows: 2, created: 1, changed: 0, events: 3 };
        let mut import = Import::default();
        assert!(import.decide(Command::Undo, &cx).is_err());
        for (command, expected) in
            [(Command::Record(kept.clone()), Event::Recorded(kept.clone())), (Command::Undo, Event::Undone {})]
        {
            assert_eq!(import.decide(command.clone(), &cx), Ok(vec![expected.clone()]));
            import.apply(expected);
            assert_eq!(import.decide(command, &cx), Ok(vec![]));
        }
        assert_eq!((import.kept("risks"), import.kept("assets")), (Some(&kept), None));
    }
}

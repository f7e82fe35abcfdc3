//! A version of a library, as it was published: it never changes.

use ::library::Item;
use eventstore::{Cx, aggregate};
use serde::{Deserialize, Serialize};

/// One stream a version, so that who needs one reads no other.
#[derive(Default, Serialize, Deserialize)]
pub struct Release {
    published: Option<Published>,
}

#[derive(Clone, Debug)]
pub enum Command {
    Publish(Published),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    Published(Published),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Published {
    pub library: String,
    /// What the library was called then.
    pub name: String,
    pub version: u32,
    pub digest: String,
    pub items: Vec<Item>,
}

#[derive(Debug, PartialEq, thiserror::Error, strum::IntoStaticStr)]
pub enum Broken {}

/// The stream's id, and the key of what shows it.
pub fn id(library: &str, version: u32) -> String {
    format!("{library}/{version}")
}

impl Release {
    pub fn published(&self) -> Option<&Published> {
        self.published.as_ref()
    }

    #[expect(clippy::unnecessary_wraps, reason = "the shape of every decision")]
    fn decide(&self, Command::Publish(published): Command, _: &Cx) -> Result<Vec<Event>, Broken> {
        Ok(if self.published.is_some() { vec![] } else { vec![Event::Published(published)] })
    }

    fn apply(&mut self, Event::Published(published): Event) {
        self.published = Some(published);
    }
}

aggregate!(Release, "release", Command, Event, Broken);

mod body;
mod import;
mod list;
mod routes;
#[cfg(test)]
mod tests;

pub use list::RaisedFinding;
pub use routes::routes;

use chrono::NaiveDate;
use eventstore::{Cx, aggregate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Before the number of one that nobody named.
const LETTERS: &str = "F";

/// What somebody found who looked whether the ISMS is as it should be (clauses 9.2 and 10.2).
#[derive(Default, Serialize, Deserialize)]
pub struct Finding {
    /// What is said of it, once it is raised.
    profile: Option<Profile>,
    closed: bool,
}

/// What is said of a finding, whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    pub title: String,
    pub kind: Kind,
    /// What was found, and where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The clauses and the controls of Annex A that it is about.
    #[serde(default)]
    pub requirements: Vec<String>,
    /// The audit that it comes from, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    pub raised_on: NaiveDate,
    /// Who sees to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The last day on which it is to be seen to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<NaiveDate>,
}

/// How bad it is; the worst comes first.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    ToSchema,
    strum::EnumString,
    strum::VariantNames,
    strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[schema(as = FindingKind)]
pub enum Kind {
    /// A requirement is not met, so that the ISMS may not reach what it is for.
    MajorNonconformity,
    MinorNonconformity,
    /// No requirement is broken yet.
    Observation,
    /// It could be better.
    Opportunity,
    GoodPractice,
}

#[derive(Clone, Debug)]
pub enum Command {
    Raise(Profile),
    Describe(Profile),
    Close,
    Reopen,
    /// It should never have been there.
    Remove,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    Raised(Profile),
    Described(Profile),
    /// Nothing more is to be done about it.
    Closed {},
    /// Something is to be done about it after all.
    Reopened {},
    /// It is in the register no more, as if it had never been there; its ref is free again.
    Removed {},
}

#[derive(Debug, PartialEq, Eq, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Broken {
    #[error("there is a finding of this ref already: choose another one")]
    Taken,
    #[error("this tenant has no such finding")]
    NotRaised,
    #[error("the finding is closed: reopen it first")]
    Closed,
}

impl Finding {
    pub fn profile(&self) -> Option<&Profile> {
        self.profile.as_ref()
    }

    pub fn is_closed(&self) -> bool {
        self.closed
    }

    fn decide(&self, command: Command, _: &Cx) -> Result<Vec<Event>, Broken> {
        let Some(profile) = &self.profile else {
            let Command::Raise(profile) = command else { return Err(Broken::NotRaised) };
            return Ok(vec![Event::Raised(profile)]);
        };
        match command {
            Command::Raise(same) | Command::Describe(same) if same == *profile => Ok(vec![]),
            Command::Raise(_) => Err(Broken::Taken),
            Command::Describe(_) if self.closed => Err(Broken::Closed),
            Command::Describe(profile) => Ok(vec![Event::Described(profile)]),
            Command::Close if self.closed => Ok(vec![]),
            Command::Close => Ok(vec![Event::Closed {}]),
            Command::Reopen if self.closed => Ok(vec![Event::Reopened {}]),
            Command::Reopen => Ok(vec![]),
            Command::Remove => Ok(vec![Event::Removed {}]),
        }
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Raised(profile) | Event::Described(profile) => self.profile = Some(profile),
            Event::Closed {} => self.closed = true,
            Event::Reopened {} => self.closed = false,
            Event::Removed {} => *self = Self::default(),
        }
    }
}

aggregate!(Finding, "finding", Command, Event, Broken);

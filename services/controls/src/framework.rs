mod answers;
mod coverage;
mod list;
mod remove;
mod routes;
#[cfg(test)]
mod tests;
mod upload;

pub use list::UploadedFramework;
pub use routes::routes;

use eventstore::{Cx, aggregate};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// A framework beside Annex A, such as a law or a customer's catalogue: what it asks for, and what answers that.
#[derive(Default, Serialize, Deserialize)]
pub struct Framework {
    contents: Option<Contents>,
    mappings: Vec<Mapping>,
}

/// What it asks for, whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = FrameworkContents)]
pub struct Contents {
    pub title: String,
    /// Of the framework itself, such as its year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    pub requirements: Vec<Asked>,
}

/// One requirement of a framework.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = FrameworkRequirement)]
pub struct Asked {
    pub id: String,
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The requirement that it is a part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
}

/// How much of a requirement something answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = MappingStrength)]
pub enum Strength {
    Partial,
    Full,
}

/// That a requirement is answered by one of Annex A or of another framework.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[schema(as = FrameworkMapping)]
pub struct Mapping {
    pub requirement: String,
    /// The framework of what answers it: `iso27001_2022`, `iso27001_2013` or one that was uploaded.
    pub framework: String,
    /// A control of Annex A, or a requirement of the other framework.
    pub target: String,
    pub strength: Strength,
}

#[derive(Clone, Debug)]
pub enum Command {
    Register(Contents),
    /// What it asks for, anew; its title and version stay where they are not given. An empty version: it has none.
    Describe {
        title: Option<String>,
        version: Option<String>,
        requirements: Vec<Asked>,
    },
    Map(Vec<Mapping>),
    /// Takes it away. `answers` are the frameworks of which something is answered by it.
    Remove {
        answers: Vec<String>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    Registered(Contents),
    Described(Contents),
    Mapped {
        mappings: Vec<Mapping>,
    },
    /// It is here no more, with its mappings; its ref is free again.
    Removed {},
}

#[derive(Debug, PartialEq, Eq, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Broken {
    #[error("there is a framework of this ref already: choose another one")]
    Taken,
    #[error("this tenant has no such framework")]
    NotRegistered,
    #[error("mappings name what it would not ask for any more, {}: map it without them first", .0.join(", "))]
    StillMapped(Vec<String>),
    #[error("it does not ask for {}: upload it with them first", .0.join(", "))]
    NotAskedFor(Vec<String>),
    #[error("it answers requirements of {}: map these without it first", .0.join(", "))]
    Answers(Vec<String>),
}

impl Framework {
    pub fn is_there(&self) -> bool {
        self.contents.is_some()
    }

    fn decide(&self, command: Command, _: &Cx) -> Result<Vec<Event>, Broken> {
        let Some(standing) = &self.contents else {
            let Command::Register(contents) = command else { return Err(Broken::NotRegistered) };
            return Ok(vec![Event::Registered(contents)]);
        };
        match command {
            Command::Register(same) if same == *standing => Ok(vec![]),
            Command::Register(_) => Err(Broken::Taken),
            Command::Describe { title, version, requirements } => {
                let title = title.unwrap_or_else(|| standing.title.clone());
                let version = version.or(standing.version.clone()).filter(|version| !version.is_empty());
                let contents = Contents { title, version, requirements };
                match Self::missing(&self.mappings, &contents) {
                    _ if contents == *standing => Ok(vec![]),
                    gone if gone.is_empty() => Ok(vec![Event::Described(contents)]),
                    gone => Err(Broken::StillMapped(gone)),
                }
            }
            Command::Map(mappings) if self.mappings == mappings => Ok(vec![]),
            Command::Map(mappings) => match Self::missing(&mappings, standing) {
                unknown if unknown.is_empty() => Ok(vec![Event::Mapped { mappings }]),
                unknown => Err(Broken::NotAskedFor(unknown)),
            },
            Command::Remove { answers } if answers.is_empty() => Ok(vec![Event::Removed {}]),
            Command::Remove { answers } => Err(Broken::Answers(answers)),
        }
    }

    /// Requirements that mappings name and the contents lack.
    fn missing(mappings: &[Mapping], contents: &Contents) -> Vec<String> {
        let asked: BTreeSet<&String> = contents.requirements.iter().map(|asked| &asked.id).collect();
        let named: BTreeSet<&String> = mappings.iter().map(|mapping| &mapping.requirement).collect();
        named.difference(&asked).copied().cloned().collect()
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Registered(contents) | Event::Described(contents) => self.contents = Some(contents),
            Event::Mapped { mappings } => self.mappings = mappings,
            Event::Removed {} => *self = Self::default(),
        }
    }
}

aggregate!(Framework, "framework", Command, Event, Broken);

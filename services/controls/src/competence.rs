mod body;
mod list;

pub use body::{DescribeCompetence, RetireCompetence};
pub use list::RegisteredCompetence;

use access::RoleName;
use chrono::NaiveDate;
use eventstore::{Cx, aggregate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What people must be able to do, or be aware of (clauses 7.2 and 7.3), and who must.
#[derive(Default, Serialize, Deserialize)]
pub struct Competence {
    profile: Option<Profile>,
    retired: bool,
}

/// What is said of it, whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    pub title: String,
    pub kind: Kind,
    /// By what it is told that somebody has it.
    pub criterion: String,
    /// Who must have it.
    #[serde(default)]
    pub people: Vec<String>,
    /// Whoever has one of these roles must have it, too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<RoleName>,
    /// The day by which they must.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_on: Option<NaiveDate>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, strum::VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[schema(as = CompetenceKind)]
pub enum Kind {
    /// What somebody's work takes.
    Competence,
    /// What all must be aware of: a campaign, a course.
    Awareness,
}

#[derive(Clone, Debug)]
pub enum Command {
    Register(Profile),
    Describe(Profile),
    Retire,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    Registered(Profile),
    Described(Profile),
    Retired {},
}

#[derive(Debug, PartialEq, Eq, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Broken {
    #[error("there is a competence of this ref already: choose another one")]
    Taken,
    #[error("this tenant has no such competence")]
    NotRegistered,
    #[error("nobody needs it any more: register it anew under another ref")]
    Retired,
}

impl Competence {
    /// Whether it is needed at all.
    pub fn is_needed(&self) -> bool {
        self.profile.is_some() && !self.retired
    }

    fn decide(&self, command: Command, _: &Cx) -> Result<Vec<Event>, Broken> {
        let Some(profile) = &self.profile else {
            let Command::Register(profile) = command else { return Err(Broken::NotRegistered) };
            return Ok(vec![Event::Registered(profile)]);
        };
        match command {
            Command::Register(same) if same == *profile => Ok(vec![]),
            Command::Register(_) => Err(Broken::Taken),
            Command::Retire if self.retired => Ok(vec![]),
            Command::Retire => Ok(vec![Event::Retired {}]),
            Command::Describe(_) if self.retired => Err(Broken::Retired),
            Command::Describe(same) if same == *profile => Ok(vec![]),
            Command::Describe(profile) => Ok(vec![Event::Described(profile)]),
        }
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Registered(profile) | Event::Described(profile) => self.profile = Some(profile),
            Event::Retired {} => self.retired = true,
        }
    }
}

aggregate!(Competence, "competence", Command, Event, Broken);

#[cfg(test)]
mod tests {
    use super::{Broken, Command, Competence, Event, Kind, Profile};
    use eventstore::{Actor, Cx, TenantId};

    fn profile(people: &[&str]) -> Profile {
        let people = people.iter().map(|person| (*person).to_owned()).collect();
        let (title, criterion) = ("Secure coding".to_owned(), "The course of this year".to_owned());
        Profile { title, kind: Kind::Competence, criterion, people, roles: vec![], due_on: None }
    }

    fn when(events: Vec<Event>, command: Command) -> Result<Vec<Event>, Broken> {
        let mut competence = Competence::default();
        for event in events {
            competence.apply(event);
        }
        let now = "2026-03-01T09:30:00Z".parse().expect("an instant");
        competence.decide(command, &Cx::new(TenantId::random(), Actor::Person("mara".to_owned()), now))
    }

    #[test]
    fn it_is_registered_once_changed_at_will_and_retired_for_good() {
        let registered = || Event::Registered(profile(&["sam"]));
        assert_eq!(when(vec![], Command::Describe(profile(&[]))), Err(Broken::NotRegistered));
        assert_eq!(when(vec![], Command::Register(profile(&["sam"]))), Ok(vec![registered()]));
        assert_eq!(when(vec![registered()], Command::Register(profile(&["sam"]))), Ok(vec![]));
        assert_eq!(when(vec![registered()], Command::Register(profile(&[]))), Err(Broken::Taken));
        let described = Event::Described(profile(&["olga"]));
        assert_eq!(when(vec![registered()], Command::Describe(profile(&["olga"]))), Ok(vec![described]));
        let retired = || vec![registered(), Event::Retired {}];
        assert_eq!(when(retired(), Command::Describe(profile(&["olga"]))), Err(Broken::Retired));
        assert_eq!(when(retired(), Command::Retire), Ok(vec![]));
    }
}

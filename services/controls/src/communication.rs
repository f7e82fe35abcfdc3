mod body;
mod list;

pub use body::{DescribeCommunication, NoteCommunication, StopCommunication};
pub use list::PlannedCommunication;

use chrono::NaiveDate;
use eventstore::{Cx, aggregate};
use serde::{Deserialize, Serialize};

/// One line of the communication plan (clause 7.4), and when it was kept to.
#[derive(Default, Serialize, Deserialize)]
pub struct Communication {
    profile: Option<Profile>,
    last: Option<Occurrence>,
    stopped: bool,
}

/// What is communicated, whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// On what.
    pub subject: String,
    /// How often, or on what occasion.
    pub occasion: String,
    pub with_whom: String,
    /// By which means.
    pub means: String,
    /// Who sees to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The day by which it is due next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_on: Option<NaiveDate>,
}

/// That it was communicated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Occurrence {
    pub made_on: NaiveDate,
    /// What was said, or where it stands.
    pub record: String,
    /// The day by which it is due again; none where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_on: Option<NaiveDate>,
}

#[derive(Clone, Debug)]
pub enum Command {
    Plan(Profile),
    Describe(Profile),
    Make(Occurrence),
    Stop,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    Planned(Profile),
    Described(Profile),
    Made(Occurrence),
    Stopped {},
}

#[derive(Debug, PartialEq, Eq, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Broken {
    #[error("the plan has a line of this ref already: choose another one")]
    Taken,
    #[error("the plan has no such line")]
    NotPlanned,
    #[error("it was stopped: plan it anew under another ref")]
    Stopped,
}

impl Communication {
    fn decide(&self, command: Command, _: &Cx) -> Result<Vec<Event>, Broken> {
        let Some(profile) = &self.profile else {
            let Command::Plan(profile) = command else { return Err(Broken::NotPlanned) };
            return Ok(vec![Event::Planned(profile)]);
        };
        match command {
            Command::Plan(same) if same == *profile => Ok(vec![]),
            Command::Plan(_) => Err(Broken::Taken),
            Command::Stop if self.stopped => Ok(vec![]),
            _ if self.stopped => Err(Broken::Stopped),
            Command::Stop => Ok(vec![Event::Stopped {}]),
            Command::Describe(same) if same == *profile => Ok(vec![]),
            Command::Describe(profile) => Ok(vec![Event::Described(profile)]),
            Command::Make(made) if self.last.as_ref() == Some(&made) => Ok(vec![]),
            Command::Make(made) => Ok(vec![Event::Made(made)]),
        }
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Planned(profile) | Event::Described(profile) => self.profile = Some(profile),
            Event::Made(made) => self.last = Some(made),
            Event::Stopped {} => self.stopped = true,
        }
    }
}

aggregate!(Communication, "communication", Command, Event, Broken);

#[cfg(test)]
pub mod tests {
    use super::{Broken, Command, Communication, Event, Occurrence, Profile};
    use eventstore::{Actor, Cx, TenantId};

    pub fn profile(subject: &str) -> Profile {
        let text = |text: &str| text.to_owned();
        let next_on = "2026-06-30".parse().ok();
        let (occasion, with_whom, means) = (text("Once a quarter"), text("All staff"), text("Meeting"));
        Profile { subject: text(subject), occasion, with_whom, means, owner: None, next_on }
    }

    pub fn made(next_on: Option<&str>) -> Occurrence {
        let (made_on, record) = ("2026-03-01".parse().expect("a day"), "Minutes".to_owned());
        Occurrence { made_on, record, next_on: next_on.and_then(|day| day.parse().ok()) }
    }

    fn when(events: Vec<Event>, command: Command) -> Result<Vec<Event>, Broken> {
        let mut communication = Communication::default();
        for event in events {
            communication.apply(event);
        }
        let now = "2026-03-01T09:30:00Z".parse().expect("an instant");
        communication.decide(command, &Cx::new(TenantId::random(), Actor::Person("mara".to_owned()), now))
    }

    #[test]
    fn a_line_is_planned_once_kept_to_often_and_stopped_for_good() {
        let planned = || Event::Planned(profile("Incidents"));
        assert_eq!(when(vec![], Command::Make(made(None))), Err(Broken::NotPlanned));
        assert_eq!(when(vec![planned()], Command::Plan(profile("Incidents"))), Ok(vec![]));
        assert_eq!(when(vec![planned()], Command::Plan(profile("Risks"))), Err(Broken::Taken));
        assert_eq!(when(vec![planned()], Command::Make(made(None))), Ok(vec![Event::Made(made(None))]));
        assert_eq!(when(vec![planned(), Event::Made(made(None))], Command::Make(made(None))), Ok(vec![]));
        let stopped = || vec![planned(), Event::Stopped {}];
        assert_eq!(when(stopped(), Command::Make(made(None))), Err(Broken::Stopped));
        assert_eq!(when(stopped(), Command::Stop), Ok(vec![]));
    }
}

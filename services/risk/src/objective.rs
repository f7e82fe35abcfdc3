//! What the ISMS is to reach (clause 6.2): by when, by whom, with what, and how it is seen whether it was reached.

mod body;
mod pursued;

pub use body::{DropObjective, EvaluateObjective, SetObjective};
pub use pursued::PursuedObjective;

use chrono::NaiveDate;
use eventstore::{Cx, aggregate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is said about an objective, whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ObjectiveProfile)]
pub struct Profile {
    #[schema(example = "Restore any customer's data within four hours")]
    pub what: String,
    /// By what it is measured.
    #[schema(example = "Hours of the quarterly restore test")]
    pub measure: String,
    /// What that is to come to.
    #[schema(example = "4 or less, twice in a row")]
    pub target: String,
    /// What is done for it.
    pub actions: String,
    pub resources: String,
    /// A person's id.
    pub owner: String,
    /// The last day, in UTC.
    pub due: NaiveDate,
    /// How it is seen whether it was reached.
    pub evaluation: String,
}

/// What an evaluation found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Verdict {
    OnTrack,
    AtRisk,
    Achieved,
    Missed,
}

#[derive(Default, Serialize, Deserialize)]
pub struct Objective {
    profile: Option<Profile>,
    dropped: bool,
}

#[derive(Clone, Debug)]
pub enum Command {
    Set(Profile),
    Change(Profile),
    Evaluate { on: NaiveDate, result: String, verdict: Verdict },
    Drop,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    Set(Profile),
    Changed(Profile),
    Evaluated { on: NaiveDate, result: String, verdict: Verdict },
    Dropped {},
}

#[derive(Debug, PartialEq, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Broken {
    #[error("ref: an objective of this ref is set, with other content: take another ref, or PUT the change")]
    RefTaken,
    #[error("the objective was given up, and stays as it is: set another one")]
    Dropped,
}

impl Objective {
    fn decide(&self, command: Command, _: &Cx) -> Result<Vec<Event>, Broken> {
        let so_already = |profile: &Profile| self.profile.as_ref() == Some(profile);
        match command {
            Command::Set(profile) if self.profile.is_none() => Ok(vec![Event::Set(profile)]),
            Command::Set(profile) | Command::Change(profile) if so_already(&profile) => Ok(vec![]),
            Command::Set(_) => Err(Broken::RefTaken),
            Command::Drop => Ok(if self.dropped { vec![] } else { vec![Event::Dropped {}] }),
            Command::Change(_) | Command::Evaluate { .. } if self.dropped => Err(Broken::Dropped),
            Command::Change(profile) => Ok(vec![Event::Changed(profile)]),
            // That it was looked at again and found the same is news.
            Command::Evaluate { on, result, verdict } => Ok(vec![Event::Evaluated { on, result, verdict }]),
        }
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Set(profile) | Event::Changed(profile) => self.profile = Some(profile),
            Event::Evaluated { .. } => {}
            Event::Dropped {} => self.dropped = true,
        }
    }
}

aggregate!(Objective, "objective", Command, Event, Broken);

#[cfg(test)]
pub mod tests {
    use super::{Broken, Command, Event, Objective, Profile, Verdict};
    use crate::fixture::cx;

    pub fn profile(what: &str) -> Profile {
        let text = |text: &str| text.to_owned();
        Profile {
            what: text(what),
            measure: text("Hours"),
            target: text("4"),
            actions: text("Rehearse"),
            resources: text("A spare machine"),
            owner: text("mara"),
            due: "2026-12-31".parse().expect("a day"),
            evaluation: text("By the restore test"),
        }
    }

    pub fn evaluated(on: &str, verdict: Verdict) -> Event {
        Event::Evaluated { on: on.parse().expect("a day"), result: "3 hours".to_owned(), verdict }
    }

    fn given(events: impl IntoIterator<Item = Event>) -> Objective {
        let mut objective = Objective::default();
        events.into_iter().for_each(|event| objective.apply(event));
        objective
    }

    #[test]
    fn an_objective_is_set_once_and_changed_where_something_changes() {
        let set = || Event::Set(profile("Restore"));
        assert_eq!(given([]).decide(Command::Set(profile("Restore")), &cx()), Ok(vec![set()]));
        assert_eq!(given([set()]).decide(Command::Set(profile("Restore")), &cx()), Ok(vec![]));
        assert_eq!(given([set()]).decide(Command::Set(profile("Other")), &cx()), Err(Broken::RefTaken));
        assert_eq!(given([set()]).decide(Command::Change(profile("Restore")), &cx()), Ok(vec![]));
        let changed = Ok(vec![Event::Changed(profile("Faster"))]);
        assert_eq!(given([set()]).decide(Command::Change(profile("Faster")), &cx()), changed);
    }

    #[test]
    fn what_was_given_up_stays_as_it_is() {
        let objective = given([Event::Set(profile("Restore")), Event::Dropped {}]);
        let on = "2026-02-01".parse().expect("a day");
        let evaluate = Command::Evaluate { on, result: "3 hours".to_owned(), verdict: Verdict::OnTrack };
        for late in [Command::Change(profile("Faster")), evaluate] {
            assert_eq!(objective.decide(late, &cx()), Err(Broken::Dropped));
        }
        assert_eq!(objective.decide(Command::Drop, &cx()), Ok(vec![]));
        assert_eq!(objective.decide(Command::Change(profile("Restore")), &cx()), Ok(vec![]));
    }
}

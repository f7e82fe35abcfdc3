//! A change of the ISMS that is planned (clause 6.3): what for, what follows from it, and who carries it out.

mod body;
mod planned;

pub use body::{CarryOutChange, DropChange, PlanChange};
pub use planned::PlannedChange;

use chrono::NaiveDate;
use eventstore::{Cx, aggregate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is said about a change, whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ChangeProfile)]
pub struct Profile {
    #[schema(example = "Move the service to another hosting provider")]
    pub what: String,
    pub purpose: String,
    /// What may follow from it.
    pub consequences: String,
    /// How the ISMS stays whole meanwhile.
    pub integrity: String,
    pub resources: String,
    /// Who does what, where responsibilities are given or change.
    pub responsibilities: String,
    /// Who carries it out: a person's id.
    pub owner: String,
    /// The last day, in UTC.
    pub due: NaiveDate,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, strum::VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[schema(as = ChangeState)]
pub enum State {
    #[default]
    Planned,
    CarriedOut,
    Dropped,
}

#[derive(Default, Serialize, Deserialize)]
pub struct Change {
    profile: Option<Profile>,
    state: State,
}

#[derive(Clone, Debug)]
pub enum Command {
    Plan(Profile),
    Replan(Profile),
    CarryOut { on: NaiveDate, result: String },
    Drop,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    Planned(Profile),
    Replanned(Profile),
    CarriedOut { on: NaiveDate, result: String },
    Dropped {},
}

#[derive(Debug, PartialEq, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Broken {
    #[error("ref: a change of this ref is planned, with other content: take another ref, or PUT the change")]
    RefTaken,
    #[error("the change is carried out or given up, and stays as it is: plan another one")]
    Over,
}

impl Change {
    fn decide(&self, command: Command, _: &Cx) -> Result<Vec<Event>, Broken> {
        let so_already = |profile: &Profile| self.profile.as_ref() == Some(profile);
        match (command, self.state) {
            (Command::Plan(profile), _) if self.profile.is_none() => Ok(vec![Event::Planned(profile)]),
            (Command::Plan(profile) | Command::Replan(profile), _) if so_already(&profile) => Ok(vec![]),
            (Command::Plan(_), _) => Err(Broken::RefTaken),
            (Command::CarryOut { .. }, State::CarriedOut) | (Command::Drop, State::Dropped) => Ok(vec![]),
            (_, State::CarriedOut | State::Dropped) => Err(Broken::Over),
            (Command::Replan(profile), State::Planned) => Ok(vec![Event::Replanned(profile)]),
            (Command::CarryOut { on, result }, State::Planned) => Ok(vec![Event::CarriedOut { on, result }]),
            (Command::Drop, State::Planned) => Ok(vec![Event::Dropped {}]),
        }
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Planned(profile) | Event::Replanned(profile) => self.profile = Some(profile),
            Event::CarriedOut { .. } => self.state = State::CarriedOut,
            Event::Dropped {} => self.state = State::Dropped,
        }
    }
}

aggregate!(Change, "change", Command, Event, Broken);

#[cfg(test)]
pub mod tests {
    use super::{Broken, Change, Command, Event, Profile};
    use crate::fixture::cx;

    pub fn profile(what: &str) -> Profile {
        let text = |text: &str| text.to_owned();
        Profile {
            what: text(what),
            purpose: text("Less to run"),
            consequences: text("Other suppliers"),
            integrity: text("Both run for a month"),
            resources: text("Two people"),
            responsibilities: text("Mara decides"),
            owner: text("mara"),
            due: "2026-12-31".parse().expect("a day"),
        }
    }

    pub fn carried_out() -> Event {
        Event::CarriedOut { on: "2026-03-01".parse().expect("a day"), result: "Moved".to_owned() }
    }

    fn given(events: impl IntoIterator<Item = Event>) -> Change {
        let mut change = Change::default();
        events.into_iter().for_each(|event| change.apply(event));
        change
    }

    fn carry_out() -> Command {
        Command::CarryOut { on: "2026-03-01".parse().expect("a day"), result: "Moved".to_owned() }
    }

    #[test]
    fn a_change_is_planned_once_and_carried_out_once() {
        let planned = || Event::Planned(profile("Move"));
        assert_eq!(given([]).decide(Command::Plan(profile("Move")), &cx()), Ok(vec![planned()]));
        assert_eq!(given([planned()]).decide(Command::Plan(profile("Move")), &cx()), Ok(vec![]));
        assert_eq!(given([planned()]).decide(Command::Plan(profile("Stay")), &cx()), Err(Broken::RefTaken));
        let replanned = Ok(vec![Event::Replanned(profile("Stay"))]);
        assert_eq!(given([planned()]).decide(Command::Replan(profile("Stay")), &cx()), replanned);
        assert_eq!(given([planned()]).decide(carry_out(), &cx()), Ok(vec![carried_out()]));
        assert_eq!(given([planned(), carried_out()]).decide(carry_out(), &cx()), Ok(vec![]));
    }

    #[test]
    fn what_is_over_stays_as_it_is() {
        let planned = || Event::Planned(profile("Move"));
        let dropped = given([planned(), Event::Dropped {}]);
        assert_eq!(dropped.decide(Command::Drop, &cx()), Ok(vec![]));
        for late in [carry_out(), Command::Replan(profile("Stay"))] {
            assert_eq!(dropped.decide(late, &cx()), Err(Broken::Over));
        }
        assert_eq!(given([planned(), carried_out()]).decide(Command::Drop, &cx()), Err(Broken::Over));
    }
}

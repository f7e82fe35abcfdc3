//! A round of assessments at a planned interval (clause 8.2): which risks, by when, how far it is, and what came of it.

mod body;
mod planned;
mod progress;

pub use body::{CompleteRound, StartRound};
pub use planned::AssessmentRound;
pub use progress::{RoundInFull, round_in_full};

use chrono::NaiveDate;
use eventstore::{Cx, aggregate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A risk of the round, and how often it had been assessed before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = RiskOfRound)]
pub struct Included {
    pub risk: String,
    pub assessments: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    pub name: String,
    /// The last day, in UTC.
    pub due: NaiveDate,
    pub risks: Vec<Included>,
}

#[derive(Default, Serialize, Deserialize)]
pub struct Round {
    plan: Option<Plan>,
    completed: bool,
}

#[derive(Clone, Debug)]
pub enum Command {
    Start(Plan),
    /// With the risks of the round that nobody has assessed since it began.
    Complete {
        unassessed: Vec<String>,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    Started(Plan),
    /// What is shown of it from then on is the register as of this event.
    Completed {
        assessed: u32,
        unassessed: Vec<String>,
    },
}

#[derive(Debug, PartialEq, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Broken {
    #[error("ref: a round of this ref was started, with other content: take another ref")]
    RefTaken,
    #[error(
        "reason: {count} risks of the round are not assessed since it began, {first} among them: assess them, or say why not"
    )]
    Unfinished { count: usize, first: String },
}

impl Round {
    pub fn plan(&self) -> Option<&Plan> {
        self.plan.as_ref()
    }

    fn decide(&self, command: Command, cx: &Cx) -> Result<Vec<Event>, Broken> {
        match command {
            Command::Start(plan) => match &self.plan {
                None => Ok(vec![Event::Started(plan)]),
                // The counts are of another moment: what the caller said is the same.
                Some(standing) if standing.is_said_as(&plan) => Ok(vec![]),
                Some(_) => Err(Broken::RefTaken),
            },
            Command::Complete { .. } if self.completed => Ok(vec![]),
            Command::Complete { unassessed } => match unassessed.first() {
                Some(first) if cx.reason().is_none() => {
                    Err(Broken::Unfinished { count: unassessed.len(), first: first.clone() })
                }
                Some(_) | None => {
                    let all = self.plan.as_ref().map_or(0, |plan| plan.risks.len());
                    let assessed = u32::try_from(all - unassessed.len().min(all)).unwrap_or(u32::MAX);
                    Ok(vec![Event::Completed { assessed, unassessed }])
                }
            },
        }
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Started(plan) => self.plan = Some(plan),
            Event::Completed { .. } => self.completed = true,
        }
    }
}

impl Plan {
    fn is_said_as(&self, other: &Self) -> bool {
        let refs = |plan: &Self| plan.risks.iter().map(|included| included.risk.clone()).collect::<Vec<_>>();
        self.name == other.name && self.due == other.due && refs(self) == refs(other)
    }
}

aggregate!(Round, "round", Command, Event, Broken);

#[cfg(test)]
pub mod tests {
    use super::{Broken, Command, Event, Included, Plan, Round};
    use crate::fixture::cx;
    use eventstore::Cx;

    pub fn plan(risks: &[(&str, u32)]) -> Plan {
        let included =
            |(risk, assessments): &(&str, u32)| Included { risk: (*risk).to_owned(), assessments: *assessments };
        Plan {
            name: "Spring".to_owned(),
            due: "2026-04-30".parse().expect("a day"),
            risks: risks.iter().map(included).collect(),
        }
    }

    fn given(events: impl IntoIterator<Item = Event>) -> Round {
        let mut round = Round::default();
        events.into_iter().for_each(|event| round.apply(event));
        round
    }

    #[test]
    fn a_round_is_started_once() {
        let start = |assessments| Command::Start(plan(&[("R-1", assessments)]));
        let started = || Event::Started(plan(&[("R-1", 2)]));
        assert_eq!(given([]).decide(start(2), &cx()), Ok(vec![started()]));
        assert_eq!(given([started()]).decide(start(3), &cx()), Ok(vec![]), "it was assessed meanwhile");
        let other = Command::Start(plan(&[("R-2", 2)]));
        assert_eq!(given([started()]).decide(other, &cx()), Err(Broken::RefTaken));
    }

    #[test]
    fn what_is_not_assessed_when_it_ends_takes_a_reason() {
        let started = Event::Started(plan(&[("R-1", 2), ("R-2", 0)]));
        let complete = |unassessed: &[&str]| Command::Complete {
            unassessed: unassessed.iter().map(|risk| (*risk).to_owned()).collect(),
        };
        let completed = |assessed, unassessed: &[&str]| Event::Completed {
            assessed,
            unassessed: unassessed.iter().map(|risk| (*risk).to_owned()).collect(),
        };
        let round = given([started.clone()]);
        assert_eq!(round.decide(complete(&[]), &cx()), Ok(vec![completed(2, &[])]));
        let refused = Err(Broken::Unfinished { count: 1, first: "R-2".to_owned() });
        assert_eq!(round.decide(complete(&["R-2"]), &cx()), refused);
        let reasoned = Cx { reason: Some("Sold".to_owned()), ..cx() };
        assert_eq!(round.decide(complete(&["R-2"]), &reasoned), Ok(vec![completed(1, &["R-2"])]));
        let over = given([started, completed(2, &[])]);
        assert_eq!(over.decide(complete(&["R-2"]), &cx()), Ok(vec![]));
    }
}

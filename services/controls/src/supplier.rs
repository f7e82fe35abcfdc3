mod body;
mod list;
#[cfg(test)]
mod tests;

pub use body::{AgreeWithSupplier, AssessSupplier, DescribeSupplier, EndSupplier, MOST_SERVICES, PlanExit};
pub use library::Criticality;
pub use list::RegisteredSupplier;

use chrono::NaiveDate;
use eventstore::{Cx, aggregate};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Somebody from outside on whom the organisation relies (A.5.19 to A.5.23).
#[derive(Default, Serialize, Deserialize)]
pub struct Supplier {
    /// What is said of it, once it is registered.
    profile: Option<Profile>,
    last_assessment: Option<Assessment>,
    /// By their titles.
    agreements: BTreeMap<String, Agreement>,
    exit_plan: Option<String>,
    ended: bool,
}

/// What is said of a supplier, whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    pub name: String,
    pub criticality: Criticality,
    /// What it does for the organisation.
    #[serde(default)]
    pub services: Vec<String>,
    /// What of the organisation's information it comes to see or keeps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub information: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

/// What somebody found who looked how a supplier protects what it is entrusted with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = SupplierAssessment)]
pub struct Assessment {
    pub assessed_on: NaiveDate,
    /// By what: a questionnaire, a certificate, an audit.
    pub method: String,
    pub result: Adequacy,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding: Option<String>,
    pub assessed_again_by: NaiveDate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Adequacy {
    Adequate,
    /// With what is said in the finding.
    Conditional,
    Inadequate,
}

/// What was agreed with a supplier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Agreement {
    pub title: String,
    pub kind: AgreementKind,
    pub signed_on: NaiveDate,
    /// The last day on which it holds; without an end where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_on: Option<NaiveDate>,
    /// Where it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AgreementKind {
    Contract,
    Confidentiality,
    DataProcessing,
    ServiceLevel,
    Other,
}

#[derive(Clone, Debug)]
pub enum Command {
    Register(Profile),
    Describe(Profile),
    Assess(Assessment),
    /// In place of the agreement of the same title, where there is one.
    Agree(Agreement),
    PlanExit {
        plan: String,
    },
    End {
        ended_on: NaiveDate,
    },
    /// It should never have been there.
    Remove,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    Registered(Profile),
    Described(Profile),
    Assessed(Assessment),
    Agreed(Agreement),
    ExitPlanned {
        plan: String,
    },
    Ended {
        ended_on: NaiveDate,
    },
    /// It is no supplier of the register any more. Its ref is free.
    Removed {},
}

#[derive(Debug, PartialEq, Eq, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Broken {
    #[error("there is a supplier of this ref already: choose another one")]
    Taken,
    #[error("this tenant has no such supplier")]
    NotRegistered,
    #[error("nothing comes from this supplier any more: register it anew under another ref")]
    Ended,
    #[error("without it much stands still: plan first how to do without it")]
    NoExitPlan,
}

impl Supplier {
    pub fn profile(&self) -> Option<&Profile> {
        self.profile.as_ref()
    }

    fn decide(&self, command: Command, _: &Cx) -> Result<Vec<Event>, Broken> {
        let Some(profile) = &self.profile else {
            return match command {
                Command::Register(profile) => Ok(vec![Event::Registered(profile)]),
                Command::Remove => Ok(vec![]),
                Command::Describe(_)
                | Command::Assess(_)
                | Command::Agree(_)
                | Command::PlanExit { .. }
                | Command::End { .. } => Err(Broken::NotRegistered),
            };
        };
        match command {
            Command::Remove => Ok(vec![Event::Removed {}]),
            Command::Register(same) if same == *profile => Ok(vec![]),
            Command::Register(_) => Err(Broken::Taken),
            Command::End { .. } if self.ended => Ok(vec![]),
            Command::Describe(same) if same == *profile => Ok(vec![]),
            _ if self.ended => Err(Broken::Ended),
            Command::Describe(profile) => Ok(vec![Event::Described(profile)]),
            Command::Assess(assessment) if self.last_assessment.as_ref() == Some(&assessment) => Ok(vec![]),
            Command::Assess(assessment) => Ok(vec![Event::Assessed(assessment)]),
            Command::Agree(agreement) if self.agreements.get(&agreement.title) == Some(&agreement) => Ok(vec![]),
            Command::Agree(agreement) => Ok(vec![Event::Agreed(agreement)]),
            Command::PlanExit { plan } if self.exit_plan.as_ref() == Some(&plan) => Ok(vec![]),
            Command::PlanExit { plan } => Ok(vec![Event::ExitPlanned { plan }]),
            Command::End { .. } if profile.criticality >= Criticality::High && self.exit_plan.is_none() => {
                Err(Broken::NoExitPlan)
            }
            Command::End { ended_on } => Ok(vec![Event::Ended { ended_on }]),
        }
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Registered(profile) | Event::Described(profile) => self.profile = Some(profile),
            Event::Assessed(assessment) => self.last_assessment = Some(assessment),
            Event::Agreed(agreement) => {
                self.agreements.insert(agreement.title.clone(), agreement);
            }
            Event::ExitPlanned { plan } => self.exit_plan = Some(plan),
            Event::Ended { .. } => self.ended = true,
            Event::Removed {} => *self = Self::default(),
        }
    }
}

aggregate!(Supplier, "supplier", Command, Event, Broken);

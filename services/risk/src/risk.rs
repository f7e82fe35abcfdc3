//! A risk: what may happen to which assets, how grave that is, who owns it, and what is done about it.

mod assess;
mod controls;
mod identify;
mod import;
mod owner;
mod treat;

pub use assess::Assess;
pub use controls::NoteExistingControls;
pub use identify::{Describe, Identify};
pub use import::Import;
pub use owner::AssignOwner;
pub use treat::DecideTreatment;

use crate::methodology::Rating;
use eventstore::{Cx, aggregate};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// What is said about a risk, whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    pub name: String,
    pub description: String,
    /// Refs of the assets that it threatens.
    pub assets: Vec<String>,
}

/// Which state of the world an assessment is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AssessmentStage)]
pub enum Stage {
    /// Before any control.
    Inherent,
    /// With the controls that exist.
    Current,
    /// With those of the treatment too.
    Residual,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assessment {
    pub stage: Stage,
    #[serde(flatten)]
    pub rating: Rating,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rationale: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum TreatmentOption {
    Mitigate,
    Transfer,
    Accept,
    Avoid,
}

/// An option and the controls that it relies on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Treatment {
    option: TreatmentOption,
    controls: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("mitigating takes at least one control: name it, or choose another option")]
pub struct NoControls;

impl Treatment {
    /// `controls` are a tidy list of Annex A's.
    pub fn new(option: TreatmentOption, controls: Vec<String>) -> Result<Self, NoControls> {
        if option == TreatmentOption::Mitigate && controls.is_empty() {
            return Err(NoControls);
        }
        Ok(Self { option, controls })
    }
}

#[derive(Clone, Debug)]
pub enum Command {
    Identify { profile: Profile, owner: Option<String> },
    Describe(Profile),
    Assess(Assessment),
    AssignOwner(String),
    NoteExistingControls(Vec<String>),
    DecideTreatment(Treatment),
    Import(Import),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    Identified(Profile),
    Described(Profile),
    Assessed(Assessment),
    OwnerAssigned {
        owner: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        former_owner: Option<String>,
    },
    ExistingControlsNoted {
        controls: Vec<String>,
    },
    TreatmentDecided {
        option: TreatmentOption,
        controls: Vec<String>,
        /// Those of the treatment before that this one does without.
        released_controls: Vec<String>,
    },
}

#[derive(Debug, PartialEq, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Broken {
    #[error("ref: a risk of this ref is in the register, with other content: take another ref, or change that risk")]
    RefTaken,
    #[error("a risk is assessed before its treatment is decided: record its current or inherent likelihood and impact")]
    NotAssessed,
    #[error("{0}")]
    NoControls(#[from] NoControls),
    #[error("controls are part of a treatment, and none is decided: name an option too")]
    NoOption,
}

/// What decisions read, and no more.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Risk {
    profile: Option<Profile>,
    owner: Option<String>,
    existing_controls: Vec<String>,
    assessments: BTreeMap<Stage, Assessment>,
    treatment: Option<Treatment>,
}

impl Risk {
    fn decide(&self, command: Command, cx: &Cx) -> Result<Vec<Event>, Broken> {
        match command {
            Command::Identify { profile, owner } => self.identify(profile, owner),
            Command::Describe(profile) => {
                Ok(unless(self.profile.as_ref() == Some(&profile), || Event::Described(profile)))
            }
            // That it was looked at again and found the same is news: reviews are what an auditor asks for.
            Command::Assess(assessment) => Ok(vec![Event::Assessed(assessment)]),
            Command::AssignOwner(owner) => Ok(self.assign(owner)),
            Command::NoteExistingControls(controls) => {
                Ok(unless(self.existing_controls == controls, || Event::ExistingControlsNoted { controls }))
            }
            Command::DecideTreatment(treatment) => self.treat(treatment),
            Command::Import(row) => self.import(row, cx),
        }
    }

    fn identify(&self, profile: Profile, owner: Option<String>) -> Result<Vec<Event>, Broken> {
        let handover = owner.map(|owner| self.assign(owner)).unwrap_or_default();
        match &self.profile {
            None => Ok([vec![Event::Identified(profile)], handover].concat()),
            Some(standing) if *standing == profile && handover.is_empty() => Ok(vec![]),
            Some(_) => Err(Broken::RefTaken),
        }
    }

    fn assign(&self, owner: String) -> Vec<Event> {
        let former_owner = self.owner.clone();
        unless(former_owner.as_ref() == Some(&owner), || Event::OwnerAssigned { owner, former_owner })
    }

    fn treat(&self, treatment: Treatment) -> Result<Vec<Event>, Broken> {
        if ![Stage::Current, Stage::Inherent].iter().any(|stage| self.assessments.contains_key(stage)) {
            return Err(Broken::NotAssessed);
        }
        if self.treatment.as_ref() == Some(&treatment) {
            return Ok(vec![]);
        }
        let Treatment { option, controls } = treatment;
        let before = self.treatment.iter().flat_map(|treatment| &treatment.controls);
        let released_controls = before.filter(|control| !controls.contains(control)).cloned().collect();
        Ok(vec![Event::TreatmentDecided { option, controls, released_controls }])
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Identified(profile) | Event::Described(profile) => self.profile = Some(profile),
            Event::Assessed(assessment) => {
                self.assessments.insert(assessment.stage, assessment);
            }
            Event::OwnerAssigned { owner, .. } => self.owner = Some(owner),
            Event::ExistingControlsNoted { controls } => self.existing_controls = controls,
            Event::TreatmentDecided { option, controls, .. } => self.treatment = Some(Treatment { option, controls }),
        }
    }
}

/// What is so already is no event.
fn unless(already: bool, event: impl FnOnce() -> Event) -> Vec<Event> {
    if already { vec![] } else { vec![event()] }
}

aggregate!(Risk, "risk", Command, Event, Broken);

#[cfg(test)]
pub mod tests;

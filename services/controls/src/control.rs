#[cfg(test)]
mod tests;

pub use library::{Basis, ImplementationState};

use catalogue::Theme;
use chrono::NaiveDate;
use eventstore::{Cx, aggregate};
use serde::{Deserialize, Serialize};
use service::natural;
use std::collections::BTreeMap;
use utoipa::ToSchema;
use uuid::Uuid;

/// A control of a framework in one tenant: whether it applies, how far it is implemented, which treatments rely on it.
#[derive(Default, Serialize, Deserialize)]
pub struct Control {
    added: bool,
    decision: Option<Decision>,
    implementation: Implementation,
    owner: Option<String>,
    required_by: BTreeMap<String, TreatmentOption>,
    next_review: Option<NaiveDate>,
    maturity: Option<u32>,
    last_test: Option<Test>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum Framework {
    #[serde(rename = "iso27001_2022")]
    Iso27001_2022,
}

/// How the risk that requires a control is treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = RequiringOption)]
pub enum TreatmentOption {
    Mitigate,
    Transfer,
    Accept,
    Avoid,
}

/// What somebody decided about a control's applicability.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Decision {
    Included { basis: Basis, justification: String },
    Excluded { justification: String },
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Implementation {
    pub state: ImplementationState,
    pub how: Option<String>,
}

/// In which way somebody looked whether a control does what it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TestMethod {
    /// Those who do it were asked.
    Inquiry,
    /// It was watched while it was done.
    Observation,
    /// Records, settings or things were looked at.
    Inspection,
    /// It was done once more, and the results compared.
    Reperformance,
    /// A program looks, always or often.
    Automated,
}

/// What a test showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, strum::VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Effectiveness {
    Effective,
    PartlyEffective,
    Ineffective,
}

/// A test of a control's effectiveness.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Test {
    pub tested_on: NaiveDate,
    pub method: TestMethod,
    /// What was looked at, of how many.
    pub sample: String,
    pub result: Effectiveness,
    /// What was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding: Option<String>,
}

#[derive(Clone, Debug)]
pub enum Command {
    Add {
        framework: Framework,
        title: String,
        theme: Theme,
    },
    Decide(Decision),
    SetImplementation(Implementation),
    AssignOwner {
        owner: String,
    },
    /// Nobody should have been its owner.
    TakeBackOwner,
    /// A treatment of the risk relies on this control from now on.
    Require {
        risk: String,
        option: TreatmentOption,
    },
    /// No treatment of the risk relies on it any more.
    Release {
        risk: String,
    },
    /// Evidence that was just collected supports it.
    AttachEvidence {
        evidence: Uuid,
        title: String,
    },
    /// Other evidence has taken its place.
    DetachEvidence {
        evidence: Uuid,
        replaced_by: Uuid,
    },
    /// When it is looked at again; nothing: no day is set any more.
    PlanReview {
        next_review: Option<NaiveDate>,
    },
    AssessMaturity {
        level: u32,
    },
    NoteTest(Test),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    Added {
        framework: Framework,
        title: String,
        theme: Theme,
    },
    Included {
        basis: Basis,
        justification: String,
    },
    Excluded {
        justification: String,
    },
    ImplementationSet {
        state: ImplementationState,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        how: Option<String>,
    },
    OwnerAssigned {
        owner: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        former_owner: Option<String>,
    },
    /// Nobody owns it, as before it had its first owner.
    OwnerTakenBack {
        former_owner: String,
    },
    Required {
        risk: String,
        option: TreatmentOption,
    },
    Released {
        risk: String,
    },
    EvidenceAttached {
        evidence: Uuid,
        title: String,
    },
    EvidenceDetached {
        evidence: Uuid,
        replaced_by: Uuid,
    },
    ReviewPlanned {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next_review: Option<NaiveDate>,
    },
    MaturityAssessed {
        level: u32,
    },
    Tested(Test),
}

#[derive(Debug, PartialEq, Eq, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Broken {
    #[error("this tenant has no such control")]
    NotAdded,
    #[error("the treatment of {} relies on this control: decide that treatment without it first, then exclude it", .0.join(", "))]
    ReliedOn(Vec<String>),
    #[error("an excluded control is neither implemented nor tested: include it first")]
    ExcludedControl,
}

impl Control {
    /// Whether somebody decided that it applies, or does not.
    pub fn is_decided(&self) -> bool {
        self.decision.is_some()
    }

    pub fn state(&self) -> ImplementationState {
        self.implementation.state
    }

    pub fn implementation(&self) -> &Implementation {
        &self.implementation
    }

    pub fn owner(&self) -> Option<&str> {
        self.owner.as_deref()
    }

    /// In what way it is implemented, as somebody said.
    pub fn how(&self) -> Option<&str> {
        self.implementation.how.as_deref()
    }

    fn decide(&self, command: Command, _: &Cx) -> Result<Vec<Event>, Broken> {
        match command {
            Command::Add { .. } if self.added => Ok(vec![]),
            Command::Add { framework, title, theme } => Ok(vec![Event::Added { framework, title, theme }]),
            _ if !self.added => Err(Broken::NotAdded),
            Command::Decide(decision) => self.decide_applicability(decision),
            Command::SetImplementation(implementation) => self.set_implementation(implementation),
            Command::AssignOwner { owner } if self.owner.as_ref() == Some(&owner) => Ok(vec![]),
            Command::AssignOwner { owner } => {
                Ok(vec![Event::OwnerAssigned { owner, former_owner: self.owner.clone() }])
            }
            Command::TakeBackOwner => {
                let former_owner = self.owner.clone();
                Ok(former_owner.map(|former_owner| Event::OwnerTakenBack { former_owner }).into_iter().collect())
            }
            Command::Require { risk, option } if self.required_by.get(&risk) == Some(&option) => Ok(vec![]),
            // What risk decided is a fact here, on an excluded control too: the view shows the conflict.
            Command::Require { risk, option } => Ok(vec![Event::Required { risk, option }]),
            Command::Release { risk } if !self.required_by.contains_key(&risk) => Ok(vec![]),
            Command::Release { risk } => Ok(vec![Event::Released { risk }]),
            Command::AttachEvidence { evidence, title } => Ok(vec![Event::EvidenceAttached { evidence, title }]),
            Command::DetachEvidence { evidence, replaced_by } => {
                Ok(vec![Event::EvidenceDetached { evidence, replaced_by }])
            }
            Command::PlanReview { next_review } if self.next_review == next_review => Ok(vec![]),
            Command::PlanReview { next_review } => Ok(vec![Event::ReviewPlanned { next_review }]),
            Command::AssessMaturity { level } if self.maturity == Some(level) => Ok(vec![]),
            Command::AssessMaturity { level } => Ok(vec![Event::MaturityAssessed { level }]),
            Command::NoteTest(test) if self.last_test.as_ref() == Some(&test) => Ok(vec![]),
            Command::NoteTest(_) if self.is_excluded() => Err(Broken::ExcludedControl),
            Command::NoteTest(test) => Ok(vec![Event::Tested(test)]),
        }
    }

    fn decide_applicability(&self, decision: Decision) -> Result<Vec<Event>, Broken> {
        if self.decision.as_ref() == Some(&decision) {
            return Ok(vec![]);
        }
        match decision {
            Decision::Included { basis, justification } => Ok(vec![Event::Included { basis, justification }]),
            Decision::Excluded { .. } if !self.required_by.is_empty() => Err(Broken::ReliedOn(self.relying_risks())),
            Decision::Excluded { justification } => Ok(vec![Event::Excluded { justification }]),
        }
    }

    fn set_implementation(&self, implementation: Implementation) -> Result<Vec<Event>, Broken> {
        if self.implementation == implementation {
            return Ok(vec![]);
        }
        if self.is_excluded() && implementation.state != ImplementationState::NotStarted {
            return Err(Broken::ExcludedControl);
        }
        let Implementation { state, how } = implementation;
        Ok(vec![Event::ImplementationSet { state, how }])
    }

    fn is_excluded(&self) -> bool {
        matches!(self.decision, Some(Decision::Excluded { .. }))
    }

    fn relying_risks(&self) -> Vec<String> {
        let mut risks: Vec<String> = self.required_by.keys().cloned().collect();
        risks.sort_by_cached_key(|risk| natural(risk));
        risks
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Added { .. } => self.added = true,
            Event::Included { basis, justification } => {
                self.decision = Some(Decision::Included { basis, justification });
            }
            Event::Excluded { justification } => self.decision = Some(Decision::Excluded { justification }),
            Event::ImplementationSet { state, how } => self.implementation = Implementation { state, how },
            Event::OwnerAssigned { owner, .. } => self.owner = Some(owner),
            Event::OwnerTakenBack { .. } => self.owner = None,
            Event::Required { risk, option } => {
                self.required_by.insert(risk, option);
            }
            Event::Released { risk } => {
                self.required_by.remove(&risk);
            }
            Event::EvidenceAttached { .. } | Event::EvidenceDetached { .. } => {}
            Event::ReviewPlanned { next_review } => self.next_review = next_review,
            Event::MaturityAssessed { level } => self.maturity = Some(level),
            Event::Tested(test) => self.last_test = Some(test),
        }
    }
}

aggregate!(Control, "control", Command, Event, Broken);

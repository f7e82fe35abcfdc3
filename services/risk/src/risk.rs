//! A risk: what may happen to which assets, how grave that is, who owns it, and what is done about it.

mod acceptance;
mod actions;
mod assess;
mod back;
mod close;
mod controls;
mod identify;
mod import;
mod material;
mod owner;
mod treat;

pub use acceptance::{Accept, Acceptance, Confirm, Offered, Withdraw, checked_until, offered};
pub use actions::{Action, DropAction, FinishAction, PlanAction};
pub use assess::Assess;
pub use close::{Close, Reopen};
pub use controls::NoteExistingControls;
pub use identify::{Describe, Identify};
pub use import::Import;
pub use library::{Stage, TreatmentOption};
pub use material::Because;
pub use owner::AssignOwner;
pub use treat::DecideTreatment;

use crate::methodology::{Level, Rating};
use chrono::NaiveDate;
use eventstore::{Cx, aggregate};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Before the number of one that nobody named.
pub const LETTERS: &str = "R";

/// What is said about a risk, whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    pub name: String,
    pub description: String,
    /// Refs of the assets that it threatens.
    pub assets: Vec<String>,
    /// By which the methodology may accept more or less of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// What may bring it about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threat: Option<String>,
    /// What lets that happen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vulnerability: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assessment {
    pub stage: Stage,
    #[serde(flatten)]
    pub rating: Rating,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rationale: Option<String>,
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
    Identify {
        profile: Profile,
        owner: Option<String>,
    },
    Describe(Profile),
    Assess(Assessment),
    AssignOwner(String),
    NoteExistingControls(Vec<String>),
    DecideTreatment(Treatment),
    PlanAction {
        action: String,
        planned: Action,
    },
    FinishAction {
        action: String,
        on: NaiveDate,
    },
    DropAction {
        action: String,
    },
    Accept(Offered),
    ConfirmAcceptance {
        in_force: u32,
    },
    WithdrawAcceptance,
    ApprovePlan(Offered),
    Close,
    Reopen,
    Import(Import),
    /// It should never have been there.
    Remove,
    /// Nobody should have been its owner.
    TakeBackOwner,
    /// It should not have been assessed at this stage.
    TakeBackAssessment(Stage),
    /// Nobody should have decided how it is treated.
    TakeBackTreatment,
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
    /// Planned, or planned anew.
    ActionPlanned {
        action: String,
        what: String,
        who: String,
        due: NaiveDate,
    },
    ActionDone {
        action: String,
        on: NaiveDate,
    },
    ActionDropped {
        action: String,
    },
    /// The owner would live with what is above the acceptance level: a second person has to confirm it.
    AcceptanceAsked(Acceptance),
    Accepted(Acceptance),
    AcceptanceWithdrawn {},
    /// The risk changed: what was accepted, or asked for, is no more.
    AcceptanceLapsed {
        because: Because,
    },
    /// By the owner, of this revision of the risk.
    PlanApproved {
        revision: u32,
    },
    Closed {
        /// Those of its treatment: nothing relies on them for its sake any more.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        released_controls: Vec<String>,
    },
    /// Its treatment counts again, where one was decided.
    Reopened {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        option: Option<TreatmentOption>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        controls: Vec<String>,
    },
    /// It is no risk of the register any more, and relies on no control. Its ref is free.
    Removed {
        released_controls: Vec<String>,
    },
    /// Nobody owns it, as before it had its first owner.
    OwnerTakenBack {
        former_owner: String,
    },
    /// At this stage it is not assessed, as before its first assessment.
    AssessmentTakenBack {
        stage: Stage,
        /// The level of things as they are, by the assessment that stands for them now; absent where none does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        level: Option<Level>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        acceptable: Option<bool>,
    },
    /// How it is treated is undecided, as before the first decision, and it relies on no control.
    TreatmentTakenBack {
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
    #[error("its treatment is not decided: decide it first")]
    NotTreated,
    #[error("what is left after treatment is not assessed: record the residual likelihood and impact first")]
    NoResidual,
    #[error("nobody owns it: give it an owner first")]
    NoOwner,
    #[error("only its owner may do this, and that is {owner}")]
    NotTheOwner { owner: String },
    #[error("it was assessed by revision {made} of the methodology, and {in_force} is in force: assess it again first")]
    OldMethodology { made: u32, in_force: u32 },
    #[error(
        "reason: the level is {level}, above what is accepted without one: say why, and a second person confirms it"
    )]
    NoReason { level: String },
    #[error("there is no acceptance that waits for a second person")]
    NothingAsked,
    #[error("a second person confirms it, and never the owner who asked")]
    SamePerson,
    #[error("people confirm this, and no program")]
    NotAPerson,
    #[error("it was asked for until {until}, which has passed: the owner asks anew")]
    AskedTooLongAgo { until: NaiveDate },
    #[error("ref: there is no action {action} of this risk: plan it first")]
    NoSuchAction { action: String },
    #[error("ref: action {action} is done, and stays as it is: plan another one")]
    ActionIsDone { action: String },
    #[error("a risk has at most 100 actions: plan the rest elsewhere")]
    TooManyActions,
    #[error("its actions {actions} are not done: finish them, or give them up, before the risk is closed")]
    ActionsOpen { actions: String },
    #[error("the risk is closed: reopen it first")]
    Closed,
    #[error("it is not in the register any more: identify it anew")]
    Removed,
}

/// What was accepted last, and whether it counts yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Given {
    confirmed: bool,
    acceptance: Acceptance,
}

/// What decisions read, and no more.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Risk {
    profile: Option<Profile>,
    owner: Option<String>,
    existing_controls: Vec<String>,
    assessments: BTreeMap<Stage, Assessment>,
    /// How often it was assessed as it is.
    looked_at: u32,
    treatment: Option<Treatment>,
    /// With whether each is done.
    actions: BTreeMap<String, (Action, bool)>,
    acceptance: Option<Given>,
    /// Counts material changes.
    revision: u32,
    /// The revision of which the owner approved the plan.
    plan_approved: Option<u32>,
    closed: bool,
}

impl Risk {
    /// Whether it is in the register, open or closed.
    pub fn is_there(&self) -> bool {
        self.profile.is_some()
    }

    /// Whether what is left of it is accepted, and waits for nobody.
    pub fn is_accepted(&self) -> bool {
        self.acceptance.as_ref().is_some_and(|given| given.confirmed)
    }

    pub fn category(&self) -> Option<&str> {
        self.profile.as_ref().and_then(|profile| profile.category.as_deref())
    }

    /// How often it was assessed as it is, before controls or with those that exist.
    pub fn looked_at(&self) -> u32 {
        self.looked_at
    }

    fn decide(&self, command: Command, cx: &Cx) -> Result<Vec<Event>, Broken> {
        // A row of a file lets each command in it decide by itself; closing, reopening and removing are what a closed risk is asked for.
        let by_itself = matches!(command, Command::Import(_) | Command::Close | Command::Reopen | Command::Remove);
        let begins = matches!(command, Command::Identify { .. } | Command::Import(_) | Command::Remove);
        if !begins && !self.is_there() {
            return Err(Broken::Removed);
        }
        let events = self.decide_open(command, cx)?;
        if by_itself {
            Ok(events)
        } else if self.closed && !events.is_empty() {
            Err(Broken::Closed)
        } else {
            Ok(self.lapsing(events))
        }
    }

    fn decide_open(&self, command: Command, cx: &Cx) -> Result<Vec<Event>, Broken> {
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
            Command::PlanAction { action, planned } => self.plan(action, planned),
            Command::FinishAction { action, on } => self.finish(action, on),
            Command::DropAction { action } => self.drop_action(action),
            Command::Accept(offered) => self.accept(offered, cx),
            Command::ConfirmAcceptance { in_force } => self.confirm(in_force, cx),
            Command::WithdrawAcceptance => Ok(unless(self.acceptance.is_none(), || Event::AcceptanceWithdrawn {})),
            Command::ApprovePlan(offered) => self.approve_plan(offered, cx),
            Command::Close => self.close(),
            Command::Reopen => Ok(unless(!self.closed, || self.reopened())),
            Command::Import(row) => self.import(row, cx),
            Command::Remove => {
                Ok(unless(!self.is_there(), || Event::Removed { released_controls: self.relied_on().to_vec() }))
            }
            Command::TakeBackOwner => Ok(self.without_owner()),
            Command::TakeBackAssessment(stage) => Ok(self.without_assessment(stage)),
            Command::TakeBackTreatment => Ok(self.without_treatment()),
        }
    }

    /// With what follows for an acceptance from a change of what it rests on.
    fn lapsing(&self, mut events: Vec<Event>) -> Vec<Event> {
        let because = events.iter().find_map(|event| self.because(event)).filter(|_| self.acceptance.is_some());
        events.extend(because.map(|because| Event::AcceptanceLapsed { because }));
        events
    }

    fn because(&self, event: &Event) -> Option<Because> {
        event.because(|stage| self.assessments.get(&stage).map(|assessment| &assessment.rating))
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
        self.revision += u32::from(self.because(&event).is_some());
        match event {
            Event::Identified(profile) | Event::Described(profile) => self.profile = Some(profile),
            Event::Assessed(assessment) => {
                self.looked_at += u32::from(assessment.stage != Stage::Residual);
                self.assessments.insert(assessment.stage, assessment);
            }
            Event::OwnerAssigned { owner, .. } => self.owner = Some(owner),
            Event::ExistingControlsNoted { controls } => self.existing_controls = controls,
            Event::TreatmentDecided { option, controls, .. } => self.treatment = Some(Treatment { option, controls }),
            Event::ActionPlanned { action, what, who, due } => {
                self.actions.insert(action, (Action { what, who, due }, false));
            }
            Event::ActionDone { action, .. } => {
                self.actions.entry(action).and_modify(|(_, done)| *done = true);
            }
            Event::ActionDropped { action } => {
                self.actions.remove(&action);
            }
            Event::AcceptanceAsked(acceptance) => self.acceptance = Some(Given { confirmed: false, acceptance }),
            Event::Accepted(acceptance) => self.acceptance = Some(Given { confirmed: true, acceptance }),
            Event::AcceptanceWithdrawn {} | Event::AcceptanceLapsed { .. } => self.acceptance = None,
            Event::PlanApproved { revision } => self.plan_approved = Some(revision),
            Event::Closed { .. } => self.closed = true,
            Event::Reopened { .. } => self.closed = false,
            Event::Removed { .. } => *self = Self::default(),
            Event::OwnerTakenBack { .. } => self.owner = None,
            Event::AssessmentTakenBack { stage, .. } => {
                // Nobody has looked at it then.
                self.looked_at = self.looked_at.saturating_sub(u32::from(stage != Stage::Residual));
                self.assessments.remove(&stage);
            }
            Event::TreatmentTakenBack { .. } => self.treatment = None,
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

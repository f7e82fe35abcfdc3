//! What was decided on a risk, and what is done: the parts of its row.

use crate::risk::{Acceptance, Because, Event, TreatmentOption};
use chrono::{DateTime, NaiveDate, Utc};
use eventstore::Recorded;
use serde::{Deserialize, Serialize};
use service::natural;
use utoipa::ToSchema;

/// The treatment that was decided last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = RiskTreatment)]
#[expect(clippy::struct_field_names, reason = "`decided_at` says of which instant it is the time")]
pub struct Decided {
    pub option: TreatmentOption,
    /// Ids of the controls that it relies on.
    pub controls: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub decided_at: DateTime<Utc>,
}

/// What is to be done, or was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = RiskAction)]
pub struct PlannedAction {
    #[serde(rename = "ref")]
    #[schema(example = "T-1")]
    pub reference: String,
    pub what: String,
    /// A person's id.
    pub who: String,
    /// The last day, in UTC.
    pub due: NaiveDate,
    /// The day on which it was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<NaiveDate>,
}

/// The actions as they are after an event about one of them.
pub fn follow(actions: &mut Vec<PlannedAction>, happened: Event) {
    match happened {
        Event::ActionPlanned { action: reference, what, who, due } => {
            actions.retain(|standing| standing.reference != reference);
            actions.push(PlannedAction { reference, what, who, due, done: None });
            actions.sort_by_cached_key(|action| (natural(&action.reference), action.reference.clone()));
        }
        Event::ActionDone { action, on } => {
            for standing in actions.iter_mut().filter(|standing| standing.reference == action) {
                standing.done = Some(on);
            }
        }
        Event::ActionDropped { action } => actions.retain(|standing| standing.reference != action),
        Event::Identified(_)
        | Event::Described(_)
        | Event::Assessed(_)
        | Event::OwnerAssigned { .. }
        | Event::ExistingControlsNoted { .. }
        | Event::TreatmentDecided { .. }
        | Event::AcceptanceAsked(_)
        | Event::Accepted(_)
        | Event::AcceptanceWithdrawn {}
        | Event::AcceptanceLapsed { .. }
        | Event::PlanApproved { .. }
        | Event::Closed { .. }
        | Event::Reopened { .. }
        | Event::Removed { .. }
        | Event::OwnerTakenBack { .. }
        | Event::AssessmentTakenBack { .. }
        | Event::TreatmentTakenBack { .. } => {}
    }
}

/// How an acceptance stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum AcceptanceState {
    /// It waits for a second person.
    Asked,
    Accepted,
    /// The risk changed: it holds no more.
    Lapsed,
    Withdrawn,
    /// Its last day has passed.
    Expired,
    /// Another revision of the methodology is in force: the risk is to be assessed again.
    Outdated,
}

/// The last acceptance, and how it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = AcceptanceOfRisk)]
pub struct Accepted {
    pub state: AcceptanceState,
    #[serde(flatten)]
    pub acceptance: Acceptance,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When the owner said it.
    pub at: DateTime<Utc>,
    /// Which change of the risk ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<Because>,
}

impl Accepted {
    pub fn after(last: Option<Self>, happened: Event, event: &Recorded) -> Option<Self> {
        let (reason, at) = (event.metadata.reason.clone(), event.occurred_at);
        match happened {
            Event::AcceptanceAsked(acceptance) => {
                Some(Self { state: AcceptanceState::Asked, acceptance, reason, at, because: None })
            }
            Event::Accepted(acceptance) => {
                // What the second person confirms, the owner has said and why.
                let asked =
                    last.filter(|last| last.state == AcceptanceState::Asked && acceptance.confirmed_by.is_some());
                let (reason, at) = asked.map_or((reason, at), |asked| (asked.reason, asked.at));
                Some(Self { state: AcceptanceState::Accepted, acceptance, reason, at, because: None })
            }
            Event::AcceptanceWithdrawn {} => last.map(|last| Self { state: AcceptanceState::Withdrawn, ..last }),
            Event::AcceptanceLapsed { because } => {
                last.map(|last| Self { state: AcceptanceState::Lapsed, because: Some(because), ..last })
            }
            Event::Identified(_)
            | Event::Described(_)
            | Event::Assessed(_)
            | Event::OwnerAssigned { .. }
            | Event::ExistingControlsNoted { .. }
            | Event::TreatmentDecided { .. }
            | Event::ActionPlanned { .. }
            | Event::ActionDone { .. }
            | Event::ActionDropped { .. }
            | Event::PlanApproved { .. }
            | Event::Closed { .. }
            | Event::Reopened { .. }
            | Event::Removed { .. }
            | Event::OwnerTakenBack { .. }
            | Event::AssessmentTakenBack { .. }
            | Event::TreatmentTakenBack { .. } => last,
        }
    }

    /// As it stands at an instant, while a revision of the methodology is in force.
    #[must_use]
    pub fn at(self, clock: DateTime<Utc>, in_force: u32) -> Self {
        let counts = matches!(self.state, AcceptanceState::Asked | AcceptanceState::Accepted);
        let state = if counts && self.acceptance.until < clock.date_naive() {
            AcceptanceState::Expired
        } else if counts && self.acceptance.methodology_revision < in_force {
            AcceptanceState::Outdated
        } else {
            self.state
        };
        Self { state, ..self }
    }
}

/// Who approved how the risk is treated, and what it was then.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = PlanApproval)]
pub struct Approved {
    /// The owner.
    pub by: String,
    /// The revision of the risk that was approved.
    pub revision: u32,
    pub at: DateTime<Utc>,
}

//! What changes a risk so that what was decided on it before has to be decided anew.

use super::{Assessment, Event, Stage};
use crate::methodology::Rating;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = MaterialChange)]
pub enum Because {
    Description,
    Assessment,
    Owner,
    ExistingControls,
    Treatment,
    Actions,
    Closing,
}

impl Event {
    /// Nothing where all that decisions rest on stays as it is; `standing` is how each stage is assessed before the event.
    /// Each material change makes another revision of the risk.
    pub fn because<'a>(&self, standing: impl Fn(Stage) -> Option<&'a Rating>) -> Option<Because> {
        match self {
            Self::Identified(_) | Self::Described(_) => Some(Because::Description),
            // Looked at again and found the same is a review, and no change.
            Self::Assessed(Assessment { stage, rating, .. }) => {
                (standing(*stage) != Some(rating)).then_some(Because::Assessment)
            }
            Self::AssessmentTakenBack { .. } => Some(Because::Assessment),
            Self::OwnerAssigned { .. } | Self::OwnerTakenBack { .. } => Some(Because::Owner),
            Self::ExistingControlsNoted { .. } => Some(Because::ExistingControls),
            Self::TreatmentDecided { .. } | Self::TreatmentTakenBack { .. } => Some(Because::Treatment),
            Self::ActionPlanned { .. } | Self::ActionDropped { .. } => Some(Because::Actions),
            Self::Closed { .. } => Some(Because::Closing),
            Self::ActionDone { .. }
            | Self::AcceptanceAsked(_)
            | Self::Accepted(_)
            | Self::AcceptanceWithdrawn {}
            | Self::AcceptanceLapsed { .. }
            | Self::PlanApproved { .. }
            | Self::Reopened { .. }
            | Self::Removed { .. } => None,
        }
    }
}

//! Words of the registers that the items of a library are written in too.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, strum::VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum AssetKind {
    /// Information or a process that the organisation lives by.
    Primary,
    /// What primary assets run on.
    Supporting,
}

/// How much each objective matters for an asset, 0 to 4.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecurityObjectives {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 4)]
    pub confidentiality: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 4)]
    pub integrity: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 4)]
    pub availability: Option<u8>,
}

impl SecurityObjectives {
    /// The most that an objective can matter.
    pub const HIGHEST: u8 = 4;

    pub fn in_bounds(&self) -> bool {
        [self.confidentiality, self.integrity, self.availability].into_iter().flatten().all(|it| it <= Self::HIGHEST)
    }
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

#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, strum::IntoStaticStr, strum::VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum TreatmentOption {
    Mitigate,
    Transfer,
    Accept,
    Avoid,
}

/// On what basis a control is included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    RiskTreatment,
    Law,
    Contract,
    GoodPractice,
}

/// How far a control is implemented.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    ToSchema,
    strum::IntoStaticStr,
    strum::VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ImplementationState {
    #[default]
    NotStarted,
    Planned,
    Partial,
    Implemented,
    Operating,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, strum::VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum DocumentKind {
    #[default]
    Policy,
    Procedure,
    Record,
    /// From outside, such as a law or a customer's requirements.
    External,
}

/// How much would stand still without a supplier.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    ToSchema,
    strum::IntoStaticStr,
    strum::VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Criticality {
    Low,
    Medium,
    High,
    Critical,
}

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A place on a scale.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Graded {
    #[schema(example = 4)]
    pub score: u8,
    #[schema(example = "Likely")]
    pub label: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = RiskLevel)]
pub struct Level {
    /// 0 is the least of the methodology's levels.
    #[schema(example = 2)]
    pub rank: u8,
    #[schema(example = "high")]
    pub label: String,
}

/// What a revision of the methodology makes of a likelihood and an impact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Rating {
    pub likelihood: Graded,
    pub impact: Graded,
    pub level: Level,
    /// Whether the methodology lets the tenant live with it.
    pub acceptable: bool,
    pub methodology_revision: u32,
    /// After how many days the methodology wants it looked at again, where it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review_days: Option<u16>,
}

impl Rating {
    pub fn score(&self) -> u16 {
        u16::from(self.likelihood.score) * u16::from(self.impact.score)
    }
}

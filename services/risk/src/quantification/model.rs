use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How often a risk happens, and how much it costs each time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LossModel {
    /// How many times a year on average: the mean of a Poisson distribution.
    pub frequency: f64,
    pub loss: Loss,
}

/// What one occurrence costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "distribution", rename_all = "snake_case", deny_unknown_fields)]
pub enum Loss {
    /// Bounded: the least, the likeliest and the most that it can cost (PERT, which is a beta distribution).
    Pert { least: f64, likely: f64, most: f64 },
    /// With a long tail: one of twenty costs less than `low`, one of twenty more than `high` (lognormal).
    Lognormal { low: f64, high: f64 },
}

/// What a simulation gave, and what it takes to repeat it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Simulated {
    /// With the same seed, formula and model the same figures come out.
    pub seed: u32,
    /// Which version of the program's formula was used.
    pub formula: u32,
    /// How many years were simulated.
    pub draws: u32,
    /// What a year costs on average.
    pub expected_loss: f64,
    /// The standard deviation of a year's loss.
    pub standard_deviation: f64,
    /// In 19 of 20 years no more than this is lost.
    pub var_95: f64,
    /// In 99 of 100 years no more than this is lost.
    pub var_99: f64,
    /// The loss exceedance curve, from the likeliest.
    pub exceedance: Vec<Exceeded>,
    /// What this stage saves against the inherent risk, where that was quantified before. Both are simulated with the same random
    /// numbers, so that only what differs between them shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saved: Option<Saved>,
}

/// A point of the loss exceedance curve.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = ExceededLoss)]
pub struct Exceeded {
    /// In this share of the years ...
    pub probability: f64,
    /// ... at least this is lost.
    pub loss: f64,
}

/// Inherent loss minus this stage's, year by year.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = SavedLoss)]
pub struct Saved {
    /// A year, on average.
    pub expected: f64,
    /// Of that average: how far it may be from the true one, for there are only so many draws.
    pub standard_error: f64,
    /// In what share of the years less is lost than without controls.
    pub probability: f64,
}

//! Quantiles: what a random number between 0 and 1 stands for. The same number gives a dearer year in every stage alike.

use super::model::Loss;
use statrs::distribution::{Beta, BetaError, ContinuousCDF, Normal};

/// The bounded distribution is tabulated: its quantiles take too long to find one by one.
const BITS: u32 = 11;

/// The 95th percentile of the standard normal distribution.
const Z_95: f64 = 1.644_853_626_951_472_7;

/// Costs by random number.
pub enum Losses {
    Table(Vec<f64>),
    Lognormal { mean: f64, deviation: f64, normal: Normal },
}

/// Occurrences a year by random number: `[n]` is how likely n or fewer are.
pub struct Occurrences(Vec<f64>);

/// Of 32 random bits, the number in the middle of its interval: never 0 and never 1.
fn uniform(random: u32) -> f64 {
    (f64::from(random) + 0.5) / 4_294_967_296.0
}

impl Losses {
    pub fn of(loss: &Loss) -> Result<Self, BetaError> {
        match *loss {
            Loss::Pert { least, likely, most } => {
                let width = most - least;
                let beta = Beta::new(1.0 + 4.0 * (likely - least) / width, 1.0 + 4.0 * (most - likely) / width)?;
                let steps = 1u32 << BITS;
                let place = |step: u32| match step {
                    0 => 0.0,
                    last if last == steps => 1.0,
                    step => beta.inverse_cdf(f64::from(step) / f64::from(steps)),
                };
                Ok(Self::Table((0..=steps).map(|step| least + width * place(step)).collect()))
            }
            Loss::Lognormal { low, high } => {
                let (mean, deviation) = (f64::midpoint(low.ln(), high.ln()), (high.ln() - low.ln()) / (2.0 * Z_95));
                Ok(Self::Lognormal { mean, deviation, normal: Normal::standard() })
            }
        }
    }

    pub fn at(&self, random: u32) -> f64 {
        match self {
            Self::Table(places) => {
                let rest = 32 - BITS;
                let step = usize::try_from(random >> rest).unwrap_or_default();
                let share = f64::from(random & ((1 << rest) - 1)) / f64::from(1u32 << rest);
                let (from, to) = (places[step], places[step + 1]);
                from + (to - from) * share
            }
            Self::Lognormal { mean, deviation, normal } => {
                (mean + deviation * normal.inverse_cdf(uniform(random))).exp()
            }
        }
    }
}

impl Occurrences {
    /// Of a Poisson distribution.
    pub fn of(mean: f64) -> Self {
        let (mut exactly, mut at_most, mut count) = ((-mean).exp(), 0.0, 0u32);
        let mut table = Vec::new();
        // Beyond, no random number of 32 bits leads.
        while at_most < 1.0 - 1e-11 && count < 10_000 {
            at_most += exactly;
            table.push(at_most);
            count += 1;
            exactly *= mean / f64::from(count);
        }
        Self(table)
    }

    pub fn at(&self, random: u32) -> usize {
        let place = uniform(random);
        self.0.partition_point(|at_most| *at_most < place)
    }
}

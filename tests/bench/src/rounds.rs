//! Rounds in which the floor, ours and each peer take turns, so that whatever else the machine does meets all of them.

use crate::drive::Measured;
use std::pin::Pin;

impl Measured {
    /// Operations a second.
    pub fn rate(&self) -> f64 {
        f64::from(self.operations) / self.seconds
    }
}

pub enum Outcome {
    Measured(Measured),
    /// The peer is not there, or failed, and why.
    Unavailable(String),
}

impl From<Measured> for Outcome {
    fn from(measured: Measured) -> Self {
        Self::Measured(measured)
    }
}

type Running<'a> = Pin<Box<dyn Future<Output = anyhow::Result<Outcome>> + 'a>>;

/// One of those that take turns.
pub struct Contender<'a> {
    name: &'static str,
    run: Box<dyn FnMut() -> Running<'a> + 'a>,
}

impl<'a> Contender<'a> {
    pub fn new<R, T>(name: &'static str, mut run: impl FnMut() -> R + 'a) -> Self
    where
        R: Future<Output = anyhow::Result<T>> + 'a,
        T: Into<Outcome>,
    {
        let run = move || {
            let running = run();
            let running: Running<'a> = Box::pin(async move { running.await.map(Into::into) });
            running
        };
        Self { name, run: Box::new(run) }
    }
}

/// What each did in each round.
#[derive(Default)]
pub struct Compared {
    rounds: Vec<Vec<(&'static str, Measured)>>,
    pub unavailable: Vec<(&'static str, String)>,
}

pub async fn interleaved(rounds: usize, mut contenders: Vec<Contender<'_>>) -> anyhow::Result<Compared> {
    let mut compared = Compared::default();
    for _ in 0..rounds {
        let mut round = Vec::new();
        for contender in &mut contenders {
            let name = contender.name;
            match (contender.run)().await.map_err(|error| error.context(name))? {
                Outcome::Measured(measured) => round.push((name, measured)),
                Outcome::Unavailable(why) => compared.unavailable.push((name, why)),
            }
        }
        contenders.retain(|contender| !compared.unavailable.iter().any(|(name, _)| *name == contender.name));
        compared.rounds.push(round);
    }
    Ok(compared)
}

impl Compared {
    /// The median over the rounds.
    pub fn median(&self, name: &str, of: impl Fn(&Measured) -> f64) -> Option<f64> {
        median(self.rounds.iter().filter_map(|round| find(round, name)).map(of).collect())
    }

    /// The median of the ratios of each round: what disturbs a round disturbs both.
    pub fn ratio(&self, ours: &str, theirs: &str, of: impl Fn(&Measured) -> f64) -> Option<f64> {
        let ratios = self.rounds.iter().filter_map(|round| Some(of(find(round, ours)?) / of(find(round, theirs)?)));
        median(ratios.collect())
    }
}

fn find<'a>(round: &'a [(&'static str, Measured)], name: &str) -> Option<&'a Measured> {
    round.iter().find(|(found, _)| *found == name).map(|(_, measured)| measured)
}

pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.as_slice() {
        [] => None,
        odd if odd.len() % 2 == 1 => Some(odd[middle]),
        even => Some(f64::midpoint(even[middle - 1], even[middle])),
    }
}

#[cfg(test)]
mod tests {
    use super::{Compared, median};
    use crate::drive::Measured;

    #[test]
    fn the_median_is_the_middle_one_or_between_the_two() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![9.0, 1.0, 2.0, 4.0]), Some(3.0));
    }

    #[test]
    fn ratios_are_taken_within_a_round_and_only_where_both_were_measured() {
        let measured = |operations| Measured { operations, seconds: 1.0, p50_us: 0.0, p99_us: 0.0 };
        let round = |ours, floor| vec![("ours", measured(ours)), ("floor", measured(floor))];
        let rounds = vec![round(10, 10), round(40, 20), round(3, 1), vec![("ours", measured(1))]];
        let compared = Compared { rounds, unavailable: vec![] };
        assert_eq!(compared.ratio("ours", "floor", Measured::rate), Some(2.0));
        assert_eq!(compared.ratio("ours", "another", Measured::rate), None);
        assert_eq!(compared.median("floor", Measured::rate), Some(10.0));
    }

    #[test]
    fn percentiles_are_those_of_the_sorted_latencies() {
        let measured = Measured::of((1..=201).rev().collect(), 2.0);
        assert_eq!((measured.operations, measured.p50_us, measured.p99_us), (201, 101.0, 199.0));
        assert!((measured.rate() - 100.5).abs() < f64::EPSILON);
        assert!(Measured::of(vec![], 1.0).p99_us.abs() < f64::EPSILON);
    }
}

use super::{Event, Graded, Level};
use catalogue::{Appetite, Scales};
use eventstore::Recorded;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use views::{Folded, View, stream_key};

/// How risk is measured here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = Methodology)]
pub struct AdoptedMethodology {
    /// 1, 2, 3, ...: assessments name the one that they were made under.
    pub revision: u32,
    /// Labels of the scores 1, 2, 3, ...
    pub likelihood: Vec<String>,
    /// Labels of the scores 1, 2, 3, ...
    pub impact: Vec<String>,
    /// From the least, which has rank 0, to the greatest.
    pub levels: Vec<String>,
    /// `matrix[likelihood - 1][impact - 1]` is the rank of a level.
    pub matrix: Vec<Vec<u8>>,
    /// Rank of the highest level that needs no treatment.
    pub acceptance_level: u8,
    /// Categories of risk of which more or less is accepted than that.
    #[serde(default)]
    pub appetite: Vec<CategoryAppetite>,
    /// For each level, after how many days a risk of it is looked at again; none where that is not laid down.
    #[serde(default)]
    pub review_days: Vec<u16>,
}

/// How much of one category of risk is accepted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CategoryAppetite {
    #[schema(example = "Safety")]
    pub category: String,
    /// Rank of the highest level that needs no treatment.
    pub acceptance_level: u8,
}

impl AdoptedMethodology {
    /// Two scores with their labels, and the level of the two; nothing where one is off its scale.
    pub fn graded(&self, likelihood: u8, impact: u8) -> Option<(Graded, Graded, Level)> {
        let place = |score: u8| usize::from(score).checked_sub(1);
        let graded = |score, labels: &[String]| Some(Graded { score, label: labels.get(place(score)?)?.clone() });
        let rank = *self.matrix.get(place(likelihood)?)?.get(place(impact)?)?;
        let level = Level { rank, label: self.levels.get(usize::from(rank))?.clone() };
        Some((graded(likelihood, &self.likelihood)?, graded(impact, &self.impact)?, level))
    }

    #[cfg(test)]
    pub fn baseline() -> Self {
        let adopted = Event::Adopted { revision: 1, scales: catalogue::baseline_scales().clone() };
        let adopted = crate::fixture::stored("methodology-risk", &adopted);
        Self::apply(None, super::ID, &adopted).expect("folded").expect("a methodology")
    }
}

impl View for AdoptedMethodology {
    const NAME: &'static str = "methodology";

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        Ok(stream_key::<Event>(event))
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        let Some(Event::Adopted { revision, scales }) = event.decode()? else { return Ok(current) };
        let Scales { likelihood, impact, levels, matrix, acceptance_level, appetite, review_days } = scales;
        let appetite = appetite.into_iter().map(CategoryAppetite::from).collect();
        Ok(Some(Self { revision, likelihood, impact, levels, matrix, acceptance_level, appetite, review_days }))
    }
}

impl From<AdoptedMethodology> for Scales {
    fn from(adopted: AdoptedMethodology) -> Self {
        let AdoptedMethodology {
            revision: _,
            likelihood,
            impact,
            levels,
            matrix,
            acceptance_level,
            appetite,
            review_days,
        } = adopted;
        let appetite = appetite
            .into_iter()
            .map(|CategoryAppetite { category, acceptance_level }| Appetite { category, acceptance_level });
        Self { likelihood, impact, levels, matrix, acceptance_level, appetite: appetite.collect(), review_days }
    }
}

impl From<Appetite> for CategoryAppetite {
    fn from(Appetite { category, acceptance_level }: Appetite) -> Self {
        Self { category, acceptance_level }
    }
}

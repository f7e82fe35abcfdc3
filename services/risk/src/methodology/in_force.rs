use super::rating::Level;
use super::{Graded, ID, Methodology, Rating};
use catalogue::Scales;
use eventstore::Work;
use serde::{Deserialize, Serialize};
use service::{FieldError, Problem, field_error};

/// A revision and its scales.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InForce {
    pub revision: u32,
    pub(super) scales: Scales,
}

/// A score as somebody wrote it, and where.
#[derive(Clone, Copy, Debug)]
pub struct Written<'a> {
    pub field: &'a str,
    pub text: &'a str,
}

impl InForce {
    /// What is made of two scores, of a risk of this category.
    pub fn rate(
        &self,
        likelihood: Written<'_>,
        impact: Written<'_>,
        category: Option<&str>,
    ) -> Result<Rating, Vec<FieldError>> {
        let scales = &self.scales;
        let refused = |at: Written<'_>, error: catalogue::NotOnScale| field_error(at.field, error.to_string());
        let l = scales.parse_likelihood(likelihood.text).map_err(|error| refused(likelihood, error));
        let i = scales.parse_impact(impact.text).map_err(|error| refused(impact, error));
        match (l, i) {
            (Ok(l), Ok(i)) => Ok(self.rating(l, i, category)),
            (l, i) => Err([l.err(), i.err()].into_iter().flatten().collect()),
        }
    }

    fn rating(&self, likelihood: u8, impact: u8, category: Option<&str>) -> Rating {
        let scales = &self.scales;
        let graded = |score: u8, labels: &[String]| Graded { score, label: labels[usize::from(score) - 1].clone() };
        let rank =
            scales.level(likelihood, impact).expect("adopted scales have a level for every pair of their scores");
        Rating {
            likelihood: graded(likelihood, &scales.likelihood),
            impact: graded(impact, &scales.impact),
            level: Level { rank, label: scales.levels[usize::from(rank)].clone() },
            acceptable: scales.accepts(rank, category),
            methodology_revision: self.revision,
            review_days: scales.review_after_days(rank),
        }
    }

    #[cfg(test)]
    pub fn baseline() -> Self {
        Self { revision: 1, scales: catalogue::baseline_scales().clone() }
    }
}

/// The methodology as this work sees it.
pub async fn in_force(work: &mut Work) -> Result<InForce, Problem> {
    let (methodology, _) = work.load::<Methodology>(ID).await?;
    let new = "this tenant is new, and its methodology is on its way: try again in a moment";
    methodology.in_force.clone().ok_or_else(|| Problem::unavailable(new))
}

#[cfg(test)]
mod tests {
    use super::{InForce, Written};

    #[test]
    fn a_rating_says_its_labels_level_and_revision() {
        let at = |field, text| Written { field, text };
        let rating = InForce::baseline().rate(at("likelihood", "likely"), at("impact", "5"), None).expect("rated");
        assert_eq!((rating.score(), rating.level.rank, rating.acceptable), (20, 3, false));
        assert_eq!((rating.likelihood.label.as_str(), rating.impact.label.as_str()), ("Likely", "Severe"));
        assert_eq!((rating.level.label.as_str(), rating.methodology_revision), ("critical", 1));
    }

    #[test]
    fn both_scores_off_their_scales_are_both_told() {
        let at = |field, text| Written { field, text };
        let errors = InForce::baseline().rate(at("likelihood", "6"), at("impact", "Awful"), None).expect_err("refused");
        assert_eq!(errors.iter().map(|error| error.field.as_str()).collect::<Vec<_>>(), ["likelihood", "impact"]);
        assert!(errors[0].detail.contains("1 Rare, 2 Unlikely"), "{}", errors[0].detail);
    }
}

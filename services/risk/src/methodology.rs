//! How the tenant measures risk. One stream a tenant; an assessment pins the revision that it was made under.

use catalogue::{Scales, ScalesError, baseline_scales};
use eventstore::{Cx, Recorded, Work, aggregate};
use messaging::Reaction;
use serde::{Deserialize, Serialize};
use service::{FieldError, Problem, field_error};
use std::sync::Arc;
use utoipa::ToSchema;
use views::{Folded, View};

/// The one stream's id.
pub const ID: &str = "risk";

#[derive(Default, Serialize, Deserialize)]
pub struct Methodology {
    in_force: Option<InForce>,
}

/// A revision and its scales.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InForce {
    revision: u32,
    scales: Scales,
}

#[derive(Clone, Debug)]
pub enum Command {
    Adopt(Scales),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    Adopted { revision: u32, scales: Scales },
}

#[derive(Debug, PartialEq, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Broken {
    #[error("{0}")]
    UnusableScales(#[from] ScalesError),
}

impl Methodology {
    fn decide(&self, Command::Adopt(scales): Command, _: &Cx) -> Result<Vec<Event>, Broken> {
        scales.validate()?;
        let revision = match &self.in_force {
            Some(standing) if standing.scales == scales => return Ok(vec![]),
            Some(standing) => standing.revision + 1,
            None => 1,
        };
        Ok(vec![Event::Adopted { revision, scales }])
    }

    fn apply(&mut self, event: Event) {
        let Event::Adopted { revision, scales } = event;
        self.in_force = Some(InForce { revision, scales });
    }
}

aggregate!(Methodology, "methodology", Command, Event, Broken);

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
}

/// A score as somebody wrote it, and where.
#[derive(Clone, Copy, Debug)]
pub struct Written<'a> {
    pub field: &'a str,
    pub text: &'a str,
}

impl InForce {
    pub fn rate(&self, likelihood: Written<'_>, impact: Written<'_>) -> Result<Rating, Vec<FieldError>> {
        let scales = &self.scales;
        let refused = |at: Written<'_>, error: catalogue::NotOnScale| field_error(at.field, error.to_string());
        let l = scales.parse_likelihood(likelihood.text).map_err(|error| refused(likelihood, error));
        let i = scales.parse_impact(impact.text).map_err(|error| refused(impact, error));
        match (l, i) {
            (Ok(l), Ok(i)) => Ok(self.rating(l, i)),
            (l, i) => Err([l.err(), i.err()].into_iter().flatten().collect()),
        }
    }

    fn rating(&self, likelihood: u8, impact: u8) -> Rating {
        let scales = &self.scales;
        let graded = |score: u8, labels: &[String]| Graded { score, label: labels[usize::from(score) - 1].clone() };
        let rank =
            scales.level(likelihood, impact).expect("adopted scales have a level for every pair of their scores");
        Rating {
            likelihood: graded(likelihood, &scales.likelihood),
            impact: graded(impact, &scales.impact),
            level: Level { rank, label: scales.levels[usize::from(rank)].clone() },
            acceptable: rank <= scales.acceptance_level,
            methodology_revision: self.revision,
        }
    }

    #[cfg(test)]
    pub fn baseline() -> Self {
        Self { revision: 1, scales: baseline_scales().clone() }
    }
}

impl Rating {
    pub fn score(&self) -> u16 {
        u16::from(self.likelihood.score) * u16::from(self.impact.score)
    }
}

/// The methodology as this work sees it.
pub async fn in_force(work: &mut Work) -> Result<InForce, Problem> {
    let (methodology, _) = work.load::<Methodology>(ID).await?;
    let new = "this tenant is new, and its methodology is on its way: try again in a moment";
    methodology.in_force.ok_or_else(|| Problem::unavailable(new))
}

/// Every tenant begins with the methodology of its baseline.
pub fn when_tenant_created_then_adopt_methodology() -> Reaction {
    Arc::new(|work, event| {
        Box::pin(async move {
            if event.event_type != "tenant.created" {
                return Ok(());
            }
            let baseline = event.data.get("baseline").and_then(serde_json::Value::as_str).unwrap_or_default();
            anyhow::ensure!(baseline == "iso27001_2022", "no methodology belongs to the baseline {baseline:?}");
            work.execute::<Methodology>(ID, None, Command::Adopt(baseline_scales().clone())).await?;
            Ok(())
        })
    })
}

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
}

impl View for AdoptedMethodology {
    const NAME: &'static str = "methodology";

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        Ok(event.decode::<Event>()?.map(|_| event.stream.id().to_owned()).into_iter().collect())
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        let Some(Event::Adopted { revision, scales }) = event.decode()? else { return Ok(current) };
        let Scales { likelihood, impact, levels, matrix, acceptance_level } = scales;
        Ok(Some(Self { revision, likelihood, impact, levels, matrix, acceptance_level }))
    }
}

#[cfg(test)]
mod tests {
    use super::{Broken, Command, Event, InForce, Methodology, Written};
    use crate::fixture::cx;
    use catalogue::{Scales, baseline_scales};

    fn adopt(scales: &Scales) -> Command {
        Command::Adopt(scales.clone())
    }

    #[test]
    fn the_same_scales_again_are_no_new_revision_and_others_are() {
        let mut methodology = Methodology::default();
        let scales = baseline_scales();
        let first = Event::Adopted { revision: 1, scales: scales.clone() };
        assert_eq!(methodology.decide(adopt(scales), &cx()), Ok(vec![first.clone()]));

        methodology.apply(first);
        assert_eq!(methodology.decide(adopt(scales), &cx()), Ok(vec![]));
        let bolder = Scales { acceptance_level: 1, ..scales.clone() };
        let second = Event::Adopted { revision: 2, scales: bolder.clone() };
        assert_eq!(methodology.decide(adopt(&bolder), &cx()), Ok(vec![second]));
    }

    #[test]
    fn scales_that_cannot_be_used_are_not_adopted() {
        let unusable = Scales { acceptance_level: 9, ..baseline_scales().clone() };
        let decided = Methodology::default().decide(adopt(&unusable), &cx());
        assert!(matches!(decided, Err(Broken::UnusableScales(_))), "{decided:?}");
    }

    #[test]
    fn a_rating_says_its_labels_level_and_revision() {
        let at = |field, text| Written { field, text };
        let rating = InForce::baseline().rate(at("likelihood", "likely"), at("impact", "5")).expect("rated");
        assert_eq!((rating.score(), rating.level.rank, rating.acceptable), (20, 3, false));
        assert_eq!((rating.likelihood.label.as_str(), rating.impact.label.as_str()), ("Likely", "Severe"));
        assert_eq!((rating.level.label.as_str(), rating.methodology_revision), ("critical", 1));
    }

    #[test]
    fn both_scores_off_their_scales_are_both_told() {
        let at = |field, text| Written { field, text };
        let errors = InForce::baseline().rate(at("likelihood", "6"), at("impact", "Awful")).expect_err("refused");
        assert_eq!(errors.iter().map(|error| error.field.as_str()).collect::<Vec<_>>(), ["likelihood", "impact"]);
        assert!(errors[0].detail.contains("1 Rare, 2 Unlikely"), "{}", errors[0].detail);
    }
}

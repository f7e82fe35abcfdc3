use super::{CategoryAppetite, Command, ID, Methodology};
use access::Action;
use catalogue::{Appetite, Scales};
use eventstore::Work;
use serde::Deserialize;
use service::{Called, Problem};
use utoipa::ToSchema;

/// Says anew how risk is measured, whole. Past assessments keep the levels that they came to; what has to be assessed again
/// is listed under `/reassessments`.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AdoptMethodology {
    /// Labels of the scores 1, 2, 3, ...: three to six.
    #[schema(example = json!(["Rare", "Possible", "Likely"]))]
    likelihood: Vec<String>,
    /// Labels of the scores 1, 2, 3, ...: three to six.
    #[schema(example = json!(["Minor", "Moderate", "Major"]))]
    impact: Vec<String>,
    /// From the least to the greatest: three to six.
    #[schema(example = json!(["low", "medium", "high"]))]
    levels: Vec<String>,
    /// `matrix[likelihood - 1][impact - 1]` is a level, numbered from 0. None is lower than at a smaller likelihood or impact.
    #[schema(example = json!([[0, 0, 1], [0, 1, 2], [1, 2, 2]]))]
    matrix: Vec<Vec<u8>>,
    /// The highest level that needs no treatment, numbered from 0.
    acceptance_level: u8,
    /// Categories of risk of which more or less is accepted than that.
    #[serde(default)]
    appetite: Vec<CategoryAppetite>,
    /// For each level, after how many days a risk of it is looked at again; leave it out where that is not laid down.
    #[serde(default)]
    #[schema(example = json!([365, 180, 90]))]
    review_days: Vec<u16>,
}

impl service::Command for AdoptMethodology {
    type Of = Methodology;
    const ACTION: Action = Action::ManageTenant;
    const SUMMARY: &'static str = "Adopt another way of measuring risk: a new revision";
    const NEEDS_REASON: bool = true;

    fn id(&self, _: &str) -> Result<Called, Problem> {
        Ok(Called::As(ID.to_owned()))
    }

    async fn prepare(self, _: &mut Work, _: &str) -> Result<Command, Problem> {
        let scales = self.scales();
        scales.validate().map_err(|error| Problem::field(error.field(), error.to_string()))?;
        Ok(Command::Adopt(scales))
    }
}

impl AdoptMethodology {
    fn scales(self) -> Scales {
        let Self { likelihood, impact, levels, matrix, acceptance_level, appetite, review_days } = self;
        let trimmed = |labels: Vec<String>| labels.into_iter().map(|label| label.trim().to_owned()).collect();
        let of_category = |CategoryAppetite { category, acceptance_level }: CategoryAppetite| Appetite {
            category: category.trim().to_owned(),
            acceptance_level,
        };
        Scales {
            likelihood: trimmed(likelihood),
            impact: trimmed(impact),
            levels: trimmed(levels),
            matrix,
            acceptance_level,
            appetite: appetite.into_iter().map(of_category).collect(),
            review_days,
        }
    }
}

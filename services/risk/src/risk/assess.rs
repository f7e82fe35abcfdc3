use super::{Assessment, Command, Risk, Stage};
use crate::checks::LONGEST_TEXT;
use crate::methodology::{self, Written};
use access::Action;
use eventstore::Work;
use serde::Deserialize;
use service::{Problem, checked_text_if_given};
use utoipa::ToSchema;

/// Says how likely a risk is and how bad it would be, by the methodology in force.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AssessRisk)]
pub struct Assess {
    stage: Stage,
    likelihood: Score,
    impact: Score,
    #[serde(default)]
    rationale: Option<String>,
}

/// A label of the scale, such as `Likely`, or its number, such as 4.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[schema(as = WrittenScore)]
#[serde(untagged, expecting = "write a label of the scale, such as \"Likely\", or its number, such as 4")]
enum Score {
    Number(f64),
    Label(String),
}

impl Score {
    fn written(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Label(label) => label.clone(),
        }
    }
}

impl service::Command for Assess {
    type Of = Risk;
    const ACTION: Action = Action::WriteRisks;
    const SUMMARY: &'static str = "Assess a risk: before controls, with those that exist, or after treatment";

    async fn prepare(self, work: &mut Work, id: &str) -> Result<Command, Problem> {
        let category = work.load::<Risk>(id).await?.0.category().map(ToOwned::to_owned);
        let methodology = methodology::in_force(work).await?;
        let (likelihood, impact) = (self.likelihood.written(), self.impact.written());
        let rating = methodology
            .rate(
                Written { field: "likelihood", text: &likelihood },
                Written { field: "impact", text: &impact },
                category.as_deref(),
            )
            .map_err(Problem::fields)?;
        let rationale = self.rationale.unwrap_or_default();
        let rationale = checked_text_if_given("rationale", &rationale, LONGEST_TEXT)?;
        Ok(Command::Assess(Assessment { stage: self.stage, rating, rationale }))
    }
}

#[cfg(test)]
mod tests {
    use super::Assess;
    use serde_json::json;

    #[test]
    fn a_score_is_a_label_or_a_number() {
        let written = |score: serde_json::Value| {
            let body = json!({"stage": "current", "likelihood": score, "impact": 1});
            serde_json::from_value::<Assess>(body).map(|assess| assess.likelihood.written())
        };
        assert_eq!(written(json!(4)).expect("read"), "4");
        assert_eq!(written(json!(4.5)).expect("read"), "4.5");
        assert_eq!(written(json!("Likely")).expect("read"), "Likely");
        let refused = written(json!([4])).expect_err("refused").to_string();
        assert!(refused.starts_with("write a label of the scale"), "{refused}");
    }
}

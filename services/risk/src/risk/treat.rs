use super::{Command, Risk, Treatment, TreatmentOption};
use crate::control::{checked_controls, refuse_excluded};
use access::Action;
use eventstore::Work;
use serde::Deserialize;
use service::Problem;
use utoipa::ToSchema;

/// Decides what is done about a risk. The controls that it names become required; those that a former treatment named
/// and this one does not are released.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecideTreatment {
    option: TreatmentOption,
    /// Ids of Annex A. Mitigating takes at least one.
    #[serde(default)]
    #[schema(example = json!(["A.8.13"]))]
    controls: Vec<String>,
}

impl service::Command for DecideTreatment {
    type Of = Risk;
    const ACTION: Action = Action::DecideTreatment;
    const SUMMARY: &'static str = "Decide how a risk is treated, and why";
    const NEEDS_REASON: bool = true;

    async fn prepare(self, work: &mut Work, _: &str) -> Result<Command, Problem> {
        let controls = checked_controls("controls", &self.controls).map_err(Problem::fields)?;
        refuse_excluded(work, "controls", &controls).await?;
        let treatment =
            Treatment::new(self.option, controls).map_err(|broken| Problem::field("controls", broken.to_string()))?;
        Ok(Command::DecideTreatment(treatment))
    }
}

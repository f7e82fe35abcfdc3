use super::{Command, Risk};
use crate::control::checked_controls;
use access::Action;
use eventstore::Work;
use serde::Deserialize;
use service::Problem;
use utoipa::ToSchema;

/// Says which controls are in place against a risk, whole.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NoteExistingControls {
    /// Ids of Annex A.
    #[schema(example = json!(["A.8.3"]))]
    controls: Vec<String>,
}

impl service::Command for NoteExistingControls {
    type Of = Risk;
    const ACTION: Action = Action::WriteRisks;
    const SUMMARY: &'static str = "Note which controls exist against a risk";

    async fn prepare(self, _: &mut Work, _: &str) -> Result<Command, Problem> {
        let controls = checked_controls("controls", &self.controls).map_err(Problem::fields)?;
        Ok(Command::NoteExistingControls(controls))
    }
}

use super::{Command, Risk};
use access::Action;
use eventstore::Work;
use serde::Deserialize;
use service::{Problem, checked_person};
use utoipa::ToSchema;

/// Makes somebody the owner of a risk, instead of whoever was.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AssignRiskOwner)]
pub struct AssignOwner {
    /// A person's id.
    #[schema(example = "mara")]
    owner: String,
}

impl AssignOwner {
    pub fn to(owner: String) -> Self {
        Self { owner }
    }
}

impl service::Command for AssignOwner {
    type Of = Risk;
    const ACTION: Action = Action::WriteRisks;
    const SUMMARY: &'static str = "Give a risk an owner";

    async fn prepare(self, _: &mut Work, _: &str) -> Result<Command, Problem> {
        let owner = checked_person("owner", &self.owner)?;
        Ok(Command::AssignOwner(owner))
    }
}

use super::list::uploaded;
use super::{Command, Framework};
use access::Action;
use eventstore::{NOW, Work};
use serde::Deserialize;
use service::Problem;
use utoipa::ToSchema;

/// Takes a framework away, with what was said to answer it.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RemoveFramework {}

impl service::Command for RemoveFramework {
    type Of = Framework;
    const ACTION: Action = Action::WriteControls;
    const SUMMARY: &'static str = "Take a framework away that no other one is answered by; its ref is free again";
    const NEEDS_REASON: bool = true;

    async fn prepare(self, work: &mut Work, id: &str) -> Result<Command, Problem> {
        // Nobody maps another one to it from here on.
        work.lock().await?;
        let others = uploaded(work.session().await?, NOW - 1).await?;
        let answers = others.into_iter().filter(|other| other.data.mappings.iter().any(|one| one.framework == id));
        Ok(Command::Remove { answers: answers.map(|other| other.id).collect() })
    }
}

use super::{Broken, Command, Event, Risk};
use crate::control::refuse_excluded;
use access::Action;
use eventstore::Work;
use serde::Deserialize;
use service::Problem;
use utoipa::ToSchema;

impl Risk {
    pub(super) fn close(&self) -> Result<Vec<Event>, Broken> {
        if self.closed {
            return Ok(vec![]);
        }
        let undone = self.undone();
        if undone.is_empty() {
            Ok(self.lapsing(vec![Event::Closed { released_controls: self.relied_on().to_vec() }]))
        } else {
            Err(Broken::ActionsOpen { actions: undone.join(", ") })
        }
    }

    pub(super) fn reopened(&self) -> Event {
        let option = self.treatment.as_ref().map(|treatment| treatment.option);
        Event::Reopened { option, controls: self.relied_on().to_vec() }
    }

    /// The controls of its treatment.
    pub(super) fn relied_on(&self) -> &[String] {
        self.treatment.as_ref().map_or(&[], |treatment| &treatment.controls)
    }
}

/// Closes a risk that is none any more. It stays in the register, its treatment relies on no control any more, and nothing
/// about it changes until it is reopened.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CloseRisk)]
pub struct Close {}

/// Opens a risk again that was closed. The controls of its treatment are required again.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ReopenRisk)]
pub struct Reopen {}

impl service::Command for Close {
    type Of = Risk;
    const ACTION: Action = Action::DecideTreatment;
    const SUMMARY: &'static str = "Close a risk that is none any more, and say why";
    const NEEDS_REASON: bool = true;

    async fn prepare(self, _: &mut Work, _: &str) -> Result<Command, Problem> {
        Ok(Command::Close)
    }
}

impl service::Command for Reopen {
    type Of = Risk;
    const ACTION: Action = Action::DecideTreatment;
    const SUMMARY: &'static str = "Reopen a risk that was closed, and say why";
    const NEEDS_REASON: bool = true;

    async fn prepare(self, work: &mut Work, id: &str) -> Result<Command, Problem> {
        let relied_on = work.load::<Risk>(id).await?.0.relied_on().to_vec();
        refuse_excluded(work, "controls", &relied_on).await?;
        Ok(Command::Reopen)
    }
}

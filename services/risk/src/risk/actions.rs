//! What is to be done so that a risk is treated as decided: what, by whom, until when.

use super::{Broken, Command, Event, Risk};
use crate::checks::{Faults, LONGEST_TEXT, checked_past_day};
use access::Action as May;
use chrono::NaiveDate;
use eventstore::Work;
use serde::{Deserialize, Serialize};
use service::{Problem, checked_day, checked_person, checked_ref, checked_text};
use utoipa::ToSchema;

/// More than these are a project, which is planned elsewhere.
const MOST_ACTIONS: usize = 100;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    pub what: String,
    /// A person's handle.
    pub who: String,
    /// The last day, in UTC.
    pub due: NaiveDate,
}

impl Risk {
    pub(super) fn plan(&self, action: String, planned: Action) -> Result<Vec<Event>, Broken> {
        if self.treatment.is_none() {
            return Err(Broken::NotTreated);
        }
        match self.actions.get(&action) {
            Some((standing, _)) if *standing == planned => return Ok(vec![]),
            Some((_, true)) => return Err(Broken::ActionIsDone { action }),
            None if self.actions.len() >= MOST_ACTIONS => return Err(Broken::TooManyActions),
            Some((_, false)) | None => {}
        }
        let Action { what, who, due } = planned;
        Ok(vec![Event::ActionPlanned { action, what, who, due }])
    }

    pub(super) fn finish(&self, action: String, on: NaiveDate) -> Result<Vec<Event>, Broken> {
        match self.actions.get(&action) {
            None => Err(Broken::NoSuchAction { action }),
            Some((_, true)) => Ok(vec![]),
            Some((_, false)) => Ok(vec![Event::ActionDone { action, on }]),
        }
    }

    pub(super) fn drop_action(&self, action: String) -> Result<Vec<Event>, Broken> {
        match self.actions.get(&action) {
            None => Err(Broken::NoSuchAction { action }),
            Some((_, true)) => Err(Broken::ActionIsDone { action }),
            Some((_, false)) => Ok(vec![Event::ActionDropped { action }]),
        }
    }

    /// What nobody has finished yet.
    pub(super) fn undone(&self) -> Vec<&str> {
        self.actions.iter().filter(|(_, (_, done))| !done).map(|(action, _)| action.as_str()).collect()
    }
}

/// Plans an action of a risk's treatment, or says anew what it is.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanAction {
    /// What people call it, once in the risk.
    #[serde(rename = "ref")]
    #[schema(example = "T-1")]
    reference: String,
    #[schema(example = "Restore last night's backup on a spare machine")]
    what: String,
    /// A person's id.
    #[schema(example = "mara")]
    who: String,
    /// The last day, in UTC.
    #[schema(example = "2027-03-31")]
    due: String,
}

/// Says that an action was done.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FinishAction {
    #[serde(rename = "ref")]
    #[schema(example = "T-1")]
    reference: String,
    /// The day on which it was done; today where it is not given.
    #[serde(default)]
    on: Option<String>,
}

/// Gives an action up.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DropAction {
    #[serde(rename = "ref")]
    #[schema(example = "T-1")]
    reference: String,
}

impl service::Command for PlanAction {
    type Of = Risk;
    const ACTION: May = May::WriteRisks;
    const SUMMARY: &'static str = "Plan an action of a risk's treatment";

    async fn prepare(self, _: &mut Work, _: &str) -> Result<Command, Problem> {
        let mut faults = Faults::default();
        let action = faults.keep(checked_ref("ref", &self.reference));
        let what = faults.keep(checked_text("what", &self.what, LONGEST_TEXT));
        let who = faults.keep(checked_person("who", &self.who));
        let due = faults.keep(checked_day("due", &self.due));
        let planned = what.zip(who).zip(due).map(|((what, who), due)| Action { what, who, due });
        let made = action.zip(planned).map(|(action, planned)| Command::PlanAction { action, planned });
        faults.settle(made)
    }
}

impl service::Command for FinishAction {
    type Of = Risk;
    const ACTION: May = May::WriteRisks;
    const SUMMARY: &'static str = "Say that an action was done";

    async fn prepare(self, work: &mut Work, _: &str) -> Result<Command, Problem> {
        let mut faults = Faults::default();
        let action = faults.keep(checked_ref("ref", &self.reference));
        let on = faults.keep(checked_past_day("on", self.on.as_deref(), work.cx()));
        faults.settle(action.zip(on).map(|(action, on)| Command::FinishAction { action, on }))
    }
}

impl service::Command for DropAction {
    type Of = Risk;
    const ACTION: May = May::WriteRisks;
    const SUMMARY: &'static str = "Give up an action that was planned";
    const NEEDS_REASON: bool = true;

    async fn prepare(self, _: &mut Work, _: &str) -> Result<Command, Problem> {
        Ok(Command::DropAction { action: checked_ref("ref", &self.reference)? })
    }
}

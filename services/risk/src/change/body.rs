use super::{Change, Command, Profile};
use crate::checks::{Faults, LONGEST_NAME, LONGEST_TEXT, checked_past_day};
use access::Action;
use eventstore::Work;
use serde::Deserialize;
use service::{Problem, checked_day, checked_person, checked_text};
use utoipa::ToSchema;

/// Says what is planned, whole.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanChange {
    #[schema(example = "Move the service to another hosting provider")]
    what: String,
    purpose: String,
    /// What may follow from it.
    consequences: String,
    /// How the ISMS stays whole meanwhile.
    integrity: String,
    resources: String,
    /// Who does what, where responsibilities are given or change.
    responsibilities: String,
    /// Who carries it out: a person's id.
    owner: String,
    /// The last day, in UTC.
    #[schema(example = "2027-03-31")]
    due: String,
}

/// Says that a planned change was carried out, and what came of it.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CarryOutChange {
    #[schema(example = "Moved in one night; nobody noticed")]
    result: String,
    /// The day on which it was; today where it is not given.
    #[serde(default)]
    on: Option<String>,
}

/// Gives a planned change up.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DropChange {}

impl service::Command for PlanChange {
    type Of = Change;
    const ACTION: Action = Action::ManageTenant;
    const SUMMARY: &'static str = "Say a planned change anew, and why";
    const NEEDS_REASON: bool = true;

    async fn prepare(self, _: &mut Work, _: &str) -> Result<Command, Problem> {
        Ok(Command::Replan(self.checked()?))
    }
}

impl service::Register for PlanChange {
    const REGISTERS: &'static str = "Plan a change of the ISMS";
    const LETTERS: &'static str = "C";

    async fn register(self, _: &mut Work, _: &str) -> Result<Command, Problem> {
        Ok(Command::Plan(self.checked()?))
    }
}

impl service::Command for CarryOutChange {
    type Of = Change;
    const ACTION: Action = Action::ManageTenant;
    const SUMMARY: &'static str = "Say that a planned change was carried out";

    async fn prepare(self, work: &mut Work, _: &str) -> Result<Command, Problem> {
        let mut faults = Faults::default();
        let result = faults.keep(checked_text("result", &self.result, LONGEST_TEXT));
        let on = faults.keep(checked_past_day("on", self.on.as_deref(), work.cx()));
        faults.settle(result.zip(on).map(|(result, on)| Command::CarryOut { on, result }))
    }
}

impl service::Command for DropChange {
    type Of = Change;
    const ACTION: Action = Action::ManageTenant;
    const SUMMARY: &'static str = "Give a planned change up, and say why";
    const NEEDS_REASON: bool = true;

    async fn prepare(self, _: &mut Work, _: &str) -> Result<Command, Problem> {
        Ok(Command::Drop)
    }
}

impl PlanChange {
    fn checked(self) -> Result<Profile, Problem> {
        let mut faults = Faults::default();
        let mut text = |field: &str, text: &str, most| faults.keep(checked_text(field, text, most)).unwrap_or_default();
        let what = text("what", &self.what, LONGEST_NAME);
        let purpose = text("purpose", &self.purpose, LONGEST_TEXT);
        let consequences = text("consequences", &self.consequences, LONGEST_TEXT);
        let integrity = text("integrity", &self.integrity, LONGEST_TEXT);
        let resources = text("resources", &self.resources, LONGEST_TEXT);
        let responsibilities = text("responsibilities", &self.responsibilities, LONGEST_TEXT);
        let owner = faults.keep(checked_person("owner", &self.owner)).unwrap_or_default();
        let due = faults.keep(checked_day("due", &self.due));
        let profile =
            due.map(|due| Profile { what, purpose, consequences, integrity, resources, responsibilities, owner, due });
        faults.settle(profile)
    }
}

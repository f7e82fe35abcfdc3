use super::{Command, Objective, Profile, Verdict};
use crate::checks::{Faults, LONGEST_NAME, LONGEST_TEXT, checked_past_day};
use access::Action;
use eventstore::Work;
use serde::Deserialize;
use service::{Problem, checked_day, checked_person, checked_text};
use utoipa::ToSchema;

/// Says what an objective of the ISMS is, whole.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetObjective {
    #[schema(example = "Restore any customer's data within four hours")]
    what: String,
    /// By what it is measured.
    measure: String,
    /// What that is to come to.
    target: String,
    /// What is done for it.
    actions: String,
    resources: String,
    /// A person's id.
    owner: String,
    /// The last day, in UTC.
    #[schema(example = "2027-03-31")]
    due: String,
    /// How it is seen whether it was reached.
    evaluation: String,
}

/// Says how far an objective is. Evaluations are never overwritten.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EvaluateObjective {
    /// What was measured.
    #[schema(example = "3 hours and 10 minutes")]
    result: String,
    verdict: Verdict,
    /// The day on which it was; today where it is not given.
    #[serde(default)]
    on: Option<String>,
}

/// Gives an objective up.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DropObjective {}

impl service::Command for SetObjective {
    type Of = Objective;
    const ACTION: Action = Action::ManageTenant;
    const SUMMARY: &'static str = "Change an objective, and say why";
    const NEEDS_REASON: bool = true;

    async fn prepare(self, _: &mut Work, _: &str) -> Result<Command, Problem> {
        Ok(Command::Change(self.checked()?))
    }
}

impl service::Register for SetObjective {
    const REGISTERS: &'static str = "Set an objective of the ISMS";
    const LETTERS: &'static str = "O";

    async fn register(self, _: &mut Work, _: &str) -> Result<Command, Problem> {
        Ok(Command::Set(self.checked()?))
    }
}

impl service::Command for EvaluateObjective {
    type Of = Objective;
    const ACTION: Action = Action::WriteRisks;
    const SUMMARY: &'static str = "Say how far an objective is";

    async fn prepare(self, work: &mut Work, _: &str) -> Result<Command, Problem> {
        let mut faults = Faults::default();
        let result = faults.keep(checked_text("result", &self.result, LONGEST_TEXT));
        let on = faults.keep(checked_past_day("on", self.on.as_deref(), work.cx()));
        let verdict = self.verdict;
        faults.settle(result.zip(on).map(|(result, on)| Command::Evaluate { on, result, verdict }))
    }
}

impl service::Command for DropObjective {
    type Of = Objective;
    const ACTION: Action = Action::ManageTenant;
    const SUMMARY: &'static str = "Give an objective up, and say why";
    const NEEDS_REASON: bool = true;

    async fn prepare(self, _: &mut Work, _: &str) -> Result<Command, Problem> {
        Ok(Command::Drop)
    }
}

impl SetObjective {
    fn checked(self) -> Result<Profile, Problem> {
        let mut faults = Faults::default();
        let mut text = |field: &str, text: &str, most| faults.keep(checked_text(field, text, most)).unwrap_or_default();
        let what = text("what", &self.what, LONGEST_NAME);
        let measure = text("measure", &self.measure, LONGEST_TEXT);
        let target = text("target", &self.target, LONGEST_TEXT);
        let actions = text("actions", &self.actions, LONGEST_TEXT);
        let resources = text("resources", &self.resources, LONGEST_TEXT);
        let evaluation = text("evaluation", &self.evaluation, LONGEST_TEXT);
        let owner = faults.keep(checked_person("owner", &self.owner)).unwrap_or_default();
        let due = faults.keep(checked_day("due", &self.due));
        let profile = due.map(|due| Profile { what, measure, target, actions, resources, owner, due, evaluation });
        faults.settle(profile)
    }
}

#[cfg(test)]
mod tests {
    use super::SetObjective;
    use serde_json::json;

    #[test]
    fn every_wrong_field_is_named() {
        let body = json!({"what": " ", "measure": "Hours", "target": "4", "actions": "x", "resources": "", "owner": "A B",
            "due": "soon", "evaluation": "x"});
        let said: SetObjective = serde_json::from_value(body).expect("a body");
        let problem = serde_json::to_value(said.checked().expect_err("refused")).expect("written");
        let fields: Vec<&str> =
            problem["errors"].as_array().expect("errors").iter().filter_map(|e| e["field"].as_str()).collect();
        assert_eq!(fields, ["what", "resources", "owner", "due"]);
    }
}

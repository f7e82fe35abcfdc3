use crate::checks::{LONGEST_TEXT, past};
use crate::control::{
    Basis, Command, Control, Decision, Effectiveness, Implementation, ImplementationState, Test, TestMethod,
};
use access::Action;
use eventstore::Work;
use serde::Deserialize;
use service::{Faults, FieldError, Problem, checked_day, checked_person, checked_text, field_error};
use utoipa::ToSchema;

/// The highest level of maturity.
const HIGHEST_MATURITY: u32 = 5;

/// Whether a control applies, and why.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecideApplicability {
    pub applicable: bool,
    /// On what basis it is included; not given where it is excluded.
    pub basis: Option<Basis>,
    /// What the Statement of Applicability says, either way.
    #[schema(example = "Customer contracts ask for daily backups")]
    pub justification: String,
}

/// How far a control is implemented. What is not given is empty afterwards.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetImplementation {
    pub state: ImplementationState,
    /// In what way, in a few sentences.
    pub how: Option<String>,
}

/// Who answers for a control.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AssignControlOwner {
    /// A person's id.
    #[schema(example = "mara")]
    pub owner: String,
}

/// When a control is looked at again.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanControlReview {
    /// A day; null: none is set any more. It must be said.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schema(format = Date)]
    pub next_review: Option<String>,
}

/// How mature a control is.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AssessMaturity {
    /// 0 to 5: not there, done by some, repeated, written down, measured, always bettered.
    #[schema(minimum = 0, maximum = 5)]
    pub level: u32,
}

/// What a test showed of a control's effectiveness.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TestControl {
    /// The day of the test.
    #[schema(format = Date)]
    pub tested_on: String,
    pub method: TestMethod,
    /// What was looked at, of how many.
    #[schema(example = "25 of the 240 who left this year")]
    pub sample: String,
    pub result: Effectiveness,
    /// What was found. It must be said unless the control is effective.
    pub finding: Option<String>,
}

impl DecideApplicability {
    pub fn decision(self) -> Result<Decision, Vec<FieldError>> {
        let justification = checked_text("justification", &self.justification, LONGEST_TEXT);
        match (self.applicable, self.basis, justification) {
            (true, Some(basis), Ok(justification)) => Ok(Decision::Included { basis, justification }),
            (false, None, Ok(justification)) => Ok(Decision::Excluded { justification }),
            (applicable, basis, justification) => {
                let basis = match (applicable, basis) {
                    (true, None) => Some("say why it applies: risk_treatment, law, contract or good_practice"),
                    (false, Some(_)) => Some("an excluded control has none: leave it out, the justification is enough"),
                    (true, Some(_)) | (false, None) => None,
                };
                let basis = basis.map(|detail| field_error("basis", detail));
                Err(basis.into_iter().chain(justification.err()).collect())
            }
        }
    }
}

impl service::Command for DecideApplicability {
    type Of = Control;
    const ACTION: Action = Action::DecideApplicability;
    const SUMMARY: &'static str = "Decide whether a control applies";

    async fn prepare(self, _: &mut Work, _: &str) -> Result<Command, Problem> {
        Ok(Command::Decide(self.decision().map_err(Problem::fields)?))
    }
}

impl service::Command for SetImplementation {
    type Of = Control;
    const ACTION: Action = Action::WriteControls;
    const SUMMARY: &'static str = "Set how far a control is implemented";

    async fn prepare(self, _: &mut Work, _: &str) -> Result<Command, Problem> {
        let how = self.how.map(|how| checked_text("how", &how, LONGEST_TEXT)).transpose();
        let how = how?;
        Ok(Command::SetImplementation(Implementation { state: self.state, how }))
    }
}

impl service::Command for AssignControlOwner {
    type Of = Control;
    const ACTION: Action = Action::WriteControls;
    const SUMMARY: &'static str = "Say who answers for a control";

    async fn prepare(self, _: &mut Work, _: &str) -> Result<Command, Problem> {
        let owner = checked_person("owner", &self.owner)?;
        Ok(Command::AssignOwner { owner })
    }
}

impl service::Command for PlanControlReview {
    type Of = Control;
    const ACTION: Action = Action::WriteControls;
    const SUMMARY: &'static str = "Plan when a control is looked at again";

    async fn prepare(self, _: &mut Work, _: &str) -> Result<Command, Problem> {
        let next_review = self.next_review.map(|written| checked_day("next_review", &written)).transpose();
        Ok(Command::PlanReview { next_review: next_review? })
    }
}

impl service::Command for AssessMaturity {
    type Of = Control;
    const ACTION: Action = Action::WriteControls;
    const SUMMARY: &'static str = "Say how mature a control is";

    async fn prepare(self, _: &mut Work, _: &str) -> Result<Command, Problem> {
        let level = self.level;
        if level > HIGHEST_MATURITY {
            return Err(Problem::field("level", format!("{level} is not a whole number from 0 to {HIGHEST_MATURITY}")));
        }
        Ok(Command::AssessMaturity { level })
    }
}

impl service::Command for TestControl {
    type Of = Control;
    const ACTION: Action = Action::WriteControls;
    const SUMMARY: &'static str = "Record a test of a control's effectiveness";

    async fn prepare(self, work: &mut Work, _: &str) -> Result<Command, Problem> {
        let mut faults = Faults::default();
        let tested_on = faults.keep(past("tested_on", &self.tested_on, work.cx()));
        let sample = faults.keep(checked_text("sample", &self.sample, LONGEST_TEXT));
        let finding = self.finding.and_then(|text| faults.keep(checked_text("finding", &text, LONGEST_TEXT)));
        let (method, result) = (self.method, self.result);
        if finding.is_none() && result != Effectiveness::Effective {
            faults.wrong("finding", "say what was found: only an effective control needs no word");
        }
        let test = tested_on.zip(sample).map(|(tested_on, sample)| Test { tested_on, method, sample, result, finding });
        faults.settle(test.map(Command::NoteTest))
    }
}

#[cfg(test)]
mod tests {
    use super::DecideApplicability;
    use crate::control::{Basis, Decision};

    fn decided(applicable: bool, basis: Option<Basis>, justification: &str) -> Result<Decision, Vec<String>> {
        DecideApplicability { applicable, basis, justification: justification.to_owned() }
            .decision()
            .map_err(|errors| errors.into_iter().map(|error| error.field).collect())
    }

    #[test]
    fn a_decision_has_a_justification_and_an_inclusion_its_basis() {
        let justification = "because".to_owned();
        assert_eq!(
            decided(true, Some(Basis::Law), " because "),
            Ok(Decision::Included { basis: Basis::Law, justification: justification.clone() })
        );
        assert_eq!(decided(false, None, "because"), Ok(Decision::Excluded { justification }));
    }

    #[test]
    fn every_wrong_field_is_named() {
        let named = |fields: &[&str]| Err(fields.iter().map(|field| (*field).to_owned()).collect());
        assert_eq!(decided(true, None, "  "), named(&["basis", "justification"]));
        assert_eq!(decided(true, Some(Basis::Law), ""), named(&["justification"]));
        assert_eq!(decided(false, Some(Basis::Law), "because"), named(&["basis"]));
        assert_eq!(decided(false, None, &"x".repeat(4001)), named(&["justification"]));
    }
}

use super::{Adequacy, Agreement, AgreementKind, Assessment, Command, Criticality, Profile, Supplier};
use crate::checks::{LONGEST_TEXT, LONGEST_TITLE, checked_link, past, to_come};
use access::Action;
use eventstore::Work;
use serde::Deserialize;
use service::{Faults, Problem, checked_day, checked_person, checked_text};
use utoipa::ToSchema;

pub const MOST_SERVICES: usize = 100;

/// What is said of a supplier, whole: what is left out is no longer so.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DescribeSupplier {
    #[schema(example = "Fjordcloud")]
    name: String,
    criticality: Criticality,
    /// What it does for the organisation.
    #[serde(default)]
    #[schema(example = json!(["Hosts the platform"]))]
    services: Vec<String>,
    /// What of the organisation's information it comes to see or keeps.
    information: Option<String>,
    /// A person's id.
    owner: Option<String>,
}

/// What somebody found who looked how a supplier protects what it is entrusted with.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AssessSupplier {
    #[schema(format = Date)]
    assessed_on: String,
    #[schema(example = "Certificate ISO/IEC 27001 and questionnaire")]
    method: String,
    result: Adequacy,
    /// It must be said unless the result is adequate.
    finding: Option<String>,
    /// The day by which it is assessed again.
    #[schema(format = Date)]
    assessed_again_by: String,
}

/// What was agreed with a supplier, in place of the agreement of the same title.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AgreeWithSupplier {
    #[schema(example = "Data processing agreement")]
    title: String,
    kind: AgreementKind,
    #[schema(format = Date)]
    signed_on: String,
    /// The last day on which it holds; without an end where it is not given.
    #[schema(format = Date)]
    ends_on: Option<String>,
    /// Where it stands.
    link: Option<String>,
}

/// How to do without a supplier.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanExit {
    plan: String,
}

/// Nothing comes from the supplier any more.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndSupplier {
    #[schema(format = Date)]
    ended_on: String,
}

impl DescribeSupplier {
    fn profile(self) -> Result<Profile, Problem> {
        let mut faults = Faults::default();
        let name = faults.keep(checked_text("name", &self.name, LONGEST_TITLE));
        if self.services.len() > MOST_SERVICES {
            faults.wrong("services", format!("{MOST_SERVICES} are the most"));
        }
        let services = self.services.iter();
        let services = services.filter_map(|one| faults.keep(checked_text("services", one, LONGEST_TITLE))).collect();
        let information =
            self.information.and_then(|text| faults.keep(checked_text("information", &text, LONGEST_TEXT)));
        let owner = self.owner.and_then(|owner| faults.keep(checked_person("owner", &owner)));
        let criticality = self.criticality;
        faults.settle(name.map(|name| Profile { name, criticality, services, information, owner }))
    }
}

impl service::Command for DescribeSupplier {
    type Of = Supplier;
    const ACTION: Action = Action::WriteControls;
    const SUMMARY: &'static str = "Say anew what a supplier does and how critical it is";

    async fn prepare(self, _: &mut Work, _: &str) -> Result<Command, Problem> {
        Ok(Command::Describe(self.profile()?))
    }
}

impl service::Register for DescribeSupplier {
    const REGISTERS: &'static str = "Register a supplier";
    const LETTERS: &'static str = "S";

    async fn register(self, _: &mut Work, _: &str) -> Result<Command, Problem> {
        Ok(Command::Register(self.profile()?))
    }
}

impl service::Command for AssessSupplier {
    type Of = Supplier;
    const ACTION: Action = Action::WriteControls;
    const SUMMARY: &'static str = "Record an assessment of a supplier";

    async fn prepare(self, work: &mut Work, _: &str) -> Result<Command, Problem> {
        let mut faults = Faults::default();
        let assessed_on = faults.keep(past("assessed_on", &self.assessed_on, work.cx()));
        let assessed_again_by = faults.keep(to_come("assessed_again_by", &self.assessed_again_by, work.cx()));
        let method = faults.keep(checked_text("method", &self.method, LONGEST_TITLE));
        let finding = self.finding.and_then(|text| faults.keep(checked_text("finding", &text, LONGEST_TEXT)));
        let result = self.result;
        if finding.is_none() && result != Adequacy::Adequate {
            faults.wrong("finding", "say what was found: only an adequate supplier needs no word");
        }
        let made = assessed_on.zip(method).zip(assessed_again_by);
        let made = made.map(|((assessed_on, method), assessed_again_by)| {
            Command::Assess(Assessment { assessed_on, method, result, finding, assessed_again_by })
        });
        faults.settle(made)
    }
}

impl service::Command for AgreeWithSupplier {
    type Of = Supplier;
    const ACTION: Action = Action::WriteControls;
    const SUMMARY: &'static str = "Record what was agreed with a supplier";

    async fn prepare(self, work: &mut Work, _: &str) -> Result<Command, Problem> {
        let mut faults = Faults::default();
        let title = faults.keep(checked_text("title", &self.title, LONGEST_TITLE));
        let signed_on = faults.keep(past("signed_on", &self.signed_on, work.cx()));
        let ends_on = self.ends_on.and_then(|written| faults.keep(checked_day("ends_on", &written)));
        if signed_on.zip(ends_on).is_some_and(|(signed, ends)| ends < signed) {
            faults.wrong("ends_on", "it lies before signed_on");
        }
        let link = self.link.and_then(|link| faults.keep(checked_link("link", &link)));
        let kind = self.kind;
        let made = title.zip(signed_on);
        faults
            .settle(made.map(|(title, signed_on)| Command::Agree(Agreement { title, kind, signed_on, ends_on, link })))
    }
}

impl service::Command for PlanExit {
    type Of = Supplier;
    const ACTION: Action = Action::WriteControls;
    const SUMMARY: &'static str = "Plan how to do without a supplier";

    async fn prepare(self, _: &mut Work, _: &str) -> Result<Command, Problem> {
        Ok(Command::PlanExit { plan: checked_text("plan", &self.plan, LONGEST_TEXT)? })
    }
}

impl service::Command for EndSupplier {
    type Of = Supplier;
    const ACTION: Action = Action::WriteControls;
    const SUMMARY: &'static str = "Say that nothing comes from a supplier any more";
    const NEEDS_REASON: bool = true;

    async fn prepare(self, work: &mut Work, _: &str) -> Result<Command, Problem> {
        Ok(Command::End { ended_on: past("ended_on", &self.ended_on, work.cx())? })
    }
}

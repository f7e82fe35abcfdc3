use super::{Command, Finding, Kind, LETTERS, Profile};
use access::Action;
use catalogue::requirement_meant;
use chrono::NaiveDate;
use eventstore::{Cx, Work};
use serde::Deserialize;
use service::{
    Faults, FieldError, Problem, checked_day, checked_person, checked_text, checked_text_if_given, field_error, tidy,
};
use utoipa::ToSchema;

pub const LONGEST_TITLE: usize = 200;
pub const LONGEST_TEXT: usize = 4000;

/// No finding is about more.
const MOST_REQUIREMENTS: usize = 134;

/// What is said of a finding, whole: what is left out is no longer so.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DescribeFinding {
    #[schema(example = "Restores are not rehearsed")]
    title: String,
    kind: Kind,
    /// What was found, and where.
    #[serde(default)]
    description: String,
    /// The clauses and the controls of Annex A that it is about.
    #[serde(default)]
    #[schema(example = json!(["9.1", "A.8.13"]))]
    requirements: Vec<String>,
    /// The audit that it comes from, in words.
    #[serde(default)]
    #[schema(example = "Internal audit 2026")]
    source: String,
    /// The day on which it was found; today where it is not given.
    #[schema(format = Date)]
    raised_on: Option<String>,
    /// Who sees to it: a person's id.
    owner: Option<String>,
    /// The last day on which it is to be seen to.
    #[schema(format = Date)]
    due: Option<String>,
}

/// Nothing more is to be done about the finding.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CloseFinding {}

/// Something is to be done about the finding after all.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReopenFinding {}

impl DescribeFinding {
    pub(super) fn profile(self, cx: &Cx) -> Result<Profile, Problem> {
        let mut faults = Faults::default();
        let title = faults.keep(checked_text("title", &self.title, LONGEST_TITLE));
        let description = faults.keep(checked_text_if_given("description", &self.description, LONGEST_TEXT)).flatten();
        let source = faults.keep(checked_text_if_given("source", &self.source, LONGEST_TITLE)).flatten();
        if self.requirements.len() > MOST_REQUIREMENTS {
            faults.wrong("requirements", format!("{MOST_REQUIREMENTS} are the most"));
        }
        let requirements = self.requirements.iter();
        let requirements =
            tidy(requirements.filter_map(|one| faults.keep(requirement("requirements", one))).collect::<Vec<_>>());
        let raised_on = self.raised_on.map_or(Ok(today(cx)), |day| past("raised_on", &day, cx));
        let raised_on = faults.keep(raised_on);
        let owner = self.owner.and_then(|owner| faults.keep(checked_person("owner", &owner)));
        let due = self.due.and_then(|day| faults.keep(checked_day("due", &day)));
        if raised_on.zip(due).is_some_and(|(raised, due)| due < raised) {
            faults.wrong("due", "it lies before raised_on");
        }
        let kind = self.kind;
        let made = title.zip(raised_on);
        faults.settle(made.map(|(title, raised_on)| Profile {
            title,
            kind,
            description,
            requirements,
            source,
            raised_on,
            owner,
            due,
        }))
    }
}

/// The day on which what is decided here happens.
pub fn today(cx: &Cx) -> NaiveDate {
    cx.occurred_at.unwrap_or(cx.now).date_naive()
}

/// A day that has come.
pub fn past(field: &str, written: &str, cx: &Cx) -> Result<NaiveDate, FieldError> {
    not_to_come(field, checked_day(field, written)?, cx)
}

pub fn not_to_come(field: &str, day: NaiveDate, cx: &Cx) -> Result<NaiveDate, FieldError> {
    if day > cx.now.date_naive() {
        return Err(field_error(field, format!("{day} lies in the future: say the day on which it was")));
    }
    Ok(day)
}

/// The id of what the standard asks for.
pub fn requirement(field: &str, written: &str) -> Result<String, FieldError> {
    requirement_meant(written).map(ToOwned::to_owned).ok_or_else(|| {
        let written: String = written.trim().chars().take(60).collect();
        let detail = format!(
            "`{written}` is neither a clause of ISO/IEC 27001:2022 nor a control of its Annex A: write a number such as \
             9.2 or A.8.13"
        );
        field_error(field, detail)
    })
}

impl service::Command for DescribeFinding {
    type Of = Finding;
    const ACTION: Action = Action::WriteFindings;
    const SUMMARY: &'static str = "Say anew what was found, and who sees to it";

    async fn prepare(self, work: &mut Work, id: &str) -> Result<Command, Problem> {
        // The day on which it was found stays where none is given.
        let found = work.load::<Finding>(id).await?.0.profile().map(|profile| profile.raised_on);
        let raised_on = self.raised_on.or(found.map(|day| day.to_string()));
        Ok(Command::Describe(Self { raised_on, ..self }.profile(work.cx())?))
    }
}

impl service::Register for DescribeFinding {
    const REGISTERS: &'static str = "Raise a finding";
    const LETTERS: &'static str = LETTERS;

    async fn register(self, work: &mut Work, _: &str) -> Result<Command, Problem> {
        Ok(Command::Raise(self.profile(work.cx())?))
    }
}

impl service::Command for CloseFinding {
    type Of = Finding;
    const ACTION: Action = Action::WriteFindings;
    const SUMMARY: &'static str = "Close a finding, and say why nothing more is to be done";
    const NEEDS_REASON: bool = true;

    async fn prepare(self, _: &mut Work, _: &str) -> Result<Command, Problem> {
        Ok(Command::Close)
    }
}

impl service::Command for ReopenFinding {
    type Of = Finding;
    const ACTION: Action = Action::WriteFindings;
    const SUMMARY: &'static str = "Reopen a finding, and say why";
    const NEEDS_REASON: bool = true;

    async fn prepare(self, _: &mut Work, _: &str) -> Result<Command, Problem> {
        Ok(Command::Reopen)
    }
}

use super::{Command, Competence, Kind, Profile};
use crate::checks::{LONGEST_TEXT, LONGEST_TITLE};
use crate::holders::checked_roles;
use access::Action;
use eventstore::Work;
use serde::Deserialize;
use service::{Faults, Problem, checked_day, checked_people, checked_text};
use utoipa::ToSchema;

/// What people must be able to do or be aware of, whole: what is left out is no longer so.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DescribeCompetence {
    #[schema(example = "Secure coding")]
    title: String,
    kind: Kind,
    /// By what it is told that somebody has it.
    #[schema(example = "The course of this year, with its test")]
    criterion: String,
    /// Ids of the people who must have it.
    #[serde(default)]
    people: Vec<String>,
    /// Whoever has one of these roles must have it, too, as long as they have the role.
    #[serde(default)]
    #[schema(example = json!(["contributor", "control_owner"]))]
    roles: Vec<String>,
    /// The day by which they must.
    #[schema(format = Date)]
    due_on: Option<String>,
}

/// Nobody needs it any more.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetireCompetence {}

impl DescribeCompetence {
    async fn profile(self, work: &mut Work) -> Result<Profile, Problem> {
        let mut faults = Faults::default();
        let roles = faults.keep_list(checked_roles(work, "roles", self.roles).await?);
        let title = faults.keep(checked_text("title", &self.title, LONGEST_TITLE));
        let criterion = faults.keep(checked_text("criterion", &self.criterion, LONGEST_TEXT));
        let people = faults.keep_list(checked_people("people", &self.people));
        let due_on = self.due_on.and_then(|written| faults.keep(checked_day("due_on", &written)));
        let kind = self.kind;
        let made = title.zip(criterion);
        faults.settle(made.map(|(title, criterion)| Profile { title, kind, criterion, people, roles, due_on }))
    }
}

impl service::Command for DescribeCompetence {
    type Of = Competence;
    const ACTION: Action = Action::WriteControls;
    const SUMMARY: &'static str = "Say anew what people must be able to do or be aware of, and who";

    async fn prepare(self, work: &mut Work, _: &str) -> Result<Command, Problem> {
        Ok(Command::Describe(self.profile(work).await?))
    }
}

impl service::Register for DescribeCompetence {
    const REGISTERS: &'static str = "Say what people must be able to do or be aware of";
    const LETTERS: &'static str = "K";

    async fn register(self, work: &mut Work, _: &str) -> Result<Command, Problem> {
        Ok(Command::Register(self.profile(work).await?))
    }
}

impl service::Command for RetireCompetence {
    type Of = Competence;
    const ACTION: Action = Action::WriteControls;
    const SUMMARY: &'static str = "Say that nobody needs a competence any more";
    const NEEDS_REASON: bool = true;

    async fn prepare(self, _: &mut Work, _: &str) -> Result<Command, Problem> {
        Ok(Command::Retire)
    }
}

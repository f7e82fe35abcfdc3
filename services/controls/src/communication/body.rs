use super::{Command, Communication, Occurrence, Profile};
use crate::checks::{LONGEST_TEXT, LONGEST_TITLE, past};
use access::Action;
use eventstore::Work;
use serde::Deserialize;
use service::{Faults, Problem, checked_day, checked_person, checked_text};
use utoipa::ToSchema;

/// A line of the communication plan, whole: what is left out is no longer so.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DescribeCommunication {
    /// On what.
    #[schema(example = "How our risks stand")]
    subject: String,
    /// How often, or on what occasion.
    #[schema(example = "Once a quarter")]
    occasion: String,
    #[schema(example = "Top management")]
    with_whom: String,
    /// By which means.
    #[schema(example = "A report, and ten minutes of their meeting")]
    means: String,
    /// Who sees to it: a person's id.
    owner: Option<String>,
    /// The day by which it is due next.
    #[schema(format = Date)]
    next_on: Option<String>,
}

/// That it was communicated.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NoteCommunication {
    #[schema(format = Date)]
    made_on: String,
    /// What was said, or where it stands.
    record: String,
    /// The day by which it is due again; none where it is not given.
    #[schema(format = Date)]
    next_on: Option<String>,
}

/// It is communicated no more.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StopCommunication {}

impl DescribeCommunication {
    fn profile(self) -> Result<Profile, Problem> {
        let mut faults = Faults::default();
        let subject = faults.keep(checked_text("subject", &self.subject, LONGEST_TITLE));
        let occasion = faults.keep(checked_text("occasion", &self.occasion, LONGEST_TITLE));
        let with_whom = faults.keep(checked_text("with_whom", &self.with_whom, LONGEST_TITLE));
        let means = faults.keep(checked_text("means", &self.means, LONGEST_TITLE));
        let owner = self.owner.and_then(|owner| faults.keep(checked_person("owner", &owner)));
        let next_on = self.next_on.and_then(|written| faults.keep(checked_day("next_on", &written)));
        let texts = subject.zip(occasion).zip(with_whom).zip(means);
        faults.settle(texts.map(|(((subject, occasion), with_whom), means)| Profile {
            subject,
            occasion,
            with_whom,
            means,
            owner,
            next_on,
        }))
    }
}

impl service::Command for DescribeCommunication {
    type Of = Communication;
    const ACTION: Action = Action::WriteControls;
    const SUMMARY: &'static str = "Say anew what is communicated, when, with whom and how";

    async fn prepare(self, _: &mut Work, _: &str) -> Result<Command, Problem> {
        Ok(Command::Describe(self.profile()?))
    }
}

impl service::Register for DescribeCommunication {
    const REGISTERS: &'static str = "Plan what is communicated, when, with whom and how";
    const LETTERS: &'static str = "COM";

    async fn register(self, _: &mut Work, _: &str) -> Result<Command, Problem> {
        Ok(Command::Plan(self.profile()?))
    }
}

impl service::Command for NoteCommunication {
    type Of = Communication;
    const ACTION: Action = Action::WriteControls;
    const SUMMARY: &'static str = "Record that something was communicated as planned";

    async fn prepare(self, work: &mut Work, _: &str) -> Result<Command, Problem> {
        let mut faults = Faults::default();
        let made_on = faults.keep(past("made_on", &self.made_on, work.cx()));
        let record = faults.keep(checked_text("record", &self.record, LONGEST_TEXT));
        let next_on = self.next_on.and_then(|written| faults.keep(checked_day("next_on", &written)));
        let made = made_on.zip(record);
        faults.settle(made.map(|(made_on, record)| Command::Make(Occurrence { made_on, record, next_on })))
    }
}

impl service::Command for StopCommunication {
    type Of = Communication;
    const ACTION: Action = Action::WriteControls;
    const SUMMARY: &'static str = "Take a line out of the communication plan";
    const NEEDS_REASON: bool = true;

    async fn prepare(self, _: &mut Work, _: &str) -> Result<Command, Problem> {
        Ok(Command::Stop)
    }
}

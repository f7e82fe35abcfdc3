use super::{Command, Content, Document, Fitness, FitnessCheck, Kind, Profile};
use crate::checks::{LONGEST_TEXT, LONGEST_TITLE, checked_digest, checked_link, past, to_come};
use crate::evidence::sha256;
use crate::holders::checked_roles;
use crate::keeping::named;
use access::Action;
use catalogue::Slot;
use eventstore::Work;
use serde::Deserialize;
use service::{Faults, Problem, checked_people, checked_person, checked_text, checked_text_if_given};
use utoipa::ToSchema;

const LONGEST_CONTENT: usize = 10_000;

/// What is said of a document beside its text, whole: what is left out is no longer so.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DescribeDocument {
    #[schema(example = "Information security policy")]
    title: String,
    kind: Kind,
    /// A person's id.
    owner: Option<String>,
    /// Which of the documents that the standard asks for it is: `GET /mandatory-documents` lists them.
    #[schema(value_type = Option<String>, example = "information_security_policy")]
    slot: Option<Slot>,
    /// Ids of the people who approve each version, all of them.
    #[serde(default)]
    approvers: Vec<String>,
    /// Ids of the people who have to know it.
    #[serde(default)]
    audience: Vec<String>,
    /// Whoever has one of these roles has to know it, too, as long as they have it.
    #[serde(default)]
    #[schema(example = json!(["contributor", "control_owner"]))]
    audience_roles: Vec<String>,
}

/// The next version of a document: its text, a file, or where it stands.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DraftVersion {
    text: Option<String>,
    #[schema(example = "https://intranet.example.org/policies/isp-3.pdf")]
    link: Option<String>,
    /// The SHA-256 of a file that `POST /files` took.
    file: Option<String>,
    /// Of what stands at the link, 64 hexadecimal digits: so that it can be told whether it is still the same.
    sha256: Option<String>,
    /// What is new in it.
    summary: Option<String>,
}

/// Approves a version. Who does must be among the document's approvers.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApproveVersion {
    /// The one that was read.
    version: u32,
}

/// Publishes a version that all approvers have approved: from then on it is the one that counts.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PublishVersion {
    version: u32,
    /// The day by which it is reviewed.
    #[schema(format = Date)]
    next_review: String,
}

/// That somebody looked whether the published version still fits.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ReviewOfDocument)]
pub struct ReviewDocument {
    version: u32,
    #[schema(format = Date)]
    reviewed_on: String,
    result: Fitness,
    note: Option<String>,
    /// The day by which it is reviewed again.
    #[schema(format = Date)]
    next_review: String,
}

/// Retires a document: it counts no more, and stays readable.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetireDocument {}

impl DescribeDocument {
    async fn profile(self, work: &mut Work) -> Result<Profile, Problem> {
        let mut faults = Faults::default();
        let audience_roles = faults.keep_list(checked_roles(work, "audience_roles", self.audience_roles).await?);
        let title = faults.keep(checked_text("title", &self.title, LONGEST_TITLE));
        let owner = self.owner.and_then(|owner| faults.keep(checked_person("owner", &owner)));
        let approvers = faults.keep_list(checked_people("approvers", &self.approvers));
        let audience = faults.keep_list(checked_people("audience", &self.audience));
        let (kind, slot) = (self.kind, self.slot);
        faults.settle(title.map(|title| Profile { title, kind, owner, slot, approvers, audience, audience_roles }))
    }
}

impl service::Command for DescribeDocument {
    type Of = Document;
    const ACTION: Action = Action::WriteControls;
    const SUMMARY: &'static str = "Say anew what a document is, who approves it and who has to know it";

    async fn prepare(self, work: &mut Work, _: &str) -> Result<Command, Problem> {
        Ok(Command::Describe(self.profile(work).await?))
    }
}

impl service::Register for DescribeDocument {
    const REGISTERS: &'static str = "Register a document";
    const LETTERS: &'static str = "D";

    async fn register(self, work: &mut Work, _: &str) -> Result<Command, Problem> {
        Ok(Command::Register(self.profile(work).await?))
    }
}

impl service::Command for DraftVersion {
    type Of = Document;
    const ACTION: Action = Action::WriteControls;
    const SUMMARY: &'static str = "Write the next version of a document";

    async fn prepare(self, work: &mut Work, _: &str) -> Result<Command, Problem> {
        let mut faults = Faults::default();
        let mut given = |field: &str, text: Option<String>, most| {
            text.and_then(|text| faults.keep(checked_text_if_given(field, &text, most))).flatten()
        };
        let text = given("text", self.text, LONGEST_CONTENT);
        let summary = given("summary", self.summary, LONGEST_TEXT);
        let ways = [text.is_some(), self.link.is_some(), self.file.is_some()];
        if ways.into_iter().filter(|is_given| *is_given).count() != 1 {
            faults.wrong("text", "give the text, a file, or a link to where it stands: one of the three");
        }
        let link = self.link.and_then(|link| faults.keep(checked_link("link", &link)));
        let digest = self.sha256.and_then(|digest| faults.keep(checked_digest("sha256", &digest)));
        if link.is_none() && digest.is_some() {
            faults.wrong("sha256", "that of a text or a file is told by us: leave it out");
        }
        let file = match self.file {
            Some(digest) => faults.keep(named(work, "file", &digest).await?),
            None => None,
        };
        let sha256 = text.as_ref().map(sha256).or_else(|| file.as_ref().map(|file| file.sha256.clone())).or(digest);
        faults.settle(Some(Command::Draft(Content { text, link, file, sha256, summary })))
    }
}

impl service::Command for ApproveVersion {
    type Of = Document;
    const ACTION: Action = Action::Read;
    const SUMMARY: &'static str = "Approve a version of a document, as one of its approvers";

    async fn prepare(self, _: &mut Work, _: &str) -> Result<Command, Problem> {
        Ok(Command::Approve { version: self.version })
    }
}

impl service::Command for PublishVersion {
    type Of = Document;
    const ACTION: Action = Action::WriteControls;
    const SUMMARY: &'static str = "Publish a version of a document that is approved";

    async fn prepare(self, work: &mut Work, _: &str) -> Result<Command, Problem> {
        let next_review = to_come("next_review", &self.next_review, work.cx())?;
        Ok(Command::Publish { version: self.version, next_review })
    }
}

impl service::Command for ReviewDocument {
    type Of = Document;
    const ACTION: Action = Action::WriteControls;
    const SUMMARY: &'static str = "Record a review of a document";

    async fn prepare(self, work: &mut Work, _: &str) -> Result<Command, Problem> {
        let mut faults = Faults::default();
        let reviewed_on = faults.keep(past("reviewed_on", &self.reviewed_on, work.cx()));
        let next_review = faults.keep(to_come("next_review", &self.next_review, work.cx()));
        let note = self.note.and_then(|note| faults.keep(checked_text("note", &note, LONGEST_TEXT)));
        let (version, result) = (self.version, self.result);
        let review = reviewed_on.zip(next_review);
        let review =
            review.map(|(reviewed_on, next_review)| FitnessCheck { version, reviewed_on, result, note, next_review });
        faults.settle(review.map(Command::Review))
    }
}

impl service::Command for RetireDocument {
    type Of = Document;
    const ACTION: Action = Action::DecideApplicability;
    const SUMMARY: &'static str = "Retire a document";
    const NEEDS_REASON: bool = true;

    async fn prepare(self, _: &mut Work, _: &str) -> Result<Command, Problem> {
        Ok(Command::Retire)
    }
}

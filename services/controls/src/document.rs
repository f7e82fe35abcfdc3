mod body;
mod mandatory;
mod shelf;
#[cfg(test)]
mod tests;

pub use body::{ApproveVersion, DescribeDocument, DraftVersion, PublishVersion, RetireDocument, ReviewDocument};
pub use library::DocumentKind as Kind;
pub use mandatory::{MandatoryDocuments, list as mandatory_documents};
pub use shelf::{ShelvedDocument, Version, versions};

use crate::keeping::KeptFile;
use access::RoleName;
use catalogue::Slot;
use chrono::NaiveDate;
use eventstore::{Actor, Cx, aggregate};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// A policy, a procedure or a record of the ISMS (clause 7.5). A version is never changed: what is approved, published and
/// acknowledged is one version, and another one begins anew.
#[derive(Default, Serialize, Deserialize)]
pub struct Document {
    registered: bool,
    profile: Profile,
    /// How many versions there are.
    versions: u32,
    /// What the newest one says.
    newest: Option<Content>,
    /// Who approved the newest version.
    approved_by: BTreeSet<String>,
    published: Option<u32>,
    last_review: Option<FitnessCheck>,
    retired: bool,
}

/// What is said of a document beside its text, whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    pub title: String,
    pub kind: Kind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Which of the documents that the standard asks for it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<Slot>,
    /// Whose approval each version needs.
    #[serde(default)]
    pub approvers: Vec<String>,
    /// Who has to know it.
    #[serde(default)]
    pub audience: Vec<String>,
    /// Whoever has one of these roles has to know it, too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audience_roles: Vec<RoleName>,
}

/// What a version says, or where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Content {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<KeptFile>,
    /// SHA-256 in hexadecimal: of the text's UTF-8 bytes, of the file, or of what stands at the link, where that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// What is new in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fitness {
    /// It stays as it is.
    Fit,
    NeedsChange,
}

/// That somebody looked whether the document still fits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = DocumentReview)]
pub struct FitnessCheck {
    pub version: u32,
    pub reviewed_on: NaiveDate,
    pub result: Fitness,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    pub next_review: NaiveDate,
}

#[derive(Clone, Debug)]
pub enum Command {
    Register(Profile),
    Describe(Profile),
    Draft(Content),
    Approve { version: u32 },
    Publish { version: u32, next_review: NaiveDate },
    Review(FitnessCheck),
    Retire,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    Registered(Profile),
    Described(Profile),
    Drafted {
        version: u32,
        #[serde(flatten)]
        content: Content,
    },
    Approved {
        version: u32,
        approver: String,
    },
    Published {
        version: u32,
        next_review: NaiveDate,
    },
    Reviewed(FitnessCheck),
    Retired {},
}

#[derive(Debug, PartialEq, Eq, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Broken {
    #[error("there is a document of this ref already: choose another one")]
    Taken,
    #[error("this tenant has no such document")]
    NotRegistered,
    #[error("the document is retired: register its successor")]
    Retired,
    #[error("it has no version {0}: draft it first")]
    NoSuchVersion(u32),
    #[error("version {newest} has come since: what counts is the newest, so read that one")]
    NotNewest { newest: u32 },
    #[error("its approvers are {}: have it approved by them, or name others", .0.join(", "))]
    NotAnApprover(Vec<String>),
    #[error("a version is approved by a person")]
    NotAPerson,
    #[error("nobody is named who approves it: name its approvers first")]
    NoApprovers,
    #[error("version {0} is not yet approved by {list}", list = .1.join(", "))]
    NotApproved(u32, Vec<String>),
    #[error("no version is published: publish one first")]
    NotPublished,
}

impl Document {
    /// The version that counts, once there is one.
    pub fn published(&self) -> Option<u32> {
        self.published.filter(|_| !self.retired)
    }

    /// What is said of it, once it is registered.
    pub fn profile(&self) -> Option<&Profile> {
        self.registered.then_some(&self.profile)
    }

    /// The text of the newest version, where it has one.
    pub fn newest_text(&self) -> Option<&str> {
        self.newest.as_ref()?.text.as_deref()
    }

    fn decide(&self, command: Command, cx: &Cx) -> Result<Vec<Event>, Broken> {
        match command {
            Command::Register(profile) if self.registered && self.profile == profile => Ok(vec![]),
            Command::Register(_) if self.registered => Err(Broken::Taken),
            Command::Register(profile) => Ok(vec![Event::Registered(profile)]),
            _ if !self.registered => Err(Broken::NotRegistered),
            Command::Retire if self.retired => Ok(vec![]),
            Command::Retire => Ok(vec![Event::Retired {}]),
            _ if self.retired => Err(Broken::Retired),
            Command::Describe(profile) if self.profile == profile => Ok(vec![]),
            Command::Describe(profile) => Ok(vec![Event::Described(profile)]),
            Command::Draft(content) if self.newest.as_ref() == Some(&content) => Ok(vec![]),
            Command::Draft(content) => Ok(vec![Event::Drafted { version: self.versions + 1, content }]),
            Command::Approve { version } => self.approve(version, cx),
            Command::Publish { version, next_review } => self.publish(version, next_review),
            Command::Review(review) if self.last_review.as_ref() == Some(&review) => Ok(vec![]),
            Command::Review(review) => match self.published {
                None => Err(Broken::NotPublished),
                Some(newest) if newest != review.version => Err(Broken::NotNewest { newest }),
                Some(_) => Ok(vec![Event::Reviewed(review)]),
            },
        }
    }

    fn approve(&self, version: u32, cx: &Cx) -> Result<Vec<Event>, Broken> {
        self.refuse_other_than_newest(version)?;
        let Actor::Person(approver) = &cx.actor else { return Err(Broken::NotAPerson) };
        if self.profile.approvers.is_empty() {
            return Err(Broken::NoApprovers);
        }
        if !self.profile.approvers.contains(approver) {
            return Err(Broken::NotAnApprover(self.profile.approvers.clone()));
        }
        if self.approved_by.contains(approver) {
            return Ok(vec![]);
        }
        Ok(vec![Event::Approved { version, approver: approver.clone() }])
    }

    fn publish(&self, version: u32, next_review: NaiveDate) -> Result<Vec<Event>, Broken> {
        self.refuse_other_than_newest(version)?;
        if self.published == Some(version) {
            return Ok(vec![]);
        }
        if self.profile.approvers.is_empty() {
            return Err(Broken::NoApprovers);
        }
        let missing = self.profile.approvers.iter().filter(|approver| !self.approved_by.contains(*approver));
        let missing: Vec<String> = missing.cloned().collect();
        if !missing.is_empty() {
            return Err(Broken::NotApproved(version, missing));
        }
        Ok(vec![Event::Published { version, next_review }])
    }

    fn refuse_other_than_newest(&self, version: u32) -> Result<(), Broken> {
        if version == 0 || version > self.versions {
            return Err(Broken::NoSuchVersion(version));
        }
        if version < self.versions {
            return Err(Broken::NotNewest { newest: self.versions });
        }
        Ok(())
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Registered(profile) => (self.registered, self.profile) = (true, profile),
            Event::Described(profile) => self.profile = profile,
            Event::Drafted { version, content } => {
                (self.versions, self.newest) = (version, Some(content));
                self.approved_by.clear();
            }
            Event::Approved { approver, .. } => {
                self.approved_by.insert(approver);
            }
            Event::Published { version, .. } => self.published = Some(version),
            Event::Reviewed(review) => self.last_review = Some(review),
            Event::Retired {} => self.retired = true,
        }
    }
}

aggregate!(Document, "document", Command, Event, Broken);

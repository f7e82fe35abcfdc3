use crate::keeping::KeptFile;
use chrono::{DateTime, Utc};
use eventstore::{Cx, aggregate};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use utoipa::ToSchema;
use uuid::Uuid;

/// Something that shows that controls do what is said of them. It is kept as it came, for good; what takes its place is evidence of its
/// own.
#[derive(Default, Serialize, Deserialize)]
pub struct Evidence {
    supports: Vec<String>,
    collected: bool,
    replaced_by: Option<Uuid>,
}

#[derive(Clone, Debug)]
pub struct Collect {
    pub title: String,
    /// Who or what it came from.
    pub source: Option<String>,
    /// The evidence whose place it takes.
    pub replaces: Option<Uuid>,
    /// Ids of controls.
    pub supports: Vec<String>,
    pub collected_at: DateTime<Utc>,
    pub valid_until: Option<DateTime<Utc>>,
}

/// What shows it. A file is one that is kept here, or first the digest by which it is looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content<F> {
    Note(String),
    /// Where it stands, and its digest where that was said.
    Link {
        link: String,
        sha256: Option<String>,
        note: Option<String>,
    },
    File {
        file: F,
        note: Option<String>,
    },
}

#[derive(Clone, Debug)]
pub enum Command {
    Collect(Box<(Collect, Content<KeptFile>)>),
    /// Other evidence takes its place.
    Replace {
        by: Uuid,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, strum::VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum EvidenceKind {
    Note,
    Link,
    File,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "nearly every event of evidence is that it was collected")]
pub enum Event {
    Collected(Piece),
    Replaced { by: Uuid },
}

/// What was collected, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = PieceOfEvidence)]
pub struct Piece {
    pub title: String,
    pub kind: EvidenceKind,
    /// A note, or what is said of a link or a file; empty where nothing is.
    pub note: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<KeptFile>,
    /// In hexadecimal: of the note's UTF-8 bytes, of the file, or of what stands at the link; empty where that was not said.
    pub sha256: String,
    /// Who or what it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The evidence whose place it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<Uuid>,
    /// Ids of controls.
    pub supports: Vec<String>,
    pub collected_at: DateTime<Utc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<DateTime<Utc>>,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Broken {
    #[error("evidence is never overwritten: collect new evidence")]
    CollectedBefore,
    #[error("this tenant has no such evidence")]
    NotCollected,
    #[error("evidence {0} has taken its place already: replace that one")]
    ReplacedBefore(Uuid),
}

impl Evidence {
    /// Ids of the controls that it supports; nothing where it was never collected.
    pub fn supports(&self) -> Option<&[String]> {
        self.collected.then_some(&self.supports)
    }

    fn decide(&self, command: Command, _: &Cx) -> Result<Vec<Event>, Broken> {
        match command {
            Command::Collect(_) if self.collected => Err(Broken::CollectedBefore),
            Command::Collect(whole) => Ok(vec![Event::Collected(Piece::of(whole.0, whole.1))]),
            Command::Replace { .. } if !self.collected => Err(Broken::NotCollected),
            Command::Replace { by } => match self.replaced_by {
                Some(before) if before == by => Ok(vec![]),
                Some(before) => Err(Broken::ReplacedBefore(before)),
                None => Ok(vec![Event::Replaced { by }]),
            },
        }
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Collected(piece) => (self.collected, self.supports) = (true, piece.supports),
            Event::Replaced { by } => self.replaced_by = Some(by),
        }
    }
}

impl Piece {
    fn of(collect: Collect, content: Content<KeptFile>) -> Self {
        let Collect { title, source, replaces, supports, collected_at, valid_until } = collect;
        let (kind, note, link, file, sha256) = match content {
            Content::Note(note) => {
                let sha256 = sha256(&note);
                (EvidenceKind::Note, Some(note), None, None, Some(sha256))
            }
            Content::Link { link, sha256, note } => (EvidenceKind::Link, note, Some(link), None, sha256),
            Content::File { file, note } => {
                let sha256 = file.sha256.clone();
                (EvidenceKind::File, note, None, Some(file), Some(sha256))
            }
        };
        let (note, sha256) = (note.unwrap_or_default(), sha256.unwrap_or_default());
        Self { title, kind, note, link, file, sha256, source, replaces, supports, collected_at, valid_until }
    }
}

/// In hexadecimal.
pub fn sha256(bytes: impl AsRef<[u8]>) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut digest, byte| {
        let _ = write!(digest, "{byte:02x}");
        digest
    })
}

aggregate!(Evidence, "evidence", Command, Event, Broken);

#[cfg(test)]
mod tests {
    use super::{Broken, Collect, Command, Content, Event, Evidence};
    use crate::keeping::KeptFile;
    use chrono::{DateTime, Utc};
    use eventstore::{Actor, Cx, TenantId};
    use serde_json::json;
    use uuid::Uuid;

    fn now() -> DateTime<Utc> {
        "2026-03-01T09:30:00Z".parse().expect("an instant")
    }

    fn collect(content: Content<KeptFile>) -> Command {
        let collect = Collect {
            title: "Restore test".to_owned(),
            source: None,
            replaces: None,
            supports: vec!["A.8.13".to_owned()],
            collected_at: now(),
            valid_until: None,
        };
        Command::Collect(Box::new((collect, content)))
    }

    fn when(evidence: &Evidence, command: Command) -> Result<Vec<Event>, Broken> {
        evidence.decide(command, &Cx::new(TenantId::random(), Actor::Person("mara".to_owned()), now()))
    }

    fn collected(content: Content<KeptFile>) -> (Evidence, serde_json::Value) {
        let mut evidence = Evidence::default();
        let events = when(&evidence, collect(content)).expect("collected");
        let told = serde_json::to_value(&events).expect("written")[0]["data"].clone();
        for event in events {
            evidence.apply(event);
        }
        (evidence, told)
    }

    #[test]
    fn each_kind_is_kept_with_its_digest() {
        let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let told = |content, kind: &str, field: &str, said: serde_json::Value, sha256: &str| {
            let (_, told) = collected(content);
            assert_eq!((&told["kind"], &told[field]), (&json!(kind), &said));
            assert_eq!(told["sha256"], sha256, "{told}");
        };
        told(Content::Note("abc".to_owned()), "note", "note", json!("abc"), digest);
        let link = "https://example.org/report".to_owned();
        let at = |sha256| Content::Link { link: link.clone(), sha256, note: None };
        told(at(None), "link", "link", json!(link), "");
        told(at(Some(digest.to_owned())), "link", "link", json!(link), digest);
        let (name, media_type) = ("a.txt".to_owned(), "text/plain".to_owned());
        let file = KeptFile { sha256: digest.to_owned(), name, media_type, bytes: 3 };
        told(Content::File { file: file.clone(), note: None }, "file", "file", json!(file), digest);
    }

    #[test]
    fn evidence_is_never_overwritten_and_replaced_once() {
        let (mut evidence, _) = collected(Content::Note("abc".to_owned()));
        assert_eq!(when(&evidence, collect(Content::Note("abcd".to_owned()))), Err(Broken::CollectedBefore));
        let replace = |by| Command::Replace { by };
        let (by, other) = (Uuid::new_v4(), Uuid::new_v4());
        assert_eq!(when(&Evidence::default(), replace(by)), Err(Broken::NotCollected));
        for event in when(&evidence, replace(by)).expect("replaced") {
            evidence.apply(event);
        }
        assert_eq!(when(&evidence, replace(by)), Ok(vec![]));
        assert_eq!(when(&evidence, replace(other)), Err(Broken::ReplacedBefore(by)));
    }

    #[test]
    fn a_note_of_the_first_days_is_read() {
        let old = json!({"type": "collected", "data": {"title": "Log", "kind": "note", "note": "abc", "sha256": "00",
            "supports": ["A.8.13"], "collected_at": "2026-01-01T00:00:00Z"}});
        let event: Event = serde_json::from_value(old.clone()).expect("read");
        assert_eq!(serde_json::to_value(&event).expect("written"), old);
    }
}

use chrono::{DateTime, Utc};
use eventstore::{Cx, aggregate};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use utoipa::ToSchema;

/// Something that shows that controls do what is said of them. It is kept as it came, for good.
#[derive(Default, Serialize, Deserialize)]
pub struct Evidence {
    collected: bool,
}

#[derive(Clone, Debug)]
pub struct Collect {
    pub title: String,
    pub note: String,
    /// Ids of controls.
    pub supports: Vec<String>,
    pub collected_at: DateTime<Utc>,
    pub valid_until: Option<DateTime<Utc>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EvidenceKind {
    Note,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    Collected {
        title: String,
        kind: EvidenceKind,
        note: String,
        /// Of the note's UTF-8 bytes, in hexadecimal.
        sha256: String,
        supports: Vec<String>,
        collected_at: DateTime<Utc>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        valid_until: Option<DateTime<Utc>>,
    },
}

#[derive(Debug, PartialEq, Eq, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Broken {
    #[error("evidence is never overwritten: collect new evidence")]
    CollectedBefore,
}

impl Evidence {
    fn decide(&self, collect: Collect, _: &Cx) -> Result<Vec<Event>, Broken> {
        if self.collected {
            return Err(Broken::CollectedBefore);
        }
        let Collect { title, note, supports, collected_at, valid_until } = collect;
        let sha256 = sha256(&note);
        Ok(vec![Event::Collected {
            title,
            kind: EvidenceKind::Note,
            note,
            sha256,
            supports,
            collected_at,
            valid_until,
        }])
    }

    #[expect(clippy::needless_pass_by_value, reason = "the shape of every fold")]
    fn apply(&mut self, event: Event) {
        match event {
            Event::Collected { .. } => self.collected = true,
        }
    }
}

/// In hexadecimal.
pub fn sha256(bytes: impl AsRef<[u8]>) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut digest, byte| {
        let _ = write!(digest, "{byte:02x}");
        digest
    })
}

aggregate!(Evidence, "evidence", Collect, Event, Broken);

#[cfg(test)]
mod tests {
    use super::{Broken, Collect, Event, Evidence, EvidenceKind};
    use chrono::{DateTime, Utc};
    use eventstore::{Actor, Cx, TenantId};

    fn now() -> DateTime<Utc> {
        "2026-03-01T09:30:00Z".parse().expect("an instant")
    }

    fn when(evidence: &Evidence, note: &str) -> Result<Vec<Event>, Broken> {
        let collect = Collect {
            title: "Restore test".to_owned(),
            note: note.to_owned(),
            supports: vec!["A.8.13".to_owned()],
            collected_at: now(),
            valid_until: None,
        };
        evidence.decide(collect, &Cx::new(TenantId::random(), Actor::Person("mara".to_owned()), now()))
    }

    fn collected(note: &str, sha256: &str) -> Event {
        Event::Collected {
            title: "Restore test".to_owned(),
            kind: EvidenceKind::Note,
            note: note.to_owned(),
            sha256: sha256.to_owned(),
            supports: vec!["A.8.13".to_owned()],
            collected_at: now(),
            valid_until: None,
        }
    }

    #[test]
    fn a_note_is_kept_with_the_digest_of_its_bytes() {
        let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(when(&Evidence::default(), "abc"), Ok(vec![collected("abc", digest)]));
    }

    #[test]
    fn evidence_is_never_overwritten() {
        let mut evidence = Evidence::default();
        evidence.apply(collected("abc", ""));
        assert_eq!(when(&evidence, "abcd"), Err(Broken::CollectedBefore));
    }
}

use crate::body::Body;
use crate::event::hex;
use crate::{Stream, TenantId};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// An event as it lies in the log: its canonical text, and what the store said about it.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Stored {
    pub position: i64,
    pub version: i64,
    pub recorded_at: DateTime<Utc>,
    pub body: String,
    pub digest: Vec<u8>,
    pub hash: Vec<u8>,
}

/// The same as a line of an archive; keys in the order of RFC 8785.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    body: String,
    digest: String,
    hash: String,
    position: i64,
    recorded_at: String,
    version: i64,
}

impl Stored {
    /// One line of JSON that says all of it; the body is a string in it, byte for byte as it was hashed.
    pub fn line(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&Line {
            body: self.body.clone(),
            digest: hex(&self.digest),
            hash: hex(&self.hash),
            position: self.position,
            recorded_at: self.recorded_at.to_rfc3339_opts(SecondsFormat::Micros, true),
            version: self.version,
        })
    }

    /// Reads what [`Stored::line`] wrote.
    pub fn read(line: &str) -> Result<Self, String> {
        let line: Line = serde_json::from_str(line).map_err(|error| error.to_string())?;
        Ok(Self {
            position: line.position,
            version: line.version,
            recorded_at: line.recorded_at.parse().map_err(|error| format!("recorded_at: {error}"))?,
            body: line.body,
            digest: unhex(&line.digest).ok_or("digest: it is not hexadecimal")?,
            hash: unhex(&line.hash).ok_or("hash: it is not hexadecimal")?,
        })
    }
}

/// The bytes that hexadecimal digits stand for.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    if text.len() % 2 == 1 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

/// What an event says of itself, beside its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub id: uuid::Uuid,
    pub stream: Stream,
    pub event_type: String,
}

/// Follows a tenant's log from its first event and recomputes what each one claims. It keeps the last hash and a version
/// for each stream, however long the log is.
pub struct Chain {
    tenant: TenantId,
    position: i64,
    hash: Vec<u8>,
    recorded_at: Option<DateTime<Utc>>,
    /// By the beginning of the digest of the stream's name.
    versions: HashMap<[u8; 16], i64>,
}

impl Chain {
    pub fn of(tenant: TenantId) -> Self {
        let hash = Sha256::digest(tenant.0.as_bytes()).to_vec();
        Self { tenant, position: 0, hash, recorded_at: None, versions: HashMap::new() }
    }

    pub fn position(&self) -> i64 {
        self.position
    }

    /// The hash at that position; before the first event, that of the tenant's id.
    pub fn hash(&self) -> &[u8] {
        &self.hash
    }

    /// When the last event was recorded.
    pub fn recorded_at(&self) -> Option<DateTime<Utc>> {
        self.recorded_at
    }

    /// Takes the next event: its digest, its link, its version, and that it is this tenant's. What is wrong is a sentence
    /// about its position.
    pub fn follow(&mut self, event: &Stored) -> Result<Named, String> {
        if event.position != self.position + 1 {
            return Err(format!("position {} is missing before it", self.position + 1));
        }
        let digest = Sha256::digest(event.body.as_bytes());
        if digest.as_slice() != event.digest {
            return Err("the event's content is not what was recorded: its digest differs".to_owned());
        }
        let hash = Sha256::new()
            .chain_update(&self.hash)
            .chain_update(event.position.to_be_bytes())
            .chain_update(event.recorded_at.timestamp_micros().to_be_bytes())
            .chain_update(digest)
            .finalize();
        if hash.as_slice() != event.hash {
            return Err("the chain is broken: the hash does not follow from the event before".to_owned());
        }
        let Body { id, tenant, stream, event_type, .. } =
            serde_json::from_str(&event.body).map_err(|error| format!("the body is not an event: {error}"))?;
        if tenant != self.tenant {
            return Err(format!("it is an event of another tenant, {tenant}"));
        }
        let version = self.versions.entry(key(&stream)).or_default();
        *version += 1;
        if *version != event.version {
            return Err(format!("version {version} of its stream is expected, version {} stands there", event.version));
        }
        if self.recorded_at.is_some_and(|before| before > event.recorded_at) {
            return Err("it was recorded before the event before it".to_owned());
        }
        self.recorded_at = Some(event.recorded_at);
        self.position = event.position;
        self.hash = hash.to_vec();
        Ok(Named { id, stream, event_type })
    }
}

fn key(stream: &Stream) -> [u8; 16] {
    let digest = Sha256::digest(stream.as_str().as_bytes());
    let mut key = [0; 16];
    key.copy_from_slice(&digest[..16]);
    key
}

#[cfg(test)]
mod tests {
    use super::{Stored, unhex};

    #[test]
    fn a_line_says_all_of_an_event_to_the_letter() {
        let stored = Stored {
            position: 7,
            version: 2,
            recorded_at: "2026-03-01T09:30:00.000001Z".parse().expect("an instant"),
            body: "{\"reason\":\"\\\"Über\\\"\\n因\\u0007\"}".to_owned(),
            digest: vec![0, 255],
            hash: vec![16],
        };
        let line = stored.line().expect("written");
        assert!(line.starts_with("{\"body\":") && line.contains("\"recorded_at\":\"2026-03-01T09:30:00.000001Z\""));
        assert_eq!(line.lines().count(), 1);
        assert_eq!(
            serde_json_canonicalizer::to_string(&serde_json::from_str::<serde_json::Value>(&line).expect("JSON"))
                .expect("canonical"),
            line
        );
        assert_eq!(Stored::read(&line), Ok(stored));
        assert!(Stored::read(&line.replace("\"version\":2", "\"version\":2,\"more\":1")).is_err());
    }

    #[test]
    fn hexadecimal_is_read_or_refused() {
        assert_eq!(unhex("00ff10"), Some(vec![0, 255, 16]));
        for wrong in ["0", "0g", "ä", "+1"] {
            assert_eq!(unhex(wrong), None, "{wrong}");
        }
    }
}

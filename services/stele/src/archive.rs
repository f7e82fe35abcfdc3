mod read;
mod write;

pub use read::Archive;
pub use write::{Spool, Writer};

use ::files::FileDigest;
use anyhow::Context;
use chrono::{DateTime, Utc};
use eventstore::{Named, Stored, TenantId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The archive's layout, told in docs/export.md. A program reads its own and those before it.
pub const FORMAT: u32 = 2;

/// The log; every other file of a service is called as its table.
pub const EVENTS: &str = "events";

/// What every service has beside the log: the answers to Idempotency-Keys, and how far each source was taken in. Views are
/// folded anew, and what else there is belongs to the installation.
pub const SHARED: [&str; 2] = ["commands", CHECKPOINTS];

/// How far each source was taken in.
pub const CHECKPOINTS: &str = "consumer_checkpoints";

/// The program that writes and reads here.
pub const PROGRAM: &str = env!("CARGO_PKG_VERSION");

/// The first file of an archive: what it is, and what else is in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    pub format: u32,
    pub program: String,
    pub exported_at: DateTime<Utc>,
    pub tenant: TenantId,
    pub services: BTreeMap<String, Head>,
    /// In the order in which they follow.
    pub files: Vec<Entry>,
    /// How many files of the tenant follow those, in the order of their digests.
    #[serde(default)]
    pub attachments: usize,
}

/// Where a service's log of the tenant ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    pub position: i64,
    /// The chain's hash there, in hexadecimal.
    pub hash: String,
}

/// A file of JSON lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// `<service>/<table>.jsonl`
    pub name: String,
    pub sha256: String,
    pub bytes: u64,
    pub lines: u64,
}

impl Entry {
    pub fn named(service: &str, table: &str) -> String {
        format!("{service}/{table}.jsonl")
    }

    /// The service and the table.
    pub fn parts(&self) -> anyhow::Result<(&str, &str)> {
        let parts = self.name.strip_suffix(".jsonl").and_then(|name| name.split_once('/'));
        parts.with_context(|| format!("{} is no file of an archive", self.name))
    }
}

/// A file of the tenant, as it is called in an archive.
pub fn attachment(digest: &FileDigest) -> String {
    format!("attachments/{digest}")
}

/// The file that this event says was received, and how long it is.
pub fn file_of(stored: &Stored, named: &Named) -> Option<(FileDigest, u64)> {
    #[derive(Deserialize)]
    struct Body {
        data: Received,
    }
    #[derive(Deserialize)]
    struct Received {
        bytes: u32,
    }
    if named.stream.kind() != "file" {
        return None;
    }
    let Body { data: Received { bytes } } = serde_json::from_str(&stored.body).ok()?;
    Some((named.stream.id().parse().ok()?, u64::from(bytes)))
}

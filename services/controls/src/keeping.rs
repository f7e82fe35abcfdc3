//! Files come in, go out, and are looked after.

mod giving;
mod receiving;
mod sweeping;

pub use giving::{of_evidence, of_version};
pub use receiving::receive;
pub use sweeping::sweep;

use crate::file::{Event, Facts, File};
use eventstore::{NOW, Recorded, Session, StoreError, Work};
use files::{FileDigest, Files};
use serde::{Deserialize, Serialize};
use service::{FieldError, Problem, field_error};
use utoipa::ToSchema;
use views::{Column, Folded, View, stream_key};

/// A file as what refers to it says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeptFile {
    /// In hexadecimal.
    pub sha256: String,
    pub name: String,
    pub media_type: String,
    pub bytes: u32,
}

/// A file that was received, under its SHA-256. A list filters and sorts by `name`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct ReceivedFile(Facts);

impl View for ReceivedFile {
    const NAME: &'static str = "file";
    const COLUMNS: &'static [Column] = &[Column::text("name")];

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        Ok(stream_key::<Event>(event))
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        Ok(event.decode::<Event>()?.map(|Event::Received(facts)| Self(facts)).or(current))
    }
}

/// Each file of the tenant, and how long it is.
pub async fn all(session: &mut Session) -> Result<Vec<(FileDigest, u64)>, StoreError> {
    let rows = sqlx::query_as(
        "select key, (data->>'bytes')::bigint from view_file where tenant_id = $1 and valid_to = $2 order by key",
    );
    let rows: Vec<(String, i64)> = rows.bind(session.tenant()).bind(NOW).fetch_all(session.connection()).await?;
    let read = |(digest, bytes): (String, i64)| Some((digest.parse().ok()?, u64::try_from(bytes).ok()?));
    Ok(rows.into_iter().filter_map(read).collect())
}

/// The file that a body names by its digest, which must have been received.
pub async fn named(work: &mut Work, field: &str, digest: &str) -> Result<Result<KeptFile, FieldError>, Problem> {
    let digest: FileDigest = match digest.parse() {
        Ok(digest) => digest,
        Err(error) => return Ok(Err(field_error(field, format!("{error}: it is the `id` that POST /files answered")))),
    };
    let facts = work.load::<File>(digest.as_str()).await?.0.facts().cloned();
    let kept =
        facts.map(|Facts { name, media_type, bytes }| KeptFile { sha256: digest.to_string(), name, media_type, bytes });
    Ok(kept.ok_or_else(|| field_error(field, format!("there is no file {digest} here: send it to POST /files first"))))
}

/// Where files are; an installation need not have a place for them.
fn place(files: Option<&Files>) -> Result<&Files, Problem> {
    let detail = "files are kept nowhere here: the operator names a place by --files, as docs/operating.md tells";
    files.ok_or_else(|| Problem::unavailable(detail))
}

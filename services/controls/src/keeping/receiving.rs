use super::place;
use crate::file::{Command, Facts, File};
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use eventstore::{Work, hex};
use files::{FileDigest, Files, FilesError, HEAD, Kind, Unfit, Whole};
use service::{Call, Incoming, Outcome, Problem, field_error};

const LONGEST_NAME: usize = 200;

/// What the request says of the file.
struct Said {
    name: String,
    kind: Kind,
    digest: Option<FileDigest>,
}

/// `POST /files`: the bytes are kept first, then what they are is recorded, so that nothing ever refers to bytes that are not there.
pub async fn receive(mut call: Call, files: Option<Files>) -> Result<Response, Problem> {
    let files = place(files.as_ref())?.clone();
    let expected = call.if_match()?;
    let said = Said::by(&call)?;
    // What is wrong with the rest of the request is told before the file is read.
    call.upload()?;
    let arrived = arrive(&mut call.incoming, &files, &said).await;
    if arrived.is_err() {
        call.incoming.swallow().await;
    }
    let whole = arrived?;
    let id = whole.digest.to_string();
    let cx = call.upload_of(&id)?;
    let bytes = u32::try_from(whole.bytes).map_err(|_| Problem::field("body", "4 GiB are the most"))?;
    let facts = Facts { name: said.name, media_type: said.kind.media_type.to_owned(), bytes };
    let lane = format!("file-{id}");
    let done = call
        .store
        .perform(&cx, &lane, |work| Box::pin(record(work, files.clone(), whole.clone(), expected, facts.clone())));
    Ok(call.carried_out(&done.await?, true))
}

impl Said {
    fn by(call: &Call) -> Result<Self, Problem> {
        let name = name(call.query.get("name").unwrap_or_default())?;
        let media_type = call.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let kind =
            Kind::declared(media_type, &name).map_err(|error| Problem::field("Content-Type", error.to_string()))?;
        Ok(Self { name, kind, digest: digest(call)? })
    }
}

/// A name as it may stand in a folder.
fn name(written: &str) -> Result<String, Problem> {
    let name = service::checked_text("name", written, LONGEST_NAME).map_err(|error| {
        let example = "say what the file is called, such as ?name=restore-test.pdf";
        if written.trim().is_empty() { field_error("name", example) } else { error }
    })?;
    let is_path = name.contains(['/', '\\']) || name.chars().any(char::is_control) || name.starts_with('.');
    if is_path {
        return Err(Problem::field("name", "a name without a path is expected, such as restore-test.pdf"));
    }
    Ok(name)
}

/// The digest that the sender computed: by a parameter, or by Content-Digest (RFC 9530).
fn digest(call: &Call) -> Result<Option<FileDigest>, Problem> {
    if let Some(written) = call.query.get("sha256") {
        return written
            .parse()
            .map(Some)
            .map_err(|error: files::NotADigest| Problem::field("sha256", error.to_string()));
    }
    let Some(written) = call.headers.get("content-digest") else { return Ok(None) };
    let mut members = written.to_str().unwrap_or_default().split(',').map(str::trim);
    // Other algorithms than ours may stand beside it.
    let Some(ours) = members.find_map(|member| member.strip_prefix("sha-256=")) else { return Ok(None) };
    let bytes = ours.strip_prefix(':').and_then(|rest| rest.strip_suffix(':'));
    let digest = bytes.and_then(|bytes| STANDARD.decode(bytes).ok()).and_then(|bytes| hex(&bytes).parse().ok());
    let unreadable = || Problem::field("Content-Digest", "it is written sha-256=:BASE64: (RFC 9530)");
    digest.map(Some).ok_or_else(unreadable)
}

async fn arrive(incoming: &mut Incoming, files: &Files, said: &Said) -> Result<Whole, Problem> {
    let mut arriving = files.arriving().map_err(|error| unreachable(&error.into()))?;
    let kind = |error: files::NotAllowed| Problem::field("body", error.to_string());
    // What it is shows in its first bytes: the rest of a wrong one need not come.
    let mut head = Some(BytesMut::new());
    while let Some(piece) = incoming.next().await? {
        arriving.write(&piece).map_err(unfit)?;
        if let Some(first) = &mut head {
            first.extend_from_slice(&piece);
            if first.len() >= HEAD {
                said.kind.check(first).map_err(kind)?;
                head = None;
            }
        }
    }
    let whole = arriving.end().map_err(unfit)?;
    head.map_or(Ok(()), |head| said.kind.check(&head)).map_err(kind)?;
    match &said.digest {
        Some(digest) if *digest != whole.digest => {
            let detail =
                format!("the SHA-256 of what came is {}, and {digest} was announced: send it again", whole.digest);
            Err(Problem::field("body", detail))
        }
        Some(_) | None => Ok(whole),
    }
}

/// In one transaction: nobody sweeps the bytes away before it is recorded that they are there.
async fn record(
    work: &mut Work,
    files: Files,
    whole: Whole,
    expected: Option<i64>,
    facts: Facts,
) -> Result<Outcome, Problem> {
    let (tenant, id) = (work.cx().tenant, whole.digest.to_string());
    super::sweeping::hold(work.session().await?, tenant, &whole.digest).await?;
    files.keep(tenant, &whole).await.map_err(|error| unreachable(&error))?;
    eventstore::crash_point("controls", "kept");
    let changed = work.execute::<File>(&id, expected, Command::Receive(facts)).await?;
    Ok(Outcome { id, version: changed.version, changed: changed.changed })
}

fn unfit(error: Unfit) -> Problem {
    match error {
        Unfit::Disk(error) => unreachable(&error.into()),
        Unfit::Empty | Unfit::TooLarge(_) => Problem::field("body", error.to_string()),
    }
}

/// The place of the files does not do its part now.
pub fn unreachable(error: &FilesError) -> Problem {
    tracing::error!(%error, "the place of the files could not be used");
    Problem::unavailable("files cannot be reached now: try again with the same Idempotency-Key")
}

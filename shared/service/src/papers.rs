//! Papers: under whose name they go out, and how they are answered.

use crate::answer::{bytes, table};
use crate::download::attachment;
use crate::{Call, Problem};
use access::logo::PictureKind;
use access::{KEY, KnownLogo, Roster};
use axum::http::header::{CONTENT_DISPOSITION, ETAG};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use chrono::{DateTime, SecondsFormat, Utc};
use eventstore::{NOW, Session, TenantId};
use paper::{Column, Logo, Paper, Printer, Stamp, Unprintable};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use views::get;

/// The media type of a PDF.
pub const PDF: &str = "application/pdf";

/// The media type of a workbook.
pub const WORKBOOK: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// The header that says the SHA-256 of the content, whatever it is written as.
const DIGEST: &str = "stele-digest";

/// What stands for itself in a query, such as an instant.
const IN_A_QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b':').remove(b'_');

/// How many papers a process prints at once. One keeps a processor busy.
const AT_ONCE: usize = 2;

/// How long a paper waits for others to be printed.
const QUEUE: Duration = Duration::from_secs(30);

/// Prints papers for all services of a process, a few at once.
#[derive(Clone)]
pub struct Press {
    printer: Arc<dyn Printer>,
    free: Arc<Semaphore>,
}

impl Press {
    pub fn new(printer: Arc<dyn Printer>) -> Self {
        Self { printer, free: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    async fn print(&self, paper: Paper) -> Result<Vec<u8>, Problem> {
        let waiting = timeout(QUEUE, self.free.clone().acquire_owned()).await;
        let busy = || Problem::unavailable("other papers are being printed: try again").after(10);
        let turn = waiting.map_err(|_| busy())?.map_err(|_| Problem::internal())?;
        let printer = self.printer.clone();
        let work = spawn_blocking(move || {
            // Given back when it is printed, also where nobody waits for it any more.
            let _turn = turn;
            printer.print(&paper)
        });
        match work.await {
            Ok(Ok(pdf)) => Ok(pdf),
            Ok(Err(too_long @ Unprintable::TooLong(..))) => {
                let detail = format!("{too_long}: take it as .xlsx or .csv, which have no such bound");
                Err(Problem::new(StatusCode::BAD_REQUEST, "too_long", detail))
            }
            Ok(Err(Unprintable::Fault(fault))) => Err(failed("a paper could not be printed", &fault)),
            Err(panicked) => Err(failed("printing a paper panicked", &panicked)),
        }
    }
}

/// Where a paper is to be found, and how it is written.
pub struct Content {
    pub position: i64,
    /// SHA-256, in hexadecimal.
    pub digest: String,
}

impl Content {
    /// Of what these bytes are.
    pub fn of(position: i64, bytes: &[u8]) -> Self {
        let digest = Sha256::digest(bytes).iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        Self { position, digest }
    }

    /// These bytes as a file of this name.
    pub fn file(&self, kind: &'static str, name: &str, content: Vec<u8>) -> Response {
        let mut response = self.shown(kind, content);
        if let Ok(value) = HeaderValue::try_from(attachment(name)) {
            response.headers_mut().insert(CONTENT_DISPOSITION, value);
        }
        response
    }

    /// These bytes, to be looked at where they are.
    pub fn shown(&self, kind: &'static str, content: Vec<u8>) -> Response {
        self.marked(bytes(self.position, kind, content))
    }

    /// The answer says the digest.
    pub fn marked(&self, mut response: Response) -> Response {
        // What is written may change while what it says does not.
        let said = [(HeaderName::from_static(DIGEST), self.digest.clone()), (ETAG, format!("W/\"{}\"", self.digest))];
        for (name, value) in said {
            if let Ok(value) = HeaderValue::try_from(value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

/// A table for a spreadsheet. A text that a spreadsheet would run as a formula is made a text by an apostrophe, which
/// [`crate::as_written`] takes away again.
pub fn csv(columns: &[Column], rows: &[Vec<String>]) -> Result<Vec<u8>, Problem> {
    written(&columns.iter().map(|column| column.key).collect::<Vec<_>>(), rows)
}

/// The same under a heading that is no paper's.
pub fn written(heading: &[&str], rows: &[Vec<String>]) -> Result<Vec<u8>, Problem> {
    table(heading, rows).map_err(|error| failed("a table could not be written", &error))
}

impl Call {
    /// What stands on every page of a paper as of this call: what `file` says has the digest. The caller holds no session: one after
    /// the other, two are taken.
    pub async fn stamp(&self, content: &Content, file: &str) -> Result<Stamp, Problem> {
        let as_of = self.clock(&mut self.session().await?, content.position).await?;
        self.stamp_of(content, as_of, self.digested(file, as_of)).await
    }

    /// The same of another instant than the call's.
    pub async fn stamp_of(&self, content: &Content, as_of: DateTime<Utc>, digested: String) -> Result<Stamp, Problem> {
        let Content { position, digest } = content;
        let mut session = self.session().await?;
        let roster = known::<Roster>(&mut session, KEY, *position).await?.unwrap_or_default();
        drop(session);
        let owner = TenantId(roster.organisation.unwrap_or(self.caller.organisation));
        let (organisation, logo) = self.letterhead(owner, as_of).await?;
        Ok(Stamp {
            tenant: roster.name.unwrap_or_else(|| self.cx.tenant.to_string()),
            organisation,
            logo,
            as_of,
            position: *position,
            digest: digest.clone(),
            digested,
            asked_by: self.cx.actor.to_string(),
        })
    }

    /// How the file is asked for that has the digest, whenever that is.
    fn digested(&self, file: &str, as_of: DateTime<Utc>) -> String {
        let now = as_of.to_rfc3339_opts(SecondsFormat::Micros, true);
        let now = [("as_of", now.as_str())].into_iter().filter(|_| self.query.get("as_of").is_none());
        let encoded = |value: &str| utf8_percent_encode(value, IN_A_QUERY).to_string();
        let asked = self.query.iter().chain(now).map(|(name, value)| format!("{name}={}", encoded(value)));
        format!("{file}?{}", asked.collect::<Vec<_>>().join("&"))
    }

    /// What the organisation was called at that instant, and its logo, from its own partition.
    async fn letterhead(&self, owner: TenantId, at: DateTime<Utc>) -> Result<(String, Option<Logo>), Problem> {
        let mut session = self.store.session(owner).await?;
        let position = session.position_at(at).await?;
        let roster = known::<Roster>(&mut session, KEY, position).await?.unwrap_or_default();
        let logo = known::<KnownLogo>(&mut session, &owner.to_string(), position).await?;
        let drawn = logo.and_then(|KnownLogo(picture)| {
            let draw = match picture.kind {
                PictureKind::Png => Logo::Png,
                PictureKind::Svg => Logo::Svg,
            };
            picture.bytes().map(draw)
        });
        Ok((roster.name.unwrap_or_else(|| owner.to_string()), drawn))
    }

    /// The paper as a workbook.
    pub async fn workbook(&self, content: &Content, stem: &str, paper: Paper) -> Result<Response, Problem> {
        let name = format!("{}.xlsx", paper.stamp.file(stem));
        let written = spawn_blocking(move || paper::workbook(&paper)).await;
        let written = written.map_err(|panicked| failed("writing a workbook panicked", &panicked))?;
        let written = written.map_err(|error| failed("a workbook could not be written", &error))?;
        Ok(content.file(WORKBOOK, &name, written))
    }

    /// The paper as a PDF.
    pub async fn print(&self, content: &Content, stem: &str, paper: Paper) -> Result<Response, Problem> {
        let Some(press) = &self.press else {
            let detail =
                "this process has no printer: take it as .xlsx or .csv, or ask one that was started by `stele`";
            return Err(Problem::new(StatusCode::NOT_IMPLEMENTED, "no_printer", detail));
        };
        let name = format!("{}.pdf", paper.stamp.file(stem));
        Ok(content.file(PDF, &name, press.print(paper).await?))
    }
}

/// What stood there as of the position, or stands there now where it was not known yet: papers of the time before services were told
/// names carry the name all the same.
async fn known<V: views::View>(session: &mut Session, key: &str, position: i64) -> Result<Option<V>, Problem> {
    if let Some(row) = get::<V>(session, key, position).await? {
        return Ok(Some(row.data));
    }
    Ok(get::<V>(session, key, NOW - 1).await?.map(|row| row.data))
}

fn failed(what: &str, why: &dyn std::fmt::Display) -> Problem {
    tracing::error!(error = %why, "{what}");
    Problem::internal()
}

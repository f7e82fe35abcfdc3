//! Uploads of whole registers: a dry run tells every mistake with its row and column, and what is recorded is recorded
//! together or not at all. The same file again changes nothing.

mod kept;
mod named;
mod undo;

pub use kept::{Event, KeptImport};
pub use named::called_so;
pub use undo::{Back, Before, Touched, Undo, changed_since};

use crate::columns::Columns;
use crate::pace::pace;
use crate::words::{PARAMETER, Words};
use crate::{Call, FieldError, OF_MANY, Problem, Progress, Route, Routes, Table, WORKBOOK, field_error, json};
use access::Action;
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use eventstore::{Aggregate, Cx, EventOf, EventStore, Refused, Work};
use kept::{Import, Kept};
use serde::{Deserialize, Serialize};
use std::fmt::Display;
use std::sync::Arc;
use tokio::sync::Semaphore;
use utoipa::ToSchema;
use uuid::Uuid;

/// The most that is read of an upload.
const MOST_BYTES: usize = 32 * 1024 * 1024;

/// The most mistakes that an answer lists.
const MOST_ERRORS: usize = 1000;

/// How many uploads a process reads at once.
const READ_AT_ONCE: usize = 4;

/// What stands as the reason of what an upload changes, where it came with none.
const REASON: &str = "as imported";

/// A register as it is uploaded: its columns, and what its rows make of its objects.
pub trait Upload: Send + Sync + 'static {
    /// What a row is about.
    type Of: Aggregate<Services = Cx, Command: Send, Event: EventOf, Error: Display + Send> + 'static;
    /// What the rows are held against.
    type Known: Send + 'static;

    const COLUMNS: Columns;
    /// What its uploads are kept as, where they are listed and can be taken back.
    const KEPT_AS: Option<&'static str> = None;
    /// What single requests take for what an upload does, beside managing the tenant.
    const NEEDS: &'static [Action];

    /// The refs of the register's objects that are called by one of these names, each with its name: what rows without a ref are
    /// about, where [`Columns::numbered`] says that there may be any.
    fn called(
        &self,
        _: &mut Work,
        _: &[String],
    ) -> impl Future<Output = Result<Vec<(String, String)>, Problem>> + Send {
        async { Ok(Vec::new()) }
    }

    /// Looks up everything that the file mentions, in as few queries as there can be.
    fn look_up(&self, work: &mut Work, table: &Table) -> impl Future<Output = Result<Self::Known, Problem>> + Send;

    /// What the rows that are right ask for, and every mistake of the others.
    fn read(&self, table: &Table, known: &Self::Known, progress: &Progress) -> Read<Self>;

    /// The column in which a row breaks a rule.
    fn at_fault(broken: &<Self::Of as Aggregate>::Error) -> &'static str;

    /// What is wrong with all rows together, once each is decided.
    fn look_over(&self, _: &mut Work, _: &Table) -> impl Future<Output = Result<Vec<FieldError>, Problem>> + Send {
        async { Ok(Vec::new()) }
    }
}

/// What was made of the rows that are right, and every mistake of the others.
pub type Read<U> = (Vec<Draft<<<U as Upload>::Of as Aggregate>::Command>>, Vec<FieldError>);

/// What a row without a mistake of its own asks of an object.
#[derive(Debug, PartialEq)]
pub struct Draft<C> {
    pub row: u64,
    pub id: String,
    /// Whether it was there before.
    pub existed: bool,
    /// Why, where the row says it.
    pub reason: Option<String>,
    pub commands: Vec<C>,
}

/// A file as it was sent, and what was said of it.
#[derive(Clone, Debug, Default)]
pub struct Sent {
    pub file: Bytes,
    /// Of a workbook.
    pub sheet: Option<String>,
    /// What its words mean.
    pub words: Option<String>,
}

/// What an upload did, or would do.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Imported {
    /// Nothing was recorded: this is what would happen.
    pub dry_run: bool,
    /// The position of the tenant's log after it.
    pub position: i64,
    /// Of what was recorded, where its uploads are kept; none where nothing had to change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    #[serde(flatten)]
    pub counts: Counts,
    /// What which rows would do: only a dry run tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effects: Option<Effects>,
    /// Each wrong cell, in the order of rows; the first 1000. Only a dry run answers with any.
    pub errors: Vec<FieldError>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ImportCounts)]
pub struct Counts {
    /// Rows that are not empty, without the heading.
    pub rows: usize,
    pub created: usize,
    pub changed: usize,
    pub unchanged: usize,
    /// Columns that say nothing to us.
    pub ignored_columns: Vec<String>,
}

/// The rows that would begin an object or change one, by their numbers in a spreadsheet. Where several are about one object, the
/// first of them stands for all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ImportEffects)]
pub struct Effects {
    #[schema(example = json!([2, 5]))]
    pub created: Vec<u64>,
    #[schema(example = json!([3]))]
    pub changed: Vec<u64>,
}

/// What became of a file's rows.
#[derive(Default)]
struct Taken {
    counts: Counts,
    effects: Effects,
    errors: Vec<FieldError>,
}

impl Taken {
    fn count(&mut self, row: u64, existed: bool, changed: bool) {
        match (existed, changed) {
            (false, _) => {
                self.counts.created += 1;
                self.effects.created.push(row);
            }
            (true, true) => {
                self.counts.changed += 1;
                self.effects.changed.push(row);
            }
            (true, false) => self.counts.unchanged += 1,
        }
    }
}

impl Routes {
    /// An upload of the register `U`, as `asked` makes it of the request.
    #[must_use]
    pub fn upload<U: Upload>(
        self,
        tail: &'static str,
        summary: &'static str,
        asked: fn(&Call) -> Result<U, Problem>,
    ) -> Self {
        let route = Route::tenant(Method::POST, tail, Action::ManageTenant, summary)
            .takes_table(MOST_BYTES)
            .versionless(OF_MANY)
            .parameter("dry_run", "true: tell what would happen, and every mistake, and record nothing")
            .parameter(
                "reason",
                "Why; recorded with everything that the upload changes, `as imported` where it is not given",
            )
            .parameter("occurred_at", "When it happened, where that was not now")
            .gives::<Imported>(200)
            .tells::<Imported>();
        self.with(route.answered_by(move |call: Call| async move { answer(&call, asked(&call)?).await }))
    }
}

impl Route {
    /// A CSV file or a workbook, and what may be said of it.
    #[must_use]
    pub fn takes_table(self, most_bytes: usize) -> Self {
        self.takes_text("text/csv", most_bytes)
            .or_bytes(WORKBOOK)
            .parameter("sheet", "The sheet of a workbook (.xlsx); the first that is not hidden where it is not given")
            .parameter(
                PARAMETER,
                "What words of the file mean: column:word=ours, several separated by `;`, such as status:on_hold=planned",
            )
    }
}

impl Call {
    /// The file that was sent, with what the query says of it.
    pub fn sent(&self) -> Result<Sent, Problem> {
        refuse_other_kinds(self)?;
        let said = |name: &str| self.query.get(name).map(ToOwned::to_owned);
        Ok(Sent { file: self.body.clone(), sheet: said("sheet"), words: said(PARAMETER) })
    }
}

impl Sent {
    /// The table, or what is wrong with it as a whole. On a thread where reading it holds up no request.
    pub async fn table(self, columns: Columns) -> Result<Result<Table, Vec<FieldError>>, Problem> {
        aside(move || {
            let words = Words::read(self.words.as_deref().unwrap_or_default(), &columns)?;
            Ok(Table::read(&self.file, self.sheet.as_deref(), &columns)?.in_our_words(&words))
        })
        .await
    }
}

/// A form or JSON is a common first try: its first line would only be told to be no heading.
fn refuse_other_kinds(call: &Call) -> Result<(), Problem> {
    let kind = call.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.starts_with("multipart/") || kind.starts_with("application/json") {
        let detail =
            format!("{kind} is not taken: send the file itself as the body, as `curl --data-binary @file.csv` does");
        return Err(Problem::field("Content-Type", detail));
    }
    Ok(())
}

/// Refuses who may not do by single requests what an upload does.
async fn allowed<U: Upload>(call: &Call) -> Result<(), Problem> {
    for action in U::NEEDS {
        if !call.may(*action).await? {
            let detail = format!("what an upload does here takes the action {} too", <&str>::from(*action));
            return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail));
        }
    }
    Ok(())
}

async fn answer<U: Upload>(call: &Call, upload: U) -> Result<Response, Problem> {
    let dry_run = call.query.flag("dry_run")?;
    allowed::<U>(call).await?;
    let (sent, cx, store, upload) = (call.sent()?, call.upload()?, call.store.clone(), Arc::new(upload));
    let work = move |progress| async move {
        if dry_run {
            rehearse(&store, cx, upload, sent, &progress).await
        } else {
            record(&store, cx, upload, sent, &progress).await
        }
    };
    call.tell(work, |imported| json(StatusCode::OK, imported.position, imported)).await
}

/// What an upload would do. Nothing is recorded, whatever the file.
pub async fn rehearse<U: Upload>(
    store: &EventStore,
    cx: Cx,
    upload: Arc<U>,
    sent: Sent,
    progress: &Progress,
) -> Result<Imported, Problem> {
    let table = sent.table(U::COLUMNS).await?;
    let mut work = store.work(cx);
    let position = work.session().await?.head().await?;
    let Taken { counts, effects, errors } = match table {
        Ok(table) => take(&mut work, &upload, &Arc::new(table), progress).await?,
        Err(errors) => Taken { errors, ..Taken::default() },
    };
    Ok(Imported { dry_run: true, position, id: None, counts, effects: Some(effects), errors })
}

/// Records the whole file, or nothing and a problem that tells its mistakes.
pub async fn record<U: Upload>(
    store: &EventStore,
    cx: Cx,
    upload: Arc<U>,
    sent: Sent,
    progress: &Progress,
) -> Result<Imported, Problem> {
    let table = Arc::new(sent.table(U::COLUMNS).await?.map_err(Problem::fields)?);
    let reason = cx.reason().unwrap_or(REASON).to_owned();
    let cx = Cx { reason: Some(reason), ..cx };
    let done = store
        .perform(&cx, "import", |work| {
            let (upload, table, progress) = (upload.clone(), table.clone(), progress.clone());
            Box::pin(async move {
                if named::any_without_ref(&table, &U::COLUMNS) {
                    // Nobody gives another object one of the names, or one of the numbers, meanwhile.
                    work.lock().await?;
                }
                let Taken { counts, errors, effects: _ } = take(work, &upload, &table, &progress).await?;
                progress.at("recording", 0, counts.rows);
                if !errors.is_empty() {
                    return Err(Problem::fields(errors));
                }
                Ok(Recorded { id: keep::<U>(work, &counts).await?, counts })
            })
        })
        .await?;
    let Recorded { id, counts } = done.answer;
    Ok(Imported { dry_run: false, position: done.position, id, counts, effects: None, errors: vec![] })
}

/// What is kept of an upload for a repeated request.
#[derive(Serialize, Deserialize)]
struct Recorded {
    #[serde(default)]
    id: Option<Uuid>,
    #[serde(flatten)]
    counts: Counts,
}

/// Keeps that there was an upload, behind the events that it caused. One that changed nothing is none.
async fn keep<U: Upload>(work: &mut Work, counts: &Counts) -> Result<Option<Uuid>, Problem> {
    let (Some(register), events) = (U::KEPT_AS, work.pending()) else { return Ok(None) };
    if events == 0 {
        return Ok(None);
    }
    let id = Uuid::now_v7();
    let [rows, created, changed, events] =
        [counts.rows, counts.created, counts.changed, events].map(|count| u32::try_from(count).unwrap_or(u32::MAX));
    let kept = Kept { register: register.to_owned(), rows, created, changed, events };
    match work.execute::<Import>(&id.to_string(), None, kept::Command::Record(kept)).await {
        Ok(_) => Ok(Some(id)),
        Err(Refused::Store(error)) => Err(error.into()),
        Err(Refused::Rule(_) | Refused::Stale { .. }) => Err(Problem::internal()),
    }
}

/// Decides on every row that is right.
async fn take<U: Upload>(
    work: &mut Work,
    upload: &Arc<U>,
    table: &Arc<Table>,
    progress: &Progress,
) -> Result<Taken, Problem> {
    let counts = Counts { rows: table.rows.len(), ignored_columns: table.ignored_columns.clone(), ..Counts::default() };
    let mut taken = Taken { counts, ..Taken::default() };
    let table = &named::with_refs(work, upload.as_ref(), table).await?;
    let known = upload.look_up(work, table).await?;
    let (reading, checked, told) = (upload.clone(), table.clone(), progress.clone());
    let (drafts, mut errors) = aside(move || reading.read(&checked, &known, &told)).await?;
    let cx = work.cx().clone();
    for (index, draft) in drafts.into_iter().enumerate() {
        progress.at("deciding", index, table.rows.len());
        pace(index).await;
        let (row, existed) = (draft.row, draft.existed);
        match decide::<U>(work, &cx, draft).await? {
            Ok(changed) => taken.count(row, existed, changed),
            Err(error) => errors.push(error),
        }
    }
    errors.extend(upload.look_over(work, table).await?);
    taken.effects.created.sort_unstable();
    taken.effects.changed.sort_unstable();
    Ok(Taken { errors: listed(errors), ..taken })
}

/// Whether the row changes anything, or the rule that it breaks.
async fn decide<U: Upload>(
    work: &mut Work,
    cx: &Cx,
    draft: Draft<<U::Of as Aggregate>::Command>,
) -> Result<Result<bool, FieldError>, Problem> {
    let Draft { row, id, reason, commands, .. } = draft;
    let says_why = reason.is_some();
    if says_why {
        work.continue_as(Cx { reason, ..cx.clone() });
    }
    let mut changed = false;
    for command in commands {
        match work.execute::<U::Of>(&id, None, command).await {
            Ok(done) => changed |= done.changed,
            Err(Refused::Rule(broken)) => {
                let error = field_error(U::at_fault(&broken), broken.to_string());
                return Ok(Err(FieldError { row: Some(row), ..error }));
            }
            Err(Refused::Store(error)) => return Err(error.into()),
            // No version was named.
            Err(Refused::Stale { .. }) => return Err(Problem::internal()),
        }
    }
    if says_why {
        work.continue_as(cx.clone());
    }
    Ok(Ok(changed))
}

/// The mistakes in the order of rows, and no endless list of them.
fn listed(mut errors: Vec<FieldError>) -> Vec<FieldError> {
    errors.sort_by_key(|error| error.row);
    if errors.len() > MOST_ERRORS {
        let more = errors.len() - MOST_ERRORS;
        errors.truncate(MOST_ERRORS);
        let detail = format!("{more} more mistakes are left out: these are the first {MOST_ERRORS}");
        errors.push(field_error("body", detail));
    }
    errors
}

/// Work without I/O that takes its time, on a thread where it holds up no request. A few at once: a workbook may unfold to a hundred times
/// its size.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    static FREE: Semaphore = Semaphore::const_new(READ_AT_ONCE);
    let turn = FREE.acquire().await.map_err(|_| Problem::internal())?;
    let work = move || {
        // Given back when it is done, also where nobody waits for it any more.
        let _turn = turn;
        work()
    };
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!(%error, "an upload could not be read");
        Problem::internal()
    })
}

#[cfg(test)]
mod tests {
    use super::listed;
    use crate::{FieldError, field_error};

    #[test]
    fn a_thousand_mistakes_are_told_and_how_many_more_there_are() {
        let error = |row| FieldError { row: Some(row), ..field_error("name", "it is empty") };
        let errors = listed((0..1234).rev().map(error).collect());
        assert_eq!((errors.len(), errors[0].row), (1001, Some(0)));
        assert_eq!(errors[1000].detail, "234 more mistakes are left out: these are the first 1000");
    }
}

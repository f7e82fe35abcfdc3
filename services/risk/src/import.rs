//! Uploads of whole registers: a dry run tells every mistake with its row and column, and what is recorded is recorded
//! together or not at all. The same file again changes nothing.

mod assets;
mod cells;
mod risks;
mod table;

use axum::body::Bytes;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use eventstore::{Changed, Cx, EventStore, Work};
use serde::{Deserialize, Serialize};
use service::{Call, FieldError, Problem, Progress, field_error, json};
use std::sync::Arc;
use table::Table;
use utoipa::ToSchema;

/// The most that is read of an upload.
pub const MOST_BYTES: usize = 32 * 1024 * 1024;

/// The most mistakes that an answer lists.
const MOST_ERRORS: usize = 1000;

/// So many rows are decided before another request may use the thread: a few milliseconds.
const AT_A_STRETCH: usize = 50;

/// What stands as the reason of what an upload changes, where it came with none.
const REASON: &str = "as imported";

/// What a file is a list of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Register {
    Assets,
    Risks,
}

/// What an upload did, or would do.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Imported {
    /// Nothing was recorded: this is what would happen.
    pub dry_run: bool,
    /// The position of the tenant's log after it.
    pub position: i64,
    #[serde(flatten)]
    pub counts: Counts,
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

/// What came of the rows: those that are right are decided, those that are not are told.
struct Taken {
    counts: Counts,
    errors: Vec<FieldError>,
}

impl Taken {
    fn of(table: &Table, errors: Vec<FieldError>) -> Self {
        let counts =
            Counts { rows: table.rows.len(), ignored_columns: table.ignored_columns.clone(), ..Counts::default() };
        Self { counts, errors }
    }

    fn count(&mut self, existed: bool, changed: &Changed) {
        match (existed, changed.changed) {
            (false, _) => self.counts.created += 1,
            (true, true) => self.counts.changed += 1,
            (true, false) => self.counts.unchanged += 1,
        }
    }

    /// The mistakes in the order of rows, and no endless list of them.
    fn listed(mut self) -> (Counts, Vec<FieldError>) {
        self.errors.sort_by_key(|error| error.row);
        if self.errors.len() > MOST_ERRORS {
            let more = self.errors.len() - MOST_ERRORS;
            self.errors.truncate(MOST_ERRORS);
            let detail = format!("{more} more mistakes are left out: these are the first {MOST_ERRORS}");
            self.errors.push(field_error("body", detail));
        }
        (self.counts, self.errors)
    }
}

impl Register {
    fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Assets => assets::COLUMNS,
            Self::Risks => risks::COLUMNS,
        }
    }

    async fn read(self, file: Bytes) -> Result<Result<Table, Vec<FieldError>>, Problem> {
        aside(move || Table::read(&file, self.columns())).await
    }

    async fn take(
        self,
        work: &mut Work,
        table: &Arc<Table>,
        progress: &Progress,
    ) -> Result<(Counts, Vec<FieldError>), Problem> {
        let taken = match self {
            Self::Assets => assets::take(work, table, progress).await?,
            Self::Risks => risks::take(work, table, progress).await?,
        };
        Ok(taken.listed())
    }
}

/// Answers an upload of assets.
pub async fn assets(call: Call) -> Result<Response, Problem> {
    answer(call, Register::Assets).await
}

/// Answers an upload of risks.
pub async fn risks(call: Call) -> Result<Response, Problem> {
    answer(call, Register::Risks).await
}

async fn answer(call: Call, register: Register) -> Result<Response, Problem> {
    let dry_run = call.query.flag("dry_run")?;
    refuse_other_kinds(&call)?;
    let cx = call.upload()?;
    let (store, file) = (call.store.clone(), call.body.clone());
    let work = move |progress| async move {
        if dry_run {
            rehearse(&store, cx, register, file, &progress).await
        } else {
            import(&store, cx, register, file, &progress).await
        }
    };
    call.tell(work, |imported| json(StatusCode::OK, imported.position, imported)).await
}

/// A form or JSON is a common first try: its first line would only be told to be no heading.
fn refuse_other_kinds(call: &Call) -> Result<(), Problem> {
    let kind = call.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.starts_with("multipart/") || kind.starts_with("application/json") {
        let detail =
            format!("{kind} is not taken: send the file itself as the body, as `curl --data-binary @risks.csv` does");
        return Err(Problem::field("Content-Type", detail));
    }
    Ok(())
}

/// What an import would do. Nothing is recorded, whatever the file.
pub async fn rehearse(
    store: &EventStore,
    cx: Cx,
    register: Register,
    file: Bytes,
    progress: &Progress,
) -> Result<Imported, Problem> {
    let table = register.read(file).await?;
    let mut work = store.work(cx);
    let position = work.session().await?.head().await?;
    let (counts, errors) = match table {
        Ok(table) => register.take(&mut work, &Arc::new(table), progress).await?,
        Err(errors) => (Counts::default(), errors),
    };
    Ok(Imported { dry_run: true, position, counts, errors })
}

/// Records the whole file, or nothing and a problem that tells its mistakes.
pub async fn import(
    store: &EventStore,
    cx: Cx,
    register: Register,
    file: Bytes,
    progress: &Progress,
) -> Result<Imported, Problem> {
    let table = Arc::new(register.read(file).await?.map_err(Problem::fields)?);
    let reason = cx.reason().unwrap_or(REASON).to_owned();
    let cx = Cx { reason: Some(reason), ..cx };
    let done = store
        .perform(&cx, "import", |work| {
            let (table, progress) = (table.clone(), progress.clone());
            Box::pin(async move {
                let (counts, errors) = register.take(work, &table, &progress).await?;
                progress.at("recording", 0, counts.rows);
                if errors.is_empty() { Ok(counts) } else { Err(Problem::fields(errors)) }
            })
        })
        .await?;
    Ok(Imported { dry_run: false, position: done.position, counts: done.answer, errors: vec![] })
}

/// Work without I/O that takes its time, on a thread where it holds up no request.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!(%error, "an upload could not be read");
        Problem::internal()
    })
}

/// Tells that so many rows are decided, and lets others have their turn now and then.
async fn decided(rows: usize, table: &Table, progress: &Progress) {
    progress.at("deciding", rows, table.rows.len());
    if rows.is_multiple_of(AT_A_STRETCH) {
        tokio::task::yield_now().await;
    }
}

#[cfg(test)]
mod tests {
    use super::{Counts, Taken};
    use service::{FieldError, field_error};

    #[test]
    fn a_thousand_mistakes_are_told_and_how_many_more_there_are() {
        let error = |row| FieldError { row: Some(row), ..field_error("name", "it is empty") };
        let taken = Taken { counts: Counts::default(), errors: (0..1234).rev().map(error).collect() };
        let (_, errors) = taken.listed();
        assert_eq!((errors.len(), errors[0].row), (1001, Some(0)));
        assert_eq!(errors[1000].detail, "234 more mistakes are left out: these are the first 1000");
    }
}

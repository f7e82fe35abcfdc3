//! Answers that take their time, told as they come: a line of JSON for each step, and the answer itself as the last one.

use crate::telemetry::count;
use crate::{Call, Problem};
use axum::body::Body;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use futures::stream;
use serde::Serialize;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;
use utoipa::ToSchema;

/// The media type by which a client asks for it.
pub const LINES: &str = "application/x-ndjson";

/// Between two lines of one stage.
const PAUSE: Duration = Duration::from_millis(500);

/// Nobody waits longer, also not one who sees that it goes on.
const PATIENCE: Duration = Duration::from_secs(600);

/// A line of an answer that is told as it comes.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Line<T> {
    /// How far it is.
    Progress(Step),
    /// The last line: the body of the plain answer.
    Result(T),
    /// The last line where it was refused: nothing was done.
    Problem(Problem),
}

/// How far a piece of work is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Progress)]
pub struct Step {
    /// What is being done: reading, deciding, recording.
    #[schema(value_type = String, example = "deciding")]
    stage: &'static str,
    /// How many rows this stage has done.
    rows: usize,
    of: usize,
}

/// Where a piece of work tells how far it is; by default nobody listens.
#[derive(Clone, Default)]
pub struct Progress(Option<Arc<Mutex<Teller>>>);

struct Teller {
    steps: UnboundedSender<Step>,
    last: Option<(&'static str, Instant)>,
}

/// Marks a response whose outcome is not known yet.
#[derive(Clone)]
pub struct Unfinished;

impl Progress {
    fn to(steps: UnboundedSender<Step>) -> Self {
        Self(Some(Arc::new(Mutex::new(Teller { steps, last: None }))))
    }

    /// `rows` of `of` are done in this stage. Told where the stage begins, and twice a second after that.
    pub fn at(&self, stage: &'static str, rows: usize, of: usize) {
        let Some(Ok(mut teller)) = self.0.as_ref().map(|teller| teller.lock()) else { return };
        if teller.last.is_none_or(|(before, when)| before != stage || when.elapsed() >= PAUSE) {
            teller.last = Some((stage, Instant::now()));
            // Who asked may be gone, and the work with them soon.
            let _ = teller.steps.send(Step { stage, rows, of });
        }
    }
}

impl Call {
    /// Answers with what comes of `work`: as `plain` writes it, or by lines where the client asked for them. A client that
    /// goes away ends the work where it is; what it had not committed is undone.
    pub async fn tell<T, W>(
        &self,
        work: impl FnOnce(Progress) -> W,
        plain: impl FnOnce(&T) -> Response,
    ) -> Result<Response, Problem>
    where
        T: Serialize + Send + 'static,
        W: Future<Output = Result<T, Problem>> + Send + 'static,
    {
        if !self.wants_lines() {
            return Ok(plain(&work(Progress::default()).await?));
        }
        let (steps, told) = unbounded_channel();
        let work = work(Progress::to(steps));
        let work = async { timeout(PATIENCE, work).await.unwrap_or_else(|_| Err(Problem::too_slow())) };
        // A task of its own: a client that reads slowly does not hold up a transaction.
        let work = AbortOnDropHandle::new(tokio::spawn(work.in_current_span()));
        Ok(lines(self.store.service(), told, work))
    }

    fn wants_lines(&self) -> bool {
        let values = self.headers.get_all(ACCEPT).into_iter().filter_map(|value| value.to_str().ok());
        let mut kinds = values.flat_map(|value| value.split(',')).filter_map(|kind| kind.split(';').next());
        kinds.any(|kind| kind.trim().eq_ignore_ascii_case(LINES))
    }
}

type Working<T> = AbortOnDropHandle<Result<T, Problem>>;

fn lines<T>(service: &'static str, told: UnboundedReceiver<Step>, work: Working<T>) -> Response
where
    T: Serialize + Send + 'static,
{
    let lines = stream::unfold(Some((told, work)), move |state| async move {
        let (mut told, work) = state?;
        // The work holds the other end: when it is over, there are no more steps.
        match told.recv().await {
            Some(step) => Some((Ok(written(&Line::<T>::Progress(step))), Some((told, work)))),
            None => Some((Ok::<_, Infallible>(written(&ended(service, work).await)), None)),
        }
    });
    let mut response = Response::new(Body::from_stream(lines));
    response.extensions_mut().insert(Unfinished);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(LINES));
    // A proxy that collects lines would tell them all at the end.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

async fn ended<T>(service: &'static str, work: Working<T>) -> Line<T> {
    let ended = work.await.unwrap_or_else(|error| {
        tracing::error!(%error, "a long piece of work ended in the middle");
        Err(Problem::internal())
    });
    count(service, ended.as_ref().map_or_else(Problem::status, |_| 200));
    ended.map_or_else(Line::Problem, Line::Result)
}

fn written<T: Serialize>(line: &Line<T>) -> Vec<u8> {
    let mut text = serde_json::to_vec(line).unwrap_or_else(|error| {
        tracing::error!(%error, "a line could not be written");
        serde_json::to_vec(&Line::<()>::Problem(Problem::internal())).unwrap_or_default()
    });
    text.push(b'\n');
    text
}

#[cfg(test)]
mod tests {
    use super::{Line, Progress, Step, written};
    use crate::Problem;
    use tokio::sync::mpsc::unbounded_channel;

    #[test]
    fn a_stage_is_told_when_it_begins_and_not_each_of_its_rows() {
        let (steps, mut told) = unbounded_channel();
        let progress = Progress::to(steps);
        for stage in ["reading", "deciding"] {
            for row in 0..100 {
                progress.at(stage, row, 100);
            }
        }
        drop(progress);
        let told: Vec<Step> = std::iter::from_fn(|| told.blocking_recv()).collect();
        assert_eq!(told, ["reading", "deciding"].map(|stage| Step { stage, rows: 0, of: 100 }));
    }

    #[test]
    fn a_line_says_what_it_is() {
        let line = |line: &Line<i32>| String::from_utf8(written(line)).expect("text");
        let step = Step { stage: "deciding", rows: 7, of: 9 };
        assert_eq!(line(&Line::Progress(step)), "{\"progress\":{\"stage\":\"deciding\",\"rows\":7,\"of\":9}}\n");
        assert_eq!(line(&Line::Result(3)), "{\"result\":3}\n");
        let problem = line(&Line::Problem(Problem::field("body", "it is empty")));
        assert!(problem.starts_with(r#"{"problem":{"type":"urn:stele:problem:invalid","status":400,"#), "{problem}");
        assert!(problem.ends_with("}\n") && problem.matches('\n').count() == 1, "{problem}");
    }
}

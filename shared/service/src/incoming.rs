//! A request's body as it comes.

use crate::Problem;
use axum::body::Body;
use axum::http::{HeaderMap, Method, StatusCode, header};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use std::sync::Mutex;
use std::time::Duration;
use tokio::time::timeout;

/// How much of a body that is refused is read and thrown away, so that its sender comes to read the answer.
const SWALLOWED: usize = 64 * 1024 * 1024;

/// How long nothing may come.
const SILENCE: Duration = Duration::from_secs(60);

/// A body, up to its route's limit. A route that takes files reads it piece by piece; every other has read it whole before its handler
/// is asked.
pub struct Incoming {
    /// Locked by nobody: a body cannot be looked at by two threads, and a call can.
    body: Mutex<Body>,
    seen: usize,
    most: usize,
}

impl Incoming {
    /// Nothing of it is read yet; a sender that asks first hears that it is too large before it sends.
    pub(crate) fn new(method: &Method, headers: &HeaderMap, body: Body, most: usize) -> Result<Self, Problem> {
        let body = if method == Method::GET { Body::empty() } else { body };
        let incoming = Self { body: Mutex::new(body), seen: 0, most };
        let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        if length.is_some_and(|length| length > most) && headers.contains_key(header::EXPECT) {
            return Err(incoming.too_large());
        }
        Ok(incoming)
    }

    /// The next piece; nothing after the last.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        let Some(piece) = self.piece().await? else { return Ok(None) };
        if self.seen > self.most {
            self.swallow().await;
            return Err(self.too_large());
        }
        Ok(Some(piece))
    }

    /// All of it.
    pub(crate) async fn whole(&mut self) -> Result<Bytes, Problem> {
        let mut bytes = BytesMut::new();
        while let Some(piece) = self.next().await? {
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes.freeze())
    }

    /// Throws the rest away: who refuses a body in the middle calls this before it answers.
    pub async fn swallow(&mut self) {
        while self.seen <= self.most.saturating_add(SWALLOWED) && matches!(self.piece().await, Ok(Some(_))) {}
    }

    async fn piece(&mut self) -> Result<Option<Bytes>, Problem> {
        let broken = |detail: String| Problem::field("body", format!("it did not arrive whole: {detail}"));
        let Ok(body) = self.body.get_mut() else { return Err(Problem::internal()) };
        loop {
            let frame = timeout(SILENCE, body.frame()).await;
            let frame = frame.map_err(|_| broken(format!("nothing came for {} s", SILENCE.as_secs())))?;
            let Some(frame) = frame else { return Ok(None) };
            let frame = frame.map_err(|error| broken(error.to_string()))?;
            if let Ok(data) = frame.into_data() {
                self.seen += data.len();
                return Ok(Some(data));
            }
        }
    }

    fn too_large(&self) -> Problem {
        let (most, unit) = if self.most >= 1 << 20 { (self.most >> 20, "MiB") } else { (self.most >> 10, "kB") };
        let detail = format!("the body is larger than {most} {unit}, which is the most here: send less at once");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail)
    }
}

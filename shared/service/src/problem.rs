use crate::route::Dialect;
use axum::Json;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use eventstore::{Refused, StoreError};
use serde::Serialize;
use std::error::Error;
use utoipa::ToSchema;

/// Problem details (RFC 9457): what went wrong, where, and what to do about it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Problem {
    /// `urn:stele:problem:<code>`; codes are stable.
    #[serde(rename = "type")]
    #[schema(example = "urn:stele:problem:invalid")]
    kind: String,
    status: u16,
    /// A sentence for the person who sent the request, with the remedy.
    detail: String,
    /// Each wrong field, where fields are at fault.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    /// For how many seconds the same request need not be sent again.
    #[serde(skip)]
    retry_after_s: Option<u64>,
}

/// One wrong field of a body, a query or an uploaded table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// Name of the field, parameter, header or column.
    pub field: String,
    /// Line of an uploaded table as a spreadsheet numbers it: the heading is row 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<u64>,
    pub detail: String,
}

pub fn field_error(field: impl Into<String>, detail: impl Into<String>) -> FieldError {
    FieldError { field: field.into(), row: None, detail: detail.into() }
}

impl Problem {
    pub fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:stele:problem:{code}"),
            status: status.as_u16(),
            detail: detail.into(),
            errors: Vec::new(),
            retry_after_s: None,
        }
    }

    /// One field, parameter, header or column is wrong.
    pub fn field(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::fields(vec![field_error(field, detail)])
    }

    /// Several are.
    pub fn fields(errors: Vec<FieldError>) -> Self {
        let detail = match errors.as_slice() {
            [only] => format!("{}: {}", only.field, only.detail),
            several => format!("{} fields are wrong: see errors", several.len()),
        };
        Self { errors, ..Self::new(StatusCode::BAD_REQUEST, "invalid", detail) }
    }

    /// The same of fields that stand within another; what is not about fields stays as it is.
    #[must_use]
    pub fn within(self, field: &str) -> Self {
        if self.errors.is_empty() {
            return self;
        }
        let inner = |error: FieldError| FieldError { field: format!("{field}.{}", error.field), ..error };
        Self::fields(self.errors.into_iter().map(inner).collect())
    }

    /// With each field or object that is at fault.
    pub(crate) fn telling(self, errors: Vec<FieldError>) -> Self {
        Self { errors, ..self }
    }

    /// Missing, or another tenant's: the two cannot be told apart.
    pub fn not_found(what: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("there is no {what} here"))
    }

    /// Something that the service stands on does not answer; nothing was recorded, or the Idempotency-Key tells.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail).after(1)
    }

    /// The same request makes sense after so many seconds.
    #[must_use]
    pub fn after(self, seconds: u64) -> Self {
        Self { retry_after_s: Some(seconds), ..self }
    }

    /// The time for an answer is over.
    pub fn too_slow() -> Self {
        Self::unavailable("this took too long: try again with the same Idempotency-Key")
    }

    pub fn internal() -> Self {
        let detail = "this is a fault of ours: it is in the log under the trace id of this answer";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
    }

    pub fn status(&self) -> u16 {
        self.status
    }

    /// Each wrong field, where fields are at fault.
    pub fn errors(&self) -> &[FieldError] {
        &self.errors
    }

    /// The last part of its type.
    pub fn code(&self) -> &str {
        self.kind.rsplit(':').next().unwrap_or_default()
    }

    /// The same, written as the dialect has it.
    pub(crate) fn in_dialect(self, dialect: Dialect) -> Response {
        let body = (dialect.refused)(&self).to_string();
        let mut response = self.into_response();
        *response.body_mut() = body.into();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(dialect.kind));
        response
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.detail)
    }
}

impl Error for Problem {}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let retry_after_s = self.retry_after_s;
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = retry_after_s {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<FieldError> for Problem {
    fn from(error: FieldError) -> Self {
        Self::fields(vec![error])
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::KeyReused => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "key_reused",
                "Idempotency-Key: it came with another request before; take a new key for a new request",
            ),
            StoreError::Conflict { stream, .. } => {
                Self::new(StatusCode::CONFLICT, "busy", format!("{stream} is being changed by others: try again"))
            }
            StoreError::TooLarge { stream, bytes, most } => Self::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too_large",
                format!("what would be recorded about {stream} has {bytes} bytes, and {most} is the most: shorten it"),
            ),
            StoreError::Database(error) => {
                tracing::warn!(%error, "the database did not answer a request");
                Self::unavailable(
                    "the database does not answer now: try again in a moment, a change with the same Idempotency-Key",
                )
            }
            // Another program, the one that recorded it, can answer this.
            StoreError::Unreadable { position, why } => {
                tracing::error!(position, %why, "a request met an event that this program does not know");
                Self::unavailable(format!("position {position} of this log: {why}"))
            }
            error @ (StoreError::Json(_) | StoreError::Unsafe { .. } | StoreError::Contract(_)) => {
                tracing::error!(%error, "a request met a fault of ours");
                Self::internal()
            }
        }
    }
}

impl<R> From<Refused<R>> for Problem
where
    R: Error,
    for<'a> &'static str: From<&'a R>,
{
    fn from(refused: Refused<R>) -> Self {
        match refused {
            Refused::Rule(rule) => Self::new(StatusCode::CONFLICT, (&rule).into(), rule.to_string()),
            Refused::Stale { actual } => Self::new(
                StatusCode::PRECONDITION_FAILED,
                "stale",
                format!("If-Match: the object is at version {actual} by now: read it again and decide anew"),
            ),
            Refused::Store(error) => error.into(),
        }
    }
}

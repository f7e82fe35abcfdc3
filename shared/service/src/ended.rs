use crate::answer::{json, with_etag};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use eventstore::Done;
use serde::Serialize;

/// The answer to a command, whatever its body: 200 unless it says that something was created.
#[must_use]
pub struct Ended {
    position: i64,
    repeated: bool,
    status: StatusCode,
    version: Option<i64>,
    place: Option<String>,
}

impl Ended {
    pub fn of<T>(done: &Done<T>) -> Self {
        let Done { position, repeated, .. } = *done;
        Self { position, repeated, status: StatusCode::OK, version: None, place: None }
    }

    pub fn created(self) -> Self {
        Self { status: StatusCode::CREATED, ..self }
    }

    /// The path of what the command begins.
    pub fn at(self, place: String) -> Self {
        Self { place: Some(place), ..self }
    }

    /// The object's version after it, as its ETag.
    pub fn version(self, version: i64) -> Self {
        Self { version: Some(version), ..self }
    }

    pub fn with(self, body: &impl Serialize) -> Response {
        let mut response = json(self.status, self.position, body);
        if let Some(version) = self.version {
            response = with_etag(response, version);
        }
        let headers = response.headers_mut();
        if self.repeated {
            headers.insert("idempotency-replayed", HeaderValue::from_static("true"));
        }
        if let Some(Ok(place)) = self.place.map(HeaderValue::try_from) {
            headers.insert(header::LOCATION, place);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::Ended;
    use eventstore::Done;

    #[test]
    fn what_an_answer_says_beside_its_body_is_said_once() {
        let done = |repeated| Done { answer: (), position: 7, repeated };
        let first = Ended::of(&done(false)).created().at("/v1/x".to_owned()).version(3).with(&"body");
        assert_eq!(first.status(), 201);
        let said = |name: &str| first.headers().get(name).and_then(|value| value.to_str().ok());
        assert_eq!((said("stele-position"), said("etag"), said("location")), (Some("7"), Some("\"3\""), Some("/v1/x")));
        assert_eq!(said("idempotency-replayed"), None);

        let again = Ended::of(&done(true)).with(&"body");
        assert_eq!(again.status(), 200);
        assert_eq!(again.headers()["idempotency-replayed"], "true");
        assert!(!again.headers().contains_key("etag") && !again.headers().contains_key("location"));
    }
}

//! A file as an answer.

use crate::answer::POSITION;
use axum::body::Body;
use axum::http::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
};
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use bytes::Bytes;
use futures::Stream;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::error::Error;

/// What stands for itself in `filename*` (RFC 8187, attr-char).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// A file that somebody else brought: a browser saves it, and never shows it as a page of ours.
pub struct Download<'a> {
    pub position: i64,
    pub name: &'a str,
    pub media_type: &'a str,
    pub sha256: &'a str,
    pub bytes: u64,
}

impl Download<'_> {
    /// The answer; an error among the chunks ends the connection, so that a client sees that it did not get all.
    pub fn of<S, E>(&self, chunks: S) -> Response
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Error + Send + Sync + 'static,
    {
        let mut response = Response::new(Body::from_stream(chunks));
        let headers = response.headers_mut();
        let mut set = |name: HeaderName, value: String| {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name, value);
            }
        };
        set(HeaderName::from_static(POSITION), self.position.to_string());
        set(CONTENT_TYPE, self.media_type.to_owned());
        set(CONTENT_LENGTH, self.bytes.to_string());
        set(CONTENT_DISPOSITION, attachment(self.name));
        set(ETAG, format!("\"{}\"", self.sha256));
        // Its digest is over all of it: a part could not be checked.
        set(ACCEPT_RANGES, "none".to_owned());
        set(CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox".to_owned());
        response
    }
}

/// For old programs in ASCII, for all others as it is (RFC 6266).
pub fn attachment(name: &str) -> String {
    let plain: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || " .-_()+,".contains(c) { c } else { '_' }).collect();
    let encoded = utf8_percent_encode(name, ENCODED);
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use super::{Download, attachment};
    use bytes::Bytes;
    use futures::stream;
    use std::convert::Infallible;

    #[test]
    fn a_name_cannot_break_out_of_its_header() {
        assert_eq!(
            attachment("Pr\u{fc}fung \"x\".pdf"),
            "attachment; filename=\"Pr_fung _x_.pdf\"; filename*=UTF-8''Pr%C3%BCfung%20%22x%22.pdf"
        );
        assert_eq!(attachment("a\\b%41.txt"), "attachment; filename=\"a_b_41.txt\"; filename*=UTF-8''a%5Cb%2541.txt");
    }

    #[test]
    fn a_browser_is_told_to_save_it() {
        let download = Download { position: 7, name: "a.txt", media_type: "text/plain", sha256: "00ff", bytes: 1 };
        let response = download.of(stream::iter([Ok::<_, Infallible>(Bytes::from_static(b"a"))]));
        for (name, value) in [
            ("stele-position", "7"),
            ("content-type", "text/plain"),
            ("content-length", "1"),
            ("etag", "\"00ff\""),
            ("content-security-policy", "default-src 'none'; sandbox"),
        ] {
            assert_eq!(response.headers()[name], value);
        }
    }
}

use crate::cell::harmless;
use axum::Json;
use axum::http::header::{CONTENT_TYPE, ETAG};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use views::Row;

/// The header that says which position of the tenant's log an answer shows.
pub const POSITION: &str = "stele-position";

/// One object as of a position.
#[derive(Debug, Serialize, ToSchema)]
pub struct Object<V> {
    /// The position of the tenant's log that this shows.
    pub position: i64,
    #[serde(flatten)]
    pub item: Item<V>,
}

/// An object with what is common to all.
#[derive(Debug, Serialize, ToSchema)]
pub struct Item<V> {
    pub id: String,
    /// Changes with each event of the object; the ETag, for `If-Match`.
    pub version: i64,
    pub changed_at: DateTime<Utc>,
    #[serde(flatten)]
    pub data: V,
}

impl<V> Item<V> {
    /// The same object, shown otherwise.
    pub fn map<W>(self, show: impl FnOnce(V) -> W) -> Item<W> {
        let Self { id, version, changed_at, data } = self;
        Item { id, version, changed_at, data: show(data) }
    }
}

/// One page of a list as of a position.
#[derive(Debug, Serialize, ToSchema)]
pub struct Listed<V> {
    pub position: i64,
    pub items: Vec<Item<V>>,
    /// Give it as `cursor` for the next page, which shows the same position; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl<V> From<Row<V>> for Item<V> {
    fn from(row: Row<V>) -> Self {
        Self { id: row.key, version: row.version, changed_at: row.at, data: row.data }
    }
}

pub fn json(status: StatusCode, position: i64, body: &impl Serialize) -> Response {
    let mut response = (status, Json(body)).into_response();
    if let Ok(value) = HeaderValue::from_str(&position.to_string()) {
        response.headers_mut().insert(POSITION, value);
    }
    response
}

pub fn with_etag(mut response: Response, version: i64) -> Response {
    if let Ok(value) = HeaderValue::from_str(&format!("\"{version}\"")) {
        response.headers_mut().insert(ETAG, value);
    }
    response
}

/// Bytes as they are.
pub fn bytes(position: i64, kind: &'static str, body: Vec<u8>) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(value) = HeaderValue::from_str(&position.to_string()) {
        headers.insert(POSITION, value);
    }
    response
}

pub fn table(heading: &[&str], rows: &[Vec<String>]) -> anyhow::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(heading)?;
    for row in rows {
        writer.write_record(row.iter().map(|cell| harmless(cell)))?;
    }
    Ok(writer.into_inner()?)
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn a_formula_leaves_as_a_text() {
        let rows = vec![vec!["=1+1".to_owned(), "a, \"b\"".to_owned()]];
        let written = table(&["one", "two"], &rows).expect("written");
        assert_eq!(written, b"one,two\n'=1+1,\"a, \"\"b\"\"\"\n");
    }
}

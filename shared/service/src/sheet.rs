use crate::papers::written;
use crate::{Call, Content, Problem, Route, Routes, every};
use access::Action;
use axum::http::Method;
use axum::response::Response;
use views::View;

/// A register as a file: a row for each object, in the columns that its upload takes, so that it can be worked with and uploaded again.
pub trait Sheet: View {
    const HEADING: &'static [&'static str];

    /// One row, in the order of the heading.
    fn cells(self, key: &str) -> Vec<String>;
}

/// A cell that is empty where nothing is said.
pub fn cell(said: Option<impl ToString>) -> String {
    said.map(|said| said.to_string()).unwrap_or_default()
}

impl Routes {
    /// The whole register as CSV, under a path that ends in `.csv`.
    #[must_use]
    pub fn sheet<V: Sheet>(self, tail: &'static str, summary: &'static str) -> Self {
        let route = Route::tenant(Method::GET, tail, Action::Read, summary).as_of().gives_text("text/csv");
        self.with(route.answered_by(move |call: Call| async move { whole::<V>(&call, tail).await }))
    }
}

async fn whole<V: Sheet>(call: &Call, tail: &str) -> Result<Response, Problem> {
    let mut session = call.session().await?;
    let position = call.position::<V>(&mut session).await?;
    let rows = every::<V>(&mut session, position, Vec::new()).await?;
    let rows: Vec<Vec<String>> = rows.into_iter().map(|row| row.data.cells(&row.key)).collect();
    let bytes = written(V::HEADING, &rows)?;
    let name = tail.trim_start_matches('/');
    Ok(Content::of(position, &bytes).file("text/csv; charset=utf-8", name, bytes))
}

//! What becomes otherwise as days go by, without anybody recording anything: a review that is due, a term that is over.

use crate::answer::json;
use crate::{Call, Listed, Object, Problem, Route, Routes, object_answer};
use access::Action;
use axum::http::{Method, StatusCode};
use chrono::NaiveDate;
use eventstore::Session;
use serde::Serialize;
use utoipa::ToSchema;
use views::View;

/// A row that shows something else from some day on. The day is that of what is read: today in UTC, or that of `as_of`.
pub trait Dated: View {
    type Shown: Serialize + ToSchema;

    fn on(self, today: NaiveDate) -> Self::Shown;
}

impl Routes {
    /// [`Routes::list`] of what depends on the day.
    #[must_use]
    pub fn dated_list<V: Dated>(self, tail: &'static str, summary: &'static str) -> Self {
        let route = Route::tenant(Method::GET, tail, Action::Read, summary).pages::<V>().gives::<Listed<V::Shown>>(200);
        self.with(route.answered_by(|call: Call| async move {
            let Listed { position, items, next } = call.list::<V>(Vec::new()).await?;
            let today = call.today(&mut call.session().await?, position).await?;
            let items = items.into_iter().map(|item| item.map(|row| row.on(today))).collect();
            Ok(json(StatusCode::OK, position, &Listed { position, items, next }))
        }))
    }

    /// [`Routes::object`] of what depends on the day.
    #[must_use]
    pub fn dated_object<V: Dated>(self, tail: &'static str, summary: &'static str) -> Self {
        let route = Route::tenant(Method::GET, tail, Action::Read, summary).as_of().gives::<Object<V::Shown>>(200);
        self.with(route.answered_by(|call: Call| async move {
            let Object { position, item } = call.object::<V>(call.id()).await?;
            let today = call.today(&mut call.session().await?, position).await?;
            Ok(object_answer(&Object { position, item: item.map(|row| row.on(today)) }))
        }))
    }
}

impl Call {
    /// The day of what is read at `position`, by [`Call::clock`].
    pub async fn today(&self, session: &mut Session, position: i64) -> Result<NaiveDate, Problem> {
        Ok(self.clock(session, position).await?.date_naive())
    }
}

//! What becomes otherwise as days go by, without anybody recording anything: a review that is due, a term that is over.

use crate::answer::json;
use crate::body::instant;
use crate::{Call, FieldError, Item, Listed, Object, Problem, Route, Routes, field_error, object_answer};
use access::Action;
use axum::http::{Method, StatusCode};
use chrono::{Datelike, NaiveDate};
use eventstore::Session;
use serde::Serialize;
use utoipa::ToSchema;
use views::View;

/// A row that shows something else from some day on. The day is that of what is read: today in UTC, or that of `as_of`.
pub trait Dated: View {
    type Shown: Serialize + ToSchema;

    fn on(self, today: NaiveDate) -> Self::Shown;
}

/// A day as people write it.
pub fn day(field: &str, written: &str) -> Result<NaiveDate, FieldError> {
    let day = NaiveDate::parse_from_str(written.trim(), "%Y-%m-%d").ok();
    day.filter(|day| (1..=9999).contains(&day.year()))
        .ok_or_else(|| field_error(field, format!("`{written}` is not a day: write it as 2026-03-01")))
}

impl Routes {
    /// [`Routes::list`] of what depends on the day.
    #[must_use]
    pub fn dated_list<V: Dated>(self, tail: &'static str, summary: &'static str) -> Self {
        let route = Route::tenant(Method::GET, tail, Action::Read, summary).pages::<V>().gives::<Listed<V::Shown>>(200);
        self.with(route.answered_by(|call: Call| async move {
            let Listed { position, items, next } = call.list::<V>(Vec::new()).await?;
            let today = call.today(&mut call.session().await?, position).await?;
            let items = items.into_iter().map(|item| item.on(today)).collect();
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
            Ok(object_answer(&Object { position, item: item.on(today) }))
        }))
    }
}

impl<V: Dated> Item<V> {
    pub fn on(self, today: NaiveDate) -> Item<V::Shown> {
        let Self { id, version, changed_at, data } = self;
        Item { id, version, changed_at, data: data.on(today) }
    }
}

impl Call {
    /// The day of what is read at `position`: an earlier position is shown as it was on its own day.
    pub async fn today(&self, session: &mut Session, position: i64) -> Result<NaiveDate, Problem> {
        let asked = self.query.get("as_of");
        let at = match asked.map(|asked| instant("as_of", asked)) {
            None => self.shows_until().unwrap_or(self.cx.now),
            Some(Ok(at)) => at,
            // A position, which the answer shows.
            Some(Err(_)) => {
                let recorded = session.events_at(&[position]).await?;
                recorded.first().map_or(self.cx.now, |event| event.recorded_at)
            }
        };
        Ok(at.date_naive())
    }
}

#[cfg(test)]
mod tests {
    use super::day;

    #[test]
    fn a_day_that_is_none_says_how_to_write_one() {
        assert_eq!(day("next_review", " 2026-03-01 ").map(|day| day.to_string()), Ok("2026-03-01".to_owned()));
        for wrong in ["soon", "2026-02-30", "01.03.2026", "2026-03-01T00:00:00Z", "+12026-03-01", "0000-01-01"] {
            let error = day("next_review", wrong).expect_err("refused");
            assert!(error.detail.ends_with("write it as 2026-03-01"), "{}", error.detail);
        }
    }
}

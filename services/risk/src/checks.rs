//! What bodies and uploaded rows are checked by, beside what every service checks by.

pub use service::{Faults, checked_refs, tidy};

use chrono::NaiveDate;
use eventstore::Cx;
use service::{FieldError, checked_day, field_error};

/// What a methodology's categories may have too.
pub const LONGEST_LABEL: usize = 60;
pub const LONGEST_NAME: usize = 200;
pub const LONGEST_TEXT: usize = 10_000;

/// The day on which something happened that was not to come: today where none is given.
pub fn checked_past_day(field: &str, written: Option<&str>, cx: &Cx) -> Result<NaiveDate, FieldError> {
    let today = today(cx);
    let day = written.map_or(Ok(today), |day| checked_day(field, day))?;
    if day > today { Err(field_error(field, "it lies in the future: say the day on which it was")) } else { Ok(day) }
}

/// The day on which what is decided here happens.
pub fn today(cx: &Cx) -> NaiveDate {
    cx.occurred_at.unwrap_or(cx.now).date_naive()
}

#[cfg(test)]
mod tests {
    use super::checked_past_day;
    use crate::fixture::cx;

    #[test]
    fn what_happened_lies_not_ahead() {
        let day = |written| checked_past_day("on", written, &cx()).map(|day| day.to_string());
        assert_eq!((day(None), day(Some("2026-02-01"))), (Ok("2026-03-01".to_owned()), Ok("2026-02-01".to_owned())));
        let told = day(Some("2026-03-02")).expect_err("refused");
        assert_eq!(told.detail, "it lies in the future: say the day on which it was");
    }
}

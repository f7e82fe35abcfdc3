//! What bodies of this service are checked by, beside what every service checks by.

use chrono::NaiveDate;
use eventstore::Cx;
use files::FileDigest;
use service::{FieldError, checked_day, checked_text, field_error};

pub const LONGEST_TITLE: usize = 200;
pub const LONGEST_TEXT: usize = 4000;
const LONGEST_LINK: usize = 2000;

/// A day that has come.
pub fn past(field: &str, written: &str, cx: &Cx) -> Result<NaiveDate, FieldError> {
    let day = checked_day(field, written)?;
    if day > cx.now.date_naive() {
        return Err(field_error(field, format!("{day} lies in the future: say the day on which it was")));
    }
    Ok(day)
}

/// A day that has not passed.
pub fn to_come(field: &str, written: &str, cx: &Cx) -> Result<NaiveDate, FieldError> {
    not_passed(field, checked_day(field, written)?, cx)
}

pub fn not_passed(field: &str, day: NaiveDate, cx: &Cx) -> Result<NaiveDate, FieldError> {
    if day < cx.now.date_naive() {
        return Err(field_error(field, format!("{day} has passed: say a day to come")));
    }
    Ok(day)
}

/// Where something stands: nobody here goes there.
pub fn checked_link(field: &str, written: &str) -> Result<String, FieldError> {
    let link = checked_text(field, written, LONGEST_LINK)?;
    if link.starts_with("https://") || link.starts_with("http://") {
        Ok(link)
    } else {
        Err(field_error(field, "it is no link: it begins with https://"))
    }
}

/// A SHA-256 that somebody else computed, in lower case.
pub fn checked_digest(field: &str, written: &str) -> Result<String, FieldError> {
    let digest: Result<FileDigest, _> = written.parse();
    digest.map(|digest| digest.to_string()).map_err(|error| field_error(field, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::{checked_link, past, to_come};
    use eventstore::{Actor, Cx, TenantId};

    #[test]
    fn today_has_come_and_has_not_passed() {
        let now = "2026-03-01T09:30:00Z".parse().expect("an instant");
        let cx = Cx::new(TenantId::random(), Actor::Person("mara".to_owned()), now);
        assert!(past("on", "2026-03-01", &cx).is_ok() && to_come("on", "2026-03-01", &cx).is_ok());
        assert!(past("on", "2026-03-02", &cx).is_err() && to_come("on", "2026-02-28", &cx).is_err());
    }

    #[test]
    fn a_link_leads_to_a_page() {
        assert!(checked_link("link", " https://example.org/x ").is_ok());
        for wrong in ["", "file:///etc/passwd", "javascript:alert(1)", "example.org"] {
            assert!(checked_link("link", wrong).is_err(), "{wrong}");
        }
    }
}

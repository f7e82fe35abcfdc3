//! Texts as people write them: what they are checked by, and the order in which people count.

use crate::{FieldError, field_error};
use chrono::{Datelike, NaiveDate};

const LONGEST_REF: usize = 64;

/// What people call an object, such as `R-7`: it is the object's id for good.
pub fn checked_ref(field: &str, written: &str) -> Result<String, FieldError> {
    let name = written.trim();
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let fault = if name.is_empty() {
        "it is empty: give a short name such as R-7".to_owned()
    } else if name.len() > LONGEST_REF {
        format!("{LONGEST_REF} characters are the most")
    } else if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) || !name.chars().all(allowed) {
        format!("`{name}` is not a short name: use letters, digits, and . _ - after the first")
    } else {
        return Ok(name.to_owned());
    };
    Err(field_error(field, fault))
}

/// A person's handle, such as `mara`. In lower case, so that `Mara` and `mara` are never two people.
pub fn checked_person(field: &str, written: &str) -> Result<String, FieldError> {
    let handle = written.trim();
    let lower = handle.to_ascii_lowercase();
    let fault = if handle.is_empty() {
        "it is empty: give a person's handle such as mara".to_owned()
    } else if checked_ref(field, handle).is_ok() {
        if handle == lower {
            return Ok(lower);
        }
        format!("`{handle}` is not a person's handle: write it in lower case, such as {lower}")
    } else if handle.len() > LONGEST_REF {
        format!("{LONGEST_REF} characters are the most")
    } else {
        format!("`{handle}` is not a person's handle: use letters in lower case, digits, and . _ - after the first")
    };
    Err(field_error(field, fault))
}

/// By these a name reads as another one than it is. Text from right to left needs none of them.
const TURNING: [char; 9] =
    ['\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}', '\u{202e}', '\u{2066}', '\u{2067}', '\u{2068}', '\u{2069}'];

/// A text that is not empty and not longer than `most` characters, without the space around it.
pub fn checked_text(field: &str, written: &str, most: usize) -> Result<String, FieldError> {
    checked_text_if_given(field, written, most)?.ok_or_else(|| field_error(field, "it is empty"))
}

/// The same of a text that may be left out: nothing where there is none.
pub fn checked_text_if_given(field: &str, written: &str, most: usize) -> Result<Option<String>, FieldError> {
    // One kind of line end, so that a text that went through a file is still the same.
    let text = written.trim().replace("\r\n", "\n").replace('\r', "\n");
    let count = text.chars().count();
    if text.contains('\0') {
        Err(field_error(field, "the character NUL cannot be kept: remove it"))
    } else if let Some(turning) = text.chars().find(|c| TURNING.contains(c)) {
        let code = u32::from(turning);
        Err(field_error(
            field,
            format!("it has a character that nobody sees and that turns text around, U+{code:04X}: remove it"),
        ))
    } else if count > most {
        Err(field_error(field, format!("it has {count} characters, and {most} are the most")))
    } else {
        Ok(Some(text).filter(|text| !text.is_empty()))
    }
}

/// A day as people write it for programs: a deadline holds to its end, in UTC.
pub fn checked_day(field: &str, written: &str) -> Result<NaiveDate, FieldError> {
    let day = NaiveDate::parse_from_str(written.trim(), "%Y-%m-%d").ok();
    // What sorts as text, and what a spreadsheet can say.
    day.filter(|day| (1900..=9999).contains(&day.year()))
        .ok_or_else(|| field_error(field, format!("`{written}` is not a day: write it as 2026-03-01")))
}

/// Sort by it to count as people do: R-2 before R-10. The database's `natural_place` gives the same: every run of digits
/// loses its leading zeros and gets its length before it; one of more than 99 digits is ordered as text.
pub fn natural(name: &str) -> String {
    let mut place = String::new();
    let mut rest = name;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, digits) = rest.split_at(start);
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        let (number, after) = digits.split_at(end);
        let number = number.trim_start_matches('0');
        let length = number.len().min(99);
        place.extend([before, if length < 10 { "0" } else { "" }, &length.to_string(), number]);
        rest = after;
    }
    place + rest
}

#[cfg(test)]
mod tests {
    use super::{checked_day, checked_person, checked_ref, checked_text, checked_text_if_given, natural};

    #[test]
    fn a_ref_is_a_short_name() {
        assert_eq!(checked_ref("ref", " R-7 "), Ok("R-7".to_owned()));
        for wrong in ["", "  ", "-R", "R 7", "R/7", "Ä-1", "../x", &"R".repeat(65)] {
            assert!(checked_ref("ref", wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_persons_handle_is_in_lower_case() {
        for right in ["mara", "mara.k2", "7-of_9", &"m".repeat(64)] {
            assert_eq!(checked_person("owner", &format!(" {right} ")), Ok(right.to_owned()));
        }
        let long = "m".repeat(65);
        for (wrong, detail) in [
            ("Mara", "`Mara` is not a person's handle: write it in lower case, such as mara"),
            (" ", "it is empty: give a person's handle such as mara"),
            (
                "mara k",
                "`mara k` is not a person's handle: use letters in lower case, digits, and . _ - after the first",
            ),
            ("-mara", "`-mara` is not a person's handle: use letters in lower case, digits, and . _ - after the first"),
            (&long, "64 characters are the most"),
        ] {
            let error = checked_person("owner", wrong).expect_err("refused");
            assert_eq!((error.field.as_str(), error.detail.as_str()), ("owner", detail));
        }
    }

    #[test]
    fn a_text_is_trimmed_and_has_an_end() {
        assert_eq!(checked_text("name", "  a\r\nb\rc ", 5), Ok("a\nb\nc".to_owned()));
        assert_eq!(checked_text_if_given("name", " x ", 3), Ok(Some("x".to_owned())));
        assert_eq!(checked_text_if_given("name", " ", 3), Ok(None));
        for wrong in [" ", "four", "\0", "a\u{202e}b"] {
            assert!(checked_text("name", wrong, 3).is_err(), "{wrong}");
        }
        assert!(checked_text_if_given("name", "four", 3).is_err());
    }

    #[test]
    fn a_day_is_written_year_first() {
        assert_eq!(checked_day("until", " 2026-03-01 ").map(|day| day.to_string()), Ok("2026-03-01".to_owned()));
        for wrong in ["", "soon", "1.3.2026", "2026-02-30", "0001-01-01", "2026-03-01T00:00:00Z", "+12026-03-01"] {
            let error = checked_day("until", wrong).expect_err("refused");
            assert!(error.detail.ends_with("is not a day: write it as 2026-03-01"), "{}", error.detail);
        }
    }

    #[test]
    fn numbers_count_as_numbers() {
        let long = format!("R-1{}", "0".repeat(61));
        let mut names =
            [long.as_str(), "R-10", "A.5.10", "R-2", "A.5.2", "R-2a", "A.10.1", "R-99999999999999999999999"];
        names.sort_by_key(|name| natural(name));
        assert_eq!(names, ["A.5.2", "A.5.10", "A.10.1", "R-2", "R-2a", "R-10", "R-99999999999999999999999", &long]);
        assert_eq!(natural("R-007"), natural("R-7"));
    }
}

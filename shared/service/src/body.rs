use crate::strict::Strict;
use crate::{FieldError, Problem, checked_day, field_error};
use chrono::{DateTime, Datelike, NaiveTime, Utc};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// No single text may be longer; what is meant to hold more is evidence.
const LONGEST_TEXT: usize = 10_000;
const LONGEST_REASON: usize = 2_000;

/// What may come with any change, beside the command's own fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    pub reason: Option<String>,
    pub occurred_at: Option<DateTime<Utc>>,
}

/// A command's body and what was said with it. An empty body is an empty object.
pub fn parse<T: DeserializeOwned>(body: &[u8], now: DateTime<Utc>) -> Result<(T, Said), Problem> {
    let (fields, said) = fields(body, now)?;
    Ok((command(fields)?, said))
}

/// The same of a body that begins an object: what people call it may come with what is said of it.
pub fn parse_with_ref<T: DeserializeOwned>(
    body: &[u8],
    now: DateTime<Utc>,
) -> Result<(Option<String>, T, Said), Problem> {
    let (mut fields, said) = fields(body, now)?;
    let name = take_text(&mut fields, "ref")?;
    Ok((name, command(fields)?, said))
}

/// All fields of a body but those that may come with any change.
fn fields(body: &[u8], now: DateTime<Utc>) -> Result<(Map<String, Value>, Said), Problem> {
    let text = if body.trim_ascii().is_empty() { b"{}" } else { body };
    let Strict(value) = serde_json::from_slice(text)
        .map_err(|error| Problem::field("body", format!("it cannot be read as JSON: {error}")))?;
    let Value::Object(mut fields) = value else {
        return Err(Problem::field("body", "a JSON object is expected, such as {\"reason\": \"...\"}"));
    };
    let mut errors = Vec::new();
    for (name, value) in &fields {
        check(name, value, &mut errors);
    }
    let said = said(take_text(&mut fields, "reason"), take_text(&mut fields, "occurred_at"), now);
    let said = said.unwrap_or_else(|error| {
        errors.push(error);
        Said::default()
    });
    if errors.is_empty() { Ok((fields, said)) } else { Err(Problem::fields(errors)) }
}

fn command<T: DeserializeOwned>(fields: Map<String, Value>) -> Result<T, Problem> {
    serde_path_to_error::deserialize(Value::Object(fields)).map_err(|error| {
        let path = error.path().to_string();
        explain(&path, &error.into_inner().to_string())
    })
}

/// The same two from a query string, for bodies that are not JSON.
pub fn said(
    reason: Result<Option<String>, FieldError>,
    occurred_at: Result<Option<String>, FieldError>,
    now: DateTime<Utc>,
) -> Result<Said, FieldError> {
    let reason = reason?;
    if reason.as_ref().is_some_and(|reason| reason.chars().count() > LONGEST_REASON) {
        return Err(field_error("reason", format!("{LONGEST_REASON} characters are the most")));
    }
    let occurred_at = match occurred_at? {
        None => None,
        Some(text) => Some(instant("occurred_at", &text)?),
    };
    if occurred_at.is_some_and(|at| at > now) {
        return Err(field_error("occurred_at", "it lies in the future: give the instant at which it happened"));
    }
    Ok(Said { reason, occurred_at })
}

pub fn instant(field: &str, text: &str) -> Result<DateTime<Utc>, FieldError> {
    // In a query string a plus sign that was not encoded arrives as a space.
    let at = DateTime::parse_from_rfc3339(&text.trim().replace(' ', "+")).map(|at| at.to_utc()).ok();
    // What a protobuf Timestamp can say.
    at.filter(|at| (1..=9999).contains(&at.year()))
        .ok_or_else(|| field_error(field, format!("`{text}` is not an instant: write it as 2026-03-01T09:30:00Z")))
}

/// An instant, or the one at which a day begins in UTC.
pub fn beginning(field: &str, text: &str) -> Result<DateTime<Utc>, FieldError> {
    let day = checked_day(field, text).map(|day| day.and_time(NaiveTime::MIN).and_utc());
    day.or_else(|_| instant(field, text)).map_err(|_| no_day_nor_instant(field, text))
}

pub fn no_day_nor_instant(field: &str, text: &str) -> FieldError {
    let detail = format!("`{text}` is neither a day nor an instant: write 2026-03-01 or 2026-03-01T09:30:00Z");
    field_error(field, detail)
}

fn take_text(fields: &mut Map<String, Value>, name: &str) -> Result<Option<String>, FieldError> {
    match fields.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(field_error(name, "a text is expected")),
    }
}

/// Refuses what PostgreSQL cannot keep in jsonb, and endless texts.
fn check(name: &str, value: &Value, errors: &mut Vec<FieldError>) {
    match value {
        Value::String(text) if text.contains('\0') => {
            errors.push(field_error(name, "the character NUL cannot be kept: remove it"));
        }
        Value::String(text) if text.chars().count() > LONGEST_TEXT => {
            errors.push(field_error(name, format!("{LONGEST_TEXT} characters are the most")));
        }
        Value::Array(items) => items.iter().for_each(|item| check(name, item, errors)),
        Value::Object(fields) => {
            fields.iter().for_each(|(inner, value)| check(&format!("{name}.{inner}"), value, errors));
        }
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// serde names an unknown or missing field in its sentence and not in its path.
fn explain(path: &str, message: &str) -> Problem {
    let named = message
        .split('`')
        .nth(1)
        .filter(|_| ["unknown field", "missing field"].iter().any(|known| message.starts_with(known)));
    let field = match (path, named) {
        ("." | "", Some(named)) => named.to_owned(),
        ("." | "", None) => "body".to_owned(),
        (path, Some(named)) if path.rsplit('.').next() != Some(named) => format!("{path}.{named}"),
        (path, _) => path.to_owned(),
    };
    Problem::field(field, plain(message))
}

/// serde's sentence without words that only programmers know.
fn plain(message: &str) -> String {
    if message.starts_with("UUID parsing failed") {
        return "it is no id: give it as it was answered, such as 0190a0b0-0000-7000-8000-000000000000".to_owned();
    }
    let whole = |bits: &str, bounds: &str| (format!("expected {bits}"), format!("expected a whole number {bounds}"));
    let words = [
        whole("u8", "from 0 to 255"),
        whole("u16", "from 0 to 65535"),
        whole("u32", "from 0 to 4294967295"),
        whole("i64", "of 64 bits"),
        ("expected f64".to_owned(), "expected a number".to_owned()),
        ("expected a string".to_owned(), "expected a text in quotation marks".to_owned()),
        ("expected string or map".to_owned(), "expected a word in quotation marks, or an object".to_owned()),
        ("expected map with a single key".to_owned(), "expected an object with one field".to_owned()),
        ("expected a sequence".to_owned(), "expected a list in brackets".to_owned()),
        ("expected a map".to_owned(), "expected an object in braces".to_owned()),
        ("expected a boolean".to_owned(), "expected true or false".to_owned()),
    ];
    if let Some((word, expected)) =
        message.strip_prefix("unknown variant ").and_then(|rest| rest.split_once(", expected "))
    {
        return format!("{word} is not known here, expected {expected}");
    }
    if let Some((found, _)) = message.split_once(", expected struct ") {
        return format!("{found}, expected an object in braces");
    }
    let found =
        words.iter().find_map(|(theirs, ours)| Some(format!("{}{ours}", message.strip_suffix(theirs.as_str())?)));
    found.unwrap_or_else(|| message.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Said, parse};
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Accept {
        until: String,
        #[serde(default)]
        inner: Option<Inner>,
        #[serde(default)]
        colour: Option<Colour>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Colour {
        Red,
        DarkRed,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        size: u8,
    }

    fn parsed(body: &str) -> Result<(Accept, Said), String> {
        let now = "2026-03-01T09:30:00Z".parse().expect("an instant");
        parse(body.as_bytes(), now).map_err(|problem| problem.to_string())
    }

    #[test]
    fn reason_and_time_are_taken_out_before_the_command_is_read() {
        let (accept, said) =
            parsed(r#"{"until": "x", "reason": "because", "occurred_at": "2026-02-01T00:00:00+01:00"}"#).expect("read");
        assert_eq!(accept, Accept { until: "x".to_owned(), inner: None, colour: None });
        assert_eq!(said.reason.as_deref(), Some("because"));
        assert_eq!(said.occurred_at.map(|at| at.to_rfc3339()).as_deref(), Some("2026-01-31T23:00:00+00:00"));
    }

    #[test]
    fn a_plus_sign_that_was_not_encoded_is_read_all_the_same() {
        assert_eq!(
            super::instant("from", "2026-03-01T09:30:00 01:00").map(|at| at.to_rfc3339()),
            Ok("2026-03-01T08:30:00+00:00".to_owned())
        );
    }

    #[test]
    fn an_instant_that_is_none_says_how_to_write_one() {
        for wrong in ["next year", "2026-03-01", "0000-06-01T00:00:00Z", "9999-12-31T23:59:59-01:00"] {
            let error = super::instant("from", wrong).expect_err("refused");
            assert!(error.detail.ends_with("write it as 2026-03-01T09:30:00Z"), "{}", error.detail);
        }
    }

    #[test]
    fn each_mistake_names_its_field() {
        let starts = |body: &str, field: &str| {
            let detail = parsed(body).expect_err("refused");
            assert!(detail.starts_with(&format!("{field}: ")), "{body} gave {detail}");
        };
        starts("{", "body");
        starts("[]", "body");
        starts(r#"{"until": "x", "until": "y"}"#, "body");
        starts("{}", "until");
        starts(r#"{"until": 3}"#, "until");
        starts(r#"{"until": "x", "untill": "y"}"#, "untill");
        starts(r#"{"until": "x", "inner": {"size": 300}}"#, "inner.size");
        starts(r#"{"until": "x", "inner": {"size": 3, "sise": 4}}"#, "inner.sise");
        starts(r#"{"until": "x\u0000"}"#, "until");
        starts(r#"{"until": "x", "reason": 4}"#, "reason");
        starts(r#"{"until": "x", "occurred_at": "yesterday"}"#, "occurred_at");
        starts(r#"{"until": "x", "occurred_at": "2026-03-01T09:30:01Z"}"#, "occurred_at");
        starts(&format!(r#"{{"until": "{}"}}"#, "x".repeat(10_001)), "until");
    }

    #[test]
    fn what_was_expected_is_said_in_words_that_are_no_programs() {
        let told = |body: &str| parsed(body).expect_err("refused");
        let size = told(r#"{"until": "x", "inner": {"size": 300}}"#);
        assert_eq!(size, "inner.size: invalid value: integer `300`, expected a whole number from 0 to 255");
        let word = told(r#"{"until": "x", "colour": "blue"}"#);
        assert_eq!(word, "colour: `blue` is not known here, expected `red` or `dark_red`");
        let none = told(r#"{"until": "x", "colour": 3}"#);
        assert!(none.ends_with("expected a word in quotation marks, or an object"), "{none}");
        let inner = told(r#"{"until": "x", "inner": 3}"#);
        assert_eq!(inner, "inner: invalid type: integer `3`, expected an object in braces");
        let text = told(r#"{"until": 3}"#);
        assert_eq!(text, "until: invalid type: integer `3`, expected a text in quotation marks");
    }
}

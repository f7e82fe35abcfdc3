use crate::{FieldError, field_error};

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

/// A text that is not empty and not longer than `most` characters, without the space around it.
pub fn checked_text(field: &str, written: &str, most: usize) -> Result<String, FieldError> {
    let text = written.trim();
    match text.chars().count() {
        0 => Err(field_error(field, "it is empty")),
        count if count > most => Err(field_error(field, format!("it has {count} characters, and {most} are the most"))),
        _ => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::checked_ref;

    #[test]
    fn a_ref_is_a_short_name() {
        assert_eq!(checked_ref("ref", " R-7 "), Ok("R-7".to_owned()));
        for wrong in ["", "  ", "-R", "R 7", "R/7", "Ä-1", "../x", &"R".repeat(65)] {
            assert!(checked_ref("ref", wrong).is_err(), "{wrong}");
        }
    }
}

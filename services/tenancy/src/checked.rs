use service::{FieldError, field_error};

/// A language tag, such as `en` or `pt-BR`.
pub fn language(written: &str) -> Result<String, FieldError> {
    let tag = written.trim();
    let fits = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric());
    if (2..=35).contains(&tag.len()) && tag.split('-').all(fits) {
        return Ok(tag.to_owned());
    }
    Err(field_error("language", format!("`{tag}` is not a language tag: write it as en or pt-BR")))
}

/// A time zone by its name in the tz database, such as `Europe/Berlin`. Whether there is one of that name is not
/// checked: nothing here computes with it.
pub fn time_zone(written: &str) -> Result<String, FieldError> {
    let name = written.trim();
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '+' | '/' | '-');
    if (1..=64).contains(&name.len()) && name.chars().all(allowed) {
        return Ok(name.to_owned());
    }
    Err(field_error("time_zone", format!("`{name}` is not a time zone: write it as UTC or Europe/Berlin")))
}

#[cfg(test)]
mod tests {
    use super::{language, time_zone};

    #[test]
    fn languages_and_time_zones_have_their_shapes() {
        assert_eq!(language(" pt-BR "), Ok("pt-BR".to_owned()));
        for wrong in ["", "e", "en_US", "en--US", "-en", "ä1", &"x".repeat(36)] {
            assert!(language(wrong).is_err(), "{wrong}");
        }
        for right in ["UTC", "Europe/Berlin", "Etc/GMT+1", "America/Port-au-Prince"] {
            assert_eq!(time_zone(right), Ok(right.to_owned()));
        }
        for wrong in ["", "Europe Berlin", "Österreich", &"x".repeat(65)] {
            assert!(time_zone(wrong).is_err(), "{wrong}");
        }
    }
}

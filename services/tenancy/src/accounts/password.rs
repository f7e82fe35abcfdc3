use service::{FieldError, field_error};
use std::collections::BTreeSet;

const SHORTEST: usize = 12;
const LONGEST: usize = 128;

/// A password of so few different characters is a pattern.
const FEWEST: usize = 5;

/// Those of twelve characters and more that lists of stolen passwords have most often. Shorter ones are refused anyway.
const COMMONEST: &str = include_str!("commonest.txt");

/// Refuses what is guessed first (NIST SP 800-63B, 3.1.1.2; OWASP ASVS 5, V6.2). Which characters are in it is nobody's business.
/// What is told never repeats it. `names`: of the person and of the organisation.
pub fn checked(field: &str, password: &str, names: &[&str]) -> Result<(), FieldError> {
    let count = password.chars().count();
    let fault = if count < SHORTEST {
        format!(
            "it has {count} characters, and {SHORTEST} are the fewest: a few words that only you would put together do well"
        )
    } else if count > LONGEST {
        format!("it has {count} characters, and {LONGEST} are the most")
    } else if is_pattern(password) {
        "it is a pattern, which is guessed first: take a few words that only you would put together".to_owned()
    } else if is_common(password) {
        "many others have it, so it is guessed first: take a few words that only you would put together".to_owned()
    } else if names.iter().any(|name| contains(password, name)) {
        "it contains your name or the organisation's, which is guessed first: leave it out".to_owned()
    } else {
        return Ok(());
    };
    Err(field_error(field, fault))
}

fn is_common(password: &str) -> bool {
    let lower = password.to_lowercase();
    COMMONEST.lines().any(|common| common == lower)
}

/// Few different characters, or each the next of the one before, as in `abcdefghijkl` and `987654321098`.
fn is_pattern(password: &str) -> bool {
    let characters: Vec<char> = password.chars().collect();
    let different: BTreeSet<&char> = characters.iter().collect();
    let steps = |pair: &[char]| i64::from(u32::from(pair[1])) - i64::from(u32::from(pair[0]));
    // From 9 to 0 and back the digits go on.
    let is_run = |by: i64| characters.windows(2).all(|pair| steps(pair) == by || steps(pair) == -9 * by);
    different.len() < FEWEST || is_run(1) || is_run(-1)
}

/// Whatever its capitals, and whatever stands between its letters. Very short names are in everything.
fn contains(password: &str, name: &str) -> bool {
    let letters = |text: &str| text.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect::<String>();
    let name = letters(name);
    name.chars().count() >= 4 && letters(password).contains(&name)
}

#[cfg(test)]
mod tests {
    use super::{COMMONEST, SHORTEST, checked};

    fn fault(password: &str) -> Option<String> {
        checked("password", password, &["mara.k", "Larkspur Analytics", "jo"]).err().map(|error| error.detail)
    }

    #[test]
    fn long_ones_of_any_characters_are_taken() {
        for good in ["correct horse battery", "ein blaues pferd", "🐴🐴 and a blue fence", "joyful ride home"] {
            assert_eq!(fault(good), None, "{good}");
        }
        assert_eq!(fault(&"four words ".repeat(11)), None);
    }

    #[test]
    fn what_is_guessed_first_is_refused() {
        for (password, told) in [
            ("hunter2", "it has 7 characters"),
            (&*"four words ".repeat(12), "it has 132 characters"),
            ("aaaaaaaaaaaaaaa", "it is a pattern"),
            ("abababababab", "it is a pattern"),
            ("abcdefghijkl", "it is a pattern"),
            ("123456789012", "it is a pattern"),
            ("987654321098", "it is a pattern"),
            ("Password1234", "many others have it"),
            ("qwertyuiop123", "many others have it"),
            ("MARA-K is here to stay", "it contains your name"),
            ("larkspuranalytics!", "it contains your name or the organisation's"),
        ] {
            let fault = fault(password).expect(password);
            assert!(fault.starts_with(told) && !fault.contains(password), "{password}: {fault}");
        }
    }

    #[test]
    fn the_list_has_what_is_not_refused_anyway() {
        let list: Vec<&str> = COMMONEST.lines().collect();
        assert!(list.len() > 50);
        for common in list {
            assert!(common.chars().count() >= SHORTEST && common.to_lowercase() == common, "{common}");
        }
    }
}

use crate::one_time::{digest, random};
use service::Problem;
use totp_rs::{Algorithm, TOTP};

const DIGITS: usize = 6;
const STEP_S: u64 = 30;
/// Clocks may differ by so many steps.
const SKEW: u64 = 1;
const SECRET: usize = 20;

const RECOVERY_CODES: usize = 10;
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// What an authenticator app shares with us (RFC 6238).
pub struct Authenticator(TOTP);

impl Authenticator {
    pub fn new(person: &str) -> Result<Self, Problem> {
        Self::of(random::<SECRET>()?.to_vec(), person).ok_or_else(Problem::internal)
    }

    pub fn of(secret: Vec<u8>, person: &str) -> Option<Self> {
        let skew = u8::try_from(SKEW).ok()?;
        let totp =
            TOTP::new(Algorithm::SHA1, DIGITS, skew, STEP_S, secret, Some("Stele".to_owned()), person.to_owned());
        totp.ok().map(Self)
    }

    pub fn secret(&self) -> &[u8] {
        &self.0.secret
    }

    /// As it is typed into an app.
    pub fn secret_text(&self) -> String {
        self.0.get_secret_base32()
    }

    /// As it stands in the picture that an app reads.
    pub fn url(&self) -> String {
        self.0.get_url()
    }

    /// The step whose code this is, if it is one of about `now` and after `last`.
    pub fn step_of(&self, code: &str, now: i64, last: i64) -> Option<i64> {
        let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
        let step = u64::try_from(now).ok()? / STEP_S;
        let steps = step.saturating_sub(SKEW)..=step + SKEW;
        // All are compared, whichever fits.
        let fits: Vec<u64> = steps.filter(|step| is_same(&self.0.generate(step * STEP_S), &code)).collect();
        fits.into_iter().filter_map(|step| i64::try_from(step).ok()).find(|step| *step > last)
    }
}

fn is_same(left: &str, right: &str) -> bool {
    use subtle::ConstantTimeEq;
    left.as_bytes().ct_eq(right.as_bytes()).into()
}

/// For who lost the app. Each counts once, and only its SHA-256 is kept: it has 80 random bits.
pub struct RecoveryCodes(pub Vec<String>);

impl RecoveryCodes {
    pub fn new() -> Result<Self, Problem> {
        (0..RECOVERY_CODES).map(|_| recovery_code()).collect::<Result<_, _>>().map(Self)
    }

    pub fn digests(&self) -> Vec<String> {
        self.0.iter().map(|code| recovery_digest(code)).collect()
    }
}

fn recovery_code() -> Result<String, Problem> {
    let random: [u8; 16] = random()?;
    let letters: String = random.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect();
    let parts: Vec<&str> = [0, 4, 8, 12].map(|at| &letters[at..at + 4]).to_vec();
    Ok(parts.join("-"))
}

/// Whatever its capitals, and with or without what stands between its parts.
pub fn recovery_digest(code: &str) -> String {
    let letters: String = code.chars().filter(char::is_ascii_alphanumeric).collect();
    digest(letters.to_ascii_lowercase().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::{Authenticator, RecoveryCodes, recovery_digest};
    use std::collections::BTreeSet;

    fn authenticator() -> Authenticator {
        Authenticator::of(b"12345678901234567890".to_vec(), "mara").expect("a secret")
    }

    /// RFC 6238, appendix B, the last six digits.
    #[test]
    fn codes_are_those_of_the_standard() {
        for (now, code) in [(59, "287082"), (1_111_111_109, "081804"), (2_000_000_000, "279037")] {
            assert_eq!(authenticator().step_of(code, now, 0), Some(now / 30), "{now}");
        }
        assert_eq!(authenticator().step_of("287 082", 59, 0), Some(1));
        assert!(authenticator().url().starts_with("otpauth://totp/Stele:mara?secret="), "{}", authenticator().url());
    }

    #[test]
    fn a_code_counts_about_its_time_and_once() {
        let code = "081804";
        let now = 1_111_111_109;
        let step = now / 30;
        for (now, is_right) in [(now - 60, false), (now - 30, true), (now, true), (now + 30, true), (now + 60, false)] {
            assert_eq!(authenticator().step_of(code, now, 0).is_some(), is_right, "{now}");
        }
        assert_eq!(authenticator().step_of(code, now, step), None, "it was taken");
        for wrong in ["", "08180", "0818044", "081805", "abcdef"] {
            assert_eq!(authenticator().step_of(wrong, now, 0), None, "{wrong}");
        }
    }

    #[test]
    fn recovery_codes_differ_and_read_as_they_are_typed() {
        let codes = RecoveryCodes::new().expect("random");
        let digests: BTreeSet<String> = codes.digests().into_iter().collect();
        assert_eq!(digests.len(), 10);
        let code = &codes.0[0];
        assert_eq!(code.len(), 19, "{code}");
        assert!(digests.contains(&recovery_digest(&code.to_uppercase().replace('-', " "))));
        assert!(!digests.contains(&recovery_digest("aaaa-aaaa-aaaa-aaaa")));
    }
}

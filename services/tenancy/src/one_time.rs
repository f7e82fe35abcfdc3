use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom, SystemRandom};
use service::Problem;
use sha2::{Digest, Sha256};
use std::fmt::Write;

const BYTES: usize = 32;

/// A secret that is given once and taken once. Of it SHA-256 is kept: it has 256 random bits, so nobody guesses one that fits.
#[derive(Clone, PartialEq, Eq)]
pub struct OneTime([u8; BYTES]);

impl OneTime {
    pub fn new() -> Result<Self, Problem> {
        random().map(Self)
    }

    /// What `text` says, where it begins with `mark` and is whole.
    pub fn read(mark: &str, text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text.trim().strip_prefix(mark)?).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// What its holder is given. By its `mark`, who finds one lying about knows what it is.
    pub fn text(&self, mark: &str) -> String {
        mark.to_owned() + &URL_SAFE_NO_PAD.encode(self.0)
    }

    pub fn digest(&self) -> String {
        digest(&self.0)
    }
}

/// SHA-256, in hexadecimal digits.
pub fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

pub fn random<const N: usize>() -> Result<[u8; N], Problem> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| {
        tracing::error!("the machine gives no randomness");
        Problem::internal()
    })?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::OneTime;

    #[test]
    fn it_reads_as_it_was_given_and_nothing_else_does() {
        let one = OneTime::new().expect("random");
        let text = one.text("stele-link_");
        let read = |text: &str| OneTime::read("stele-link_", text).map(|read| read.digest());
        assert_eq!(read(&text), Some(one.digest()));
        assert_eq!(read(&format!(" {text}\n")), Some(one.digest()));
        for wrong in ["", "stele-link_", &text[..text.len() - 2], &text.replace("link", "other"), &format!("{text}AA")]
        {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        assert_ne!(OneTime::new().expect("random").digest(), one.digest());
    }
}

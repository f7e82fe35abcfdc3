use eventstore::TenantId;
use ring::rand::{SecureRandom, SystemRandom};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use subtle::ConstantTimeEq;
use uuid::Uuid;

/// What a key and a grant begin with, so that who finds one lying about knows what it is.
pub const MARK: &str = "stele_";

/// What a grant goes on with.
const GRANT: &str = "grant_";

const TENANT: usize = 32;
const ID: usize = 16;
const SECRET: usize = 64;
const CHECK: usize = 8;

/// What somebody comes by who has no account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A program, with an API key.
    Key,
    /// An auditor, with a grant.
    Grant,
}

/// A key as its holder sends it: `stele_<tenant><id>_<secret><crc>` in hexadecimal digits; a grant: `stele_grant_` and so on. It
/// leads to its tenant by itself, and one that was copied badly is recognised by its last eight digits.
#[derive(PartialEq, Eq)]
pub struct Secret {
    pub kind: Kind,
    pub tenant: TenantId,
    /// The key's own id, by which it is listed and its acts are recorded.
    pub id: String,
    random: String,
}

impl Secret {
    /// A new one; nothing where the machine has no randomness.
    pub fn new(kind: Kind, tenant: TenantId) -> Option<Self> {
        let (mut id, mut secret) = ([0; ID / 2], [0; SECRET / 2]);
        let random = SystemRandom::new();
        random.fill(&mut id).and_then(|()| random.fill(&mut secret)).ok()?;
        Some(Self { kind, tenant, id: hex(&id), random: hex(&secret) })
    }

    /// What `text` says, where it is whole.
    pub fn read(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(MARK)?;
        let (kind, rest) = rest.strip_prefix(GRANT).map_or((Kind::Key, rest), |rest| (Kind::Grant, rest));
        let is_hex = rest.bytes().all(|byte| byte == b'_' || byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        let (place, rest) = rest.split_once('_').filter(|_| is_hex)?;
        if place.len() != TENANT + ID || rest.len() != SECRET + CHECK {
            return None;
        }
        let ((tenant, id), (secret, check)) = (place.split_at(TENANT), rest.split_at(SECRET));
        let tenant = TenantId(Uuid::try_parse(tenant).ok()?);
        let read = Self { kind, tenant, id: id.to_owned(), random: secret.to_owned() };
        (read.check() == check).then_some(read)
    }

    /// What its holder is given, once.
    pub fn text(&self) -> String {
        self.whole() + &self.check()
    }

    /// What is kept of it. The secret has 256 random bits: nobody guesses one that fits.
    pub fn digest(&self) -> String {
        hex(&Sha256::digest(&self.random))
    }

    /// Whether it is the one of which that is kept, in a time that does not tell how much of it is right.
    pub fn fits(&self, digest: &str) -> bool {
        self.digest().as_bytes().ct_eq(digest.as_bytes()).into()
    }

    fn whole(&self) -> String {
        let kind = match self.kind {
            Kind::Key => "",
            Kind::Grant => GRANT,
        };
        format!("{MARK}{kind}{}{}_{}", self.tenant.0.simple(), self.id, self.random)
    }

    fn check(&self) -> String {
        format!("{:08x}", crc32fast::hash(self.whole().as_bytes()))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::{Kind, Secret};
    use eventstore::TenantId;

    fn secret() -> Secret {
        Secret::new(Kind::Key, TenantId::random()).expect("random")
    }

    #[test]
    fn a_key_reads_as_it_was_given() {
        let secret = secret();
        let text = secret.text();
        assert!(text.starts_with("stele_") && text.len() == 6 + 48 + 1 + 72, "{text}");
        let read = Secret::read(&text).expect("whole");
        assert!(read == secret && read.fits(&secret.digest()));
        assert!(!read.fits("") && !read.fits(&self::secret().digest()));
    }

    #[test]
    fn a_grant_reads_as_one_and_is_made_of_no_key() {
        let grant = Secret::new(Kind::Grant, TenantId::random()).expect("random");
        let text = grant.text();
        assert!(text.starts_with("stele_grant_"), "{text}");
        assert!(Secret::read(&text).expect("whole") == grant);
        assert!(Secret::read(&text.replacen("grant_", "", 1)).is_none());
        assert!(Secret::read(&secret().text().replacen("stele_", "stele_grant_", 1)).is_none());
    }

    #[test]
    fn one_that_was_copied_badly_is_none() {
        let text = secret().text();
        assert!(Secret::read(&text[..text.len() - 1]).is_none());
        assert!(Secret::read(&text.to_uppercase()).is_none());
        assert!(Secret::read(&format!("{text}0")).is_none());
        for at in [6, 40, 60, text.len() - 1] {
            let other = if text.as_bytes()[at] == b'0' { "1" } else { "0" };
            let altered = format!("{}{other}{}", &text[..at], &text[at + 1..]);
            assert!(Secret::read(&altered).is_none(), "{at}");
        }
        for nothing in ["", "stele_", "stele__", "stele_ä", "eyJ"] {
            assert!(Secret::read(nothing).is_none(), "{nothing}");
        }
    }
}

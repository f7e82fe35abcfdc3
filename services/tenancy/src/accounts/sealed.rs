use crate::one_time::random;
use access::Issuer;
use eventstore::TenantId;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use service::Problem;

/// Seals what has to be read again, such as an authenticator's secret: who has the database alone cannot read it. The key follows
/// from the issuer's, and is nowhere kept.
pub struct Sealer([u8; 32]);

impl Sealer {
    pub fn of(issuer: &Issuer) -> Self {
        Self(issuer.key_for("accounts: authenticator secrets"))
    }

    fn key(&self) -> Option<LessSafeKey> {
        UnboundKey::new(&CHACHA20_POLY1305, &self.0).ok().map(LessSafeKey::new)
    }

    /// It opens for the same person alone.
    pub fn seal(&self, organisation: TenantId, person: &str, secret: &[u8]) -> Result<Vec<u8>, Problem> {
        let nonce: [u8; NONCE_LEN] = random()?;
        let (mut sealed, whose) = (secret.to_vec(), Aad::from(format!("{organisation} {person}")));
        let nonce_once = Nonce::assume_unique_for_key(nonce);
        let done = self.key().and_then(|key| key.seal_in_place_append_tag(nonce_once, whose, &mut sealed).ok());
        done.ok_or_else(Problem::internal)?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Nothing where it was sealed for somebody else, altered, or sealed by another issuer's key.
    pub fn open(&self, organisation: TenantId, person: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN)?;
        let (mut secret, whose) = (sealed.to_vec(), Aad::from(format!("{organisation} {person}")));
        let opened =
            self.key()?.open_in_place(Nonce::try_assume_unique_for_key(nonce).ok()?, whose, &mut secret).ok()?;
        Some(opened.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::Sealer;
    use access::Issuer;
    use eventstore::TenantId;

    fn sealer(digit: &str) -> Sealer {
        Sealer::of(&Issuer::from_seed(&digit.repeat(64)).expect("a key").0)
    }

    #[test]
    fn it_opens_for_whom_it_was_sealed() {
        let (keeper, ours) = (sealer("a"), TenantId::random());
        let sealed = keeper.seal(ours, "mara", b"secret").expect("sealed");
        assert_eq!(keeper.open(ours, "mara", &sealed).as_deref(), Some(b"secret".as_slice()));
        assert_eq!(keeper.open(ours, "olga", &sealed), None);
        assert_eq!(keeper.open(TenantId::random(), "mara", &sealed), None);
        assert_eq!(sealer("b").open(ours, "mara", &sealed), None);
        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert_eq!(keeper.open(ours, "mara", &altered), None, "{at}");
        }
        assert_eq!(keeper.open(ours, "mara", &sealed[..5]), None);
        assert!(!sealed.windows(6).any(|part| part == b"secret"));
    }
}

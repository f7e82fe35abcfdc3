use crate::{Providers, crypto};
use chrono::{DateTime, Duration, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// No address, as the name of every other issuer is.
pub(crate) const ISSUER: &str = "stele-local";
const AUDIENCE: &str = "stele";

/// Tolerated difference between clocks.
pub(crate) const SKEW_SECONDS: u64 = 30;

/// Whom a bearer token stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// A person's identifier: a short handle of their organisation's, never a name or an address.
    pub person: String,
    pub organisation: Uuid,
    /// Administers the organisation, and with it the tenants that it owns.
    pub administrator: bool,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("the bearer token has expired: ask for a new one")]
    Expired,
    #[error("the bearer token is not one of this installation")]
    Foreign,
    #[error("the bearer token is good from a later moment on: compare the clocks")]
    Early,
    #[error("the keys of {0} cannot be had now, and without them no token of it can be checked: try again")]
    Unreachable(String),
    #[error("the key is not 64 hexadecimal digits")]
    Key,
    #[error("a token could not be signed: {0}")]
    Signing(String),
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    org: Uuid,
    #[serde(default)]
    admin: bool,
    iat: i64,
    exp: i64,
    jti: Uuid,
}

/// Signs tokens: tenancy's part.
#[derive(Clone)]
pub struct Issuer {
    key: EncodingKey,
}

/// Checks tokens: every service's part. It cannot sign one.
#[derive(Clone)]
pub struct Verifier {
    key: DecodingKey,
    providers: Providers,
}

impl Issuer {
    /// `seed`: the secret key, 32 bytes as 64 hexadecimal digits.
    pub fn from_seed(seed: &str) -> Result<(Self, Verifier), TokenError> {
        let (seed, public) = (bytes(seed)?, public(seed)?);
        crypto::ready();
        Ok((Self { key: EncodingKey::from_ed_der(&seed) }, Verifier::of(&public)))
    }

    /// The public key that belongs to `seed`, as 64 hexadecimal digits: what verifiers are given.
    pub fn public(seed: &str) -> Result<String, TokenError> {
        Ok(public(seed)?.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}")))
    }

    /// A key for another purpose than signing. It tells nothing of the signing key, nor of that of a third purpose.
    pub fn key_for(&self, purpose: &str) -> [u8; 32] {
        let tag =
            ring::hmac::sign(&ring::hmac::Key::new(ring::hmac::HMAC_SHA256, self.key.as_bytes()), purpose.as_bytes());
        let mut key = [0; 32];
        key.copy_from_slice(tag.as_ref());
        key
    }

    /// A token for `caller`, good for `lifetime` from `now` on.
    pub fn issue(&self, caller: &Caller, now: DateTime<Utc>, lifetime: Duration) -> Result<String, TokenError> {
        self.issue_as(Uuid::new_v4(), caller, now, lifetime)
    }

    /// The same with an id of the caller's choice (`jti`), by which a record can name the token without holding it.
    pub fn issue_as(
        &self,
        id: Uuid,
        caller: &Caller,
        now: DateTime<Utc>,
        lifetime: Duration,
    ) -> Result<String, TokenError> {
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: caller.person.clone(),
            org: caller.organisation,
            admin: caller.administrator,
            iat: now.timestamp(),
            exp: (now + lifetime).timestamp(),
            jti: id,
        };
        encode(&Header::new(Algorithm::EdDSA), &claims, &self.key)
            .map_err(|error| TokenError::Signing(error.to_string()))
    }
}

impl Verifier {
    /// `public`: the public key, 32 bytes as 64 hexadecimal digits.
    pub fn from_public(public: &str) -> Result<Self, TokenError> {
        let public = bytes(public)?;
        crypto::ready();
        Ok(Self::of(&public))
    }

    fn of(public: &[u8]) -> Self {
        Self { key: DecodingKey::from_ed_der(public), providers: Providers::default() }
    }

    /// Tokens of these identity providers count beside the local issuer's.
    #[must_use]
    pub fn trusting(self, providers: Providers) -> Self {
        Self { providers, ..self }
    }

    pub fn providers(&self) -> &Providers {
        &self.providers
    }

    /// Whom a token of the local issuer stands for.
    pub fn verify(&self, token: &str) -> Result<Caller, TokenError> {
        // A token of another kind must not pass for one of ours, whatever it is signed with.
        let header = decode_header(token).map_err(|_| TokenError::Foreign)?;
        if header.typ.as_deref() != Some("JWT") {
            return Err(TokenError::Foreign);
        }
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.leeway = SKEW_SECONDS;
        let token = decode::<Claims>(token, &self.key, &validation).map_err(|error| {
            let expired = matches!(error.kind(), jsonwebtoken::errors::ErrorKind::ExpiredSignature);
            if expired { TokenError::Expired } else { TokenError::Foreign }
        })?;
        let Claims { sub, org, admin, .. } = token.claims;
        Ok(Caller { person: sub, organisation: org, administrator: admin })
    }
}

fn public(seed: &str) -> Result<Vec<u8>, TokenError> {
    let key = Ed25519KeyPair::from_seed_unchecked(&bytes(seed)?).map_err(|_| TokenError::Key)?;
    Ok(key.public_key().as_ref().to_vec())
}

fn bytes(seed: &str) -> Result<[u8; 32], TokenError> {
    let seed = seed.trim();
    let mut bytes = [0; 32];
    if seed.len() != 64 || !seed.is_ascii() {
        return Err(TokenError::Key);
    }
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&seed[index * 2..index * 2 + 2], 16).map_err(|_| TokenError::Key)?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::{Caller, Issuer, TokenError, Verifier};
    use chrono::{Duration, TimeDelta, Utc};
    use uuid::Uuid;

    fn seed(digit: &str) -> String {
        digit.repeat(64)
    }

    fn caller() -> Caller {
        Caller { person: "mara".to_owned(), organisation: Uuid::new_v4(), administrator: true }
    }

    #[expect(clippy::disallowed_methods, reason = "the verifier compares with the real clock")]
    fn now() -> chrono::DateTime<Utc> {
        Utc::now()
    }

    #[test]
    fn a_token_comes_back_as_its_caller() {
        let (issuer, verifier) = Issuer::from_seed(&seed("a")).expect("a key");
        let token = issuer.issue(&caller(), now(), Duration::hours(1)).expect("signed");
        assert_eq!(verifier.verify(&token).map(|caller| caller.person), Ok("mara".to_owned()));
        let public = Verifier::from_public(&Issuer::public(&seed("a")).expect("a key")).expect("a key");
        assert_eq!(public.verify(&token).map(|caller| caller.person), Ok("mara".to_owned()));
    }

    #[test]
    fn expired_foreign_altered_and_unsigned_tokens_are_refused() {
        let (issuer, verifier) = Issuer::from_seed(&seed("a")).expect("a key");
        let (stranger, _) = Issuer::from_seed(&seed("b")).expect("a key");
        let old = issuer.issue(&caller(), now() - TimeDelta::hours(2), Duration::hours(1)).expect("signed");
        assert_eq!(verifier.verify(&old), Err(TokenError::Expired));
        let foreign = stranger.issue(&caller(), now(), Duration::hours(1)).expect("signed");
        assert_eq!(verifier.verify(&foreign), Err(TokenError::Foreign));
        let good = issuer.issue(&caller(), now(), Duration::hours(1)).expect("signed");
        let parts: Vec<&str> = good.split('.').collect();
        let other = issuer.issue(&caller(), now(), Duration::hours(9)).expect("signed");
        let claims = other.split('.').nth(1).expect("claims");
        assert_eq!(verifier.verify(&format!("{}.{claims}.{}", parts[0], parts[2])), Err(TokenError::Foreign));
        // {"alg":"none","typ":"JWT"}
        assert_eq!(
            verifier.verify(&format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{claims}.")),
            Err(TokenError::Foreign)
        );
        assert_eq!(verifier.verify("nonsense"), Err(TokenError::Foreign));
    }

    #[test]
    fn a_purpose_has_a_key_of_its_own() {
        let (issuer, _) = Issuer::from_seed(&seed("a")).expect("a key");
        let (other, _) = Issuer::from_seed(&seed("b")).expect("a key");
        let key = issuer.key_for("one");
        assert_eq!(issuer.key_for("one"), key);
        for another in [issuer.key_for("two"), other.key_for("one"), [0xaa; 32]] {
            assert_ne!(another, key);
        }
    }

    #[test]
    fn a_key_of_another_length_is_refused() {
        assert_eq!(Issuer::from_seed("abc").err(), Some(TokenError::Key));
        assert_eq!(Issuer::from_seed(&"z".repeat(64)).err(), Some(TokenError::Key));
    }
}

use crate::crypto;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, Header};
use serde_json::Value;

/// The keys that a provider publishes (RFC 7517), those among them that tokens can be checked with.
#[derive(Debug)]
pub struct KeySet(Vec<Key>);

#[derive(Debug)]
struct Key {
    id: Option<String>,
    /// What the key is for, where the provider says so.
    algorithm: Option<Algorithm>,
    decoding: DecodingKey,
}

impl KeySet {
    /// A key that is of no use here (for encryption, of an unknown kind, a shared secret) is left out: others may be.
    pub fn of(keys: &[Value]) -> Self {
        Self(keys.iter().filter_map(Key::of).collect())
    }

    /// The key by which a token of this header is checked. One that names no key is checked only where there is no choice.
    pub fn find(&self, header: &Header) -> Option<&DecodingKey> {
        let mut fitting = self.0.iter().filter(|key| key.fits(header.alg));
        match &header.kid {
            Some(id) => fitting.find(|key| key.id.as_ref() == Some(id)),
            None => fitting.next().filter(|_| fitting.next().is_none()),
        }
        .map(|key| &key.decoding)
    }
}

impl Key {
    fn of(value: &Value) -> Option<Self> {
        let text = |name: &str| value.get(name).map(|value| value.as_str().unwrap_or_default());
        if text("use").is_some_and(|used| used != "sig") {
            return None;
        }
        let algorithm = match text("alg") {
            None => None,
            Some(name) => Some(name.parse().ok()?),
        };
        let jwk: Jwk = serde_json::from_value(value.clone()).ok()?;
        let decoding = DecodingKey::from_jwk(&jwk).ok()?;
        let usable = !crypto::algorithms(decoding.family()).is_empty();
        usable.then(|| Self { id: text("kid").map(str::to_owned), algorithm, decoding })
    }

    fn fits(&self, algorithm: Algorithm) -> bool {
        let is_meant = self.algorithm.is_none_or(|meant| meant == algorithm);
        is_meant && crypto::algorithms(self.decoding.family()).contains(&algorithm)
    }
}

#[cfg(test)]
mod tests {
    use super::KeySet;
    use jsonwebtoken::{Algorithm, Header};
    use serde_json::{Value, json};

    fn rsa(id: &str) -> Value {
        json!({"kty": "RSA", "kid": id, "n": "AQAB", "e": "AQAB"})
    }

    fn header(algorithm: Algorithm, key: Option<&str>) -> Header {
        Header { kid: key.map(str::to_owned), ..Header::new(algorithm) }
    }

    #[test]
    fn a_token_names_its_key_where_there_is_a_choice() {
        let (one, two) = (KeySet::of(&[rsa("a")]), KeySet::of(&[rsa("a"), rsa("b")]));
        assert!(one.find(&header(Algorithm::RS256, None)).is_some());
        assert!(two.find(&header(Algorithm::RS256, None)).is_none());
        assert!(two.find(&header(Algorithm::PS256, Some("b"))).is_some());
        assert!(two.find(&header(Algorithm::RS256, Some("c"))).is_none());
    }

    #[test]
    fn a_key_serves_its_own_algorithms_only() {
        let curve = json!({"kty": "EC", "crv": "P-256", "kid": "c", "x": "AQAB", "y": "AQAB"});
        let keys = KeySet::of(&[rsa("a"), curve]);
        for algorithm in [Algorithm::HS256, Algorithm::ES256, Algorithm::EdDSA] {
            assert!(keys.find(&header(algorithm, Some("a"))).is_none(), "{algorithm:?}");
        }
        assert!(keys.find(&header(Algorithm::ES256, Some("c"))).is_some());
        let mut meant = rsa("a");
        meant["alg"] = json!("PS256");
        assert!(KeySet::of(&[meant]).find(&header(Algorithm::RS256, Some("a"))).is_none());
    }

    #[test]
    fn what_no_token_is_checked_with_is_left_out() {
        let mut encrypts = rsa("a");
        encrypts["use"] = json!("enc");
        let mut other = rsa("a");
        other["alg"] = json!("RSA-OAEP");
        let secret = json!({"kty": "oct", "kid": "a", "k": "c2VjcmV0"});
        let curve = json!({"kty": "EC", "crv": "secp256k1", "kid": "a", "x": "AQAB", "y": "AQAB"});
        assert!(KeySet::of(&[encrypts, other, secret, curve, json!(3), json!({})]).0.is_empty());
    }
}

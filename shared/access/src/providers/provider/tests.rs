//! Tokens as they could be forged or go stale; those of a real provider are in tests/it.

use super::{KeySet, Provider, SKEW_SECONDS, Web};
use crate::TokenError;
use crate::providers::Trusted;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, get_current_timestamp};
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};
use std::sync::{Arc, RwLock};
use uuid::Uuid;

const ISSUER: &str = "https://id.example.org";
const SEED: [u8; 32] = [7; 32];

/// The seed's public key, as a provider would publish it.
fn public() -> Vec<u8> {
    Ed25519KeyPair::from_seed_unchecked(&SEED).expect("a key").public_key().as_ref().to_vec()
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

fn provider() -> Provider {
    let trusted = Trusted { issuer: ISSUER.to_owned(), audience: "stele".to_owned(), organisation: Uuid::from_u128(1) };
    let provider = Provider::new(trusted, Web::new().expect("certificates"));
    let key = json!({"kty": "OKP", "crv": "Ed25519", "kid": "k", "x": base64(&public())});
    Provider { keys: RwLock::new(Some(Arc::new(KeySet::of(&[key])))), ..provider }
}

fn header() -> Header {
    Header { kid: Some("k".to_owned()), ..Header::new(Algorithm::EdDSA) }
}

fn claims() -> Value {
    json!({"iss": ISSUER, "aud": "stele", "sub": "mara", "exp": get_current_timestamp() + 60})
}

/// The claims with one of them changed, or gone where it is null.
fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn signed(header: &Header, claims: &Value) -> String {
    encode(header, claims, &EncodingKey::from_ed_der(&SEED)).expect("signed")
}

async fn verified(claims: &Value) -> Result<String, TokenError> {
    provider().verify(&signed(&header(), claims)).await
}

#[tokio::test]
async fn a_token_stands_for_its_subject() {
    assert_eq!(verified(&claims()).await, Ok("mara".to_owned()));
    assert_eq!(verified(&with("aud", json!(["other", "stele"]))).await, Ok("mara".to_owned()));
}

#[tokio::test]
async fn clocks_may_differ_a_little() {
    let now = get_current_timestamp();
    let (within, beyond) = (SKEW_SECONDS - 5, SKEW_SECONDS + 5);
    assert_eq!(verified(&with("exp", json!(now - within))).await, Ok("mara".to_owned()));
    assert_eq!(verified(&with("exp", json!(now - beyond))).await, Err(TokenError::Expired));
    assert_eq!(verified(&with("nbf", json!(now + within))).await, Ok("mara".to_owned()));
    assert_eq!(verified(&with("nbf", json!(now + beyond))).await, Err(TokenError::Early));
}

#[tokio::test]
async fn what_a_token_must_say_is_there_and_right() {
    for (name, wrong) in [
        ("iss", json!("https://id.example.com")),
        ("iss", json!([ISSUER, "https://id.example.com"])),
        ("aud", json!("other")),
        ("aud", json!([])),
        ("sub", json!("")),
        ("sub", json!("x".repeat(256))),
        ("sub", json!(7)),
        ("exp", json!("soon")),
        ("nbf", json!("soon")),
    ] {
        assert_eq!(verified(&with(name, wrong.clone())).await, Err(TokenError::Foreign), "{name} {wrong}");
    }
    for name in ["iss", "aud", "sub", "exp"] {
        assert_eq!(verified(&with(name, Value::Null)).await, Err(TokenError::Foreign), "{name}");
    }
}

#[tokio::test]
async fn a_token_of_another_purpose_is_refused() {
    let provider = provider();
    let of = |kind: Option<&str>| signed(&Header { typ: kind.map(str::to_owned), ..header() }, &claims());
    for kind in [None, Some("JWT"), Some("at+jwt"), Some("application/at+JWT")] {
        assert_eq!(provider.verify(&of(kind)).await, Ok("mara".to_owned()), "{kind:?}");
    }
    for kind in ["logout+jwt", "dpop+jwt", "secevent+jwt", ""] {
        assert_eq!(provider.verify(&of(Some(kind))).await, Err(TokenError::Foreign), "{kind}");
    }
    let critical = Header { crit: Some(vec!["exp".to_owned()]), ..header() };
    assert_eq!(provider.verify(&signed(&critical, &claims())).await, Err(TokenError::Foreign));
}

/// The classic forgeries: no signature, and the public key taken for a shared secret.
#[tokio::test]
async fn another_algorithm_than_the_keys_is_refused() {
    let provider = provider();
    let parts = |header: Value| {
        format!("{}.{}", base64(header.to_string().as_bytes()), base64(claims().to_string().as_bytes()))
    };
    for none in ["none", "None", ""] {
        let unsigned = format!("{}.", parts(json!({"alg": none, "typ": "JWT", "kid": "k"})));
        assert_eq!(provider.verify(&unsigned).await, Err(TokenError::Foreign), "{none}");
    }
    let confused = parts(json!({"alg": "HS256", "typ": "JWT", "kid": "k"}));
    let secret = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &public());
    let confused = format!("{confused}.{}", base64(ring::hmac::sign(&secret, confused.as_bytes()).as_ref()));
    assert_eq!(provider.verify(&confused).await, Err(TokenError::Foreign));
    for algorithm in ["RS256", "PS256", "ES256"] {
        let signature =
            signed(&header(), &claims()).rsplit_once('.').map(|(_, last)| last.to_owned()).expect("three parts");
        let other = format!("{}.{signature}", parts(json!({"alg": algorithm, "typ": "JWT", "kid": "k"})));
        assert_eq!(provider.verify(&other).await, Err(TokenError::Foreign), "{algorithm}");
    }
}

#[tokio::test]
async fn a_key_that_a_token_brings_along_is_not_asked() {
    let (provider, own) = (provider(), "9".repeat(32));
    let theirs = Ed25519KeyPair::from_seed_unchecked(own.as_bytes()).expect("a key");
    let x = base64(theirs.public_key().as_ref());
    let jwk = serde_json::from_value(json!({"kty": "OKP", "crv": "Ed25519", "kid": "k", "x": x})).expect("a key");
    let forged = Header { jwk: Some(jwk), ..header() };
    let forged = encode(&forged, &claims(), &EncodingKey::from_ed_der(own.as_bytes())).expect("signed");
    assert_eq!(provider.verify(&forged).await, Err(TokenError::Foreign));
}

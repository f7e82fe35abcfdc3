use super::documents::Web;
use super::key_set::KeySet;
use super::trusted::Trusted;
use crate::token::SKEW_SECONDS;
use crate::{TokenError, crypto};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{DecodingKey, Header, Validation, decode, decode_header};
use serde::Deserialize;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// What lies at least between two times that a provider is asked, however many tokens name keys that nobody knows.
const PAUSE: Duration = Duration::from_secs(5);

/// How often it is asked without a cause: so long a key that the provider took back may still count.
const ROUND: Duration = Duration::from_secs(300);

/// What OpenID Connect allows a subject to have.
const LONGEST_SUBJECT: usize = 255;

/// One identity provider, and its keys as they were published last: they count until it publishes others.
pub struct Provider {
    pub trusted: Trusted,
    web: Web,
    /// Nothing until the provider answered for the first time.
    keys: RwLock<Option<Arc<KeySet>>>,
    /// When it was asked last. Who asks holds it: the others wait for that answer.
    asked: Mutex<Option<Instant>>,
}

#[derive(Deserialize)]
struct Claims {
    /// One text: a list of issuers, which the check by itself would let pass, is refused here.
    #[expect(dead_code, reason = "only that it is a text counts: the check compares it")]
    iss: String,
    sub: String,
}

impl Provider {
    pub fn new(trusted: Trusted, web: Web) -> Self {
        crypto::ready();
        Self { trusted, web, keys: RwLock::default(), asked: Mutex::default() }
    }

    /// The subject that the token stands for.
    pub async fn verify(&self, token: &str) -> Result<String, TokenError> {
        let header = decode_header(token).map_err(|_| TokenError::Foreign)?;
        if !is_access_token(&header) {
            return Err(TokenError::Foreign);
        }
        if let Some(key) = self.key(&header) {
            return self.checked(token, &header, &key);
        }
        self.ask(Some(&header)).await;
        match self.key(&header) {
            Some(key) => self.checked(token, &header, &key),
            None if self.known().is_none() => Err(TokenError::Unreachable(self.trusted.issuer.clone())),
            None => Err(TokenError::Foreign),
        }
    }

    fn checked(&self, token: &str, header: &Header, key: &DecodingKey) -> Result<String, TokenError> {
        // The key was chosen for this algorithm, and the key's family bounds what that can be.
        let mut validation = Validation::new(header.alg);
        validation.set_issuer(&[&self.trusted.issuer]);
        validation.set_audience(&[&self.trusted.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.validate_nbf = true;
        validation.leeway = SKEW_SECONDS;
        let claims = decode::<Claims>(token, key, &validation).map_err(|error| told(&error))?;
        let subject = claims.claims.sub;
        let fits = !subject.is_empty() && subject.len() <= LONGEST_SUBJECT;
        fits.then_some(subject).ok_or(TokenError::Foreign)
    }

    /// Keeps the keys as they are published, until it is dropped.
    pub async fn keep_up(&self) {
        loop {
            self.ask(None).await;
            let pause = if self.known().is_some() { ROUND } else { PAUSE };
            tokio::time::sleep(pause).await;
        }
    }

    /// Reads the published keys, unless that was done a moment ago or a token of `header` can be checked meanwhile. Where the
    /// provider does not answer, the known keys stay.
    async fn ask(&self, header: Option<&Header>) {
        let mut asked = self.asked.lock().await;
        let is_known = header.is_some_and(|header| self.key(header).is_some());
        if is_known || asked.is_some_and(|asked| asked.elapsed() < PAUSE) {
            return;
        }
        // First: a request that goes away in the middle has asked all the same.
        *asked = Some(Instant::now());
        let issuer = &self.trusted.issuer;
        match self.web.keys(issuer).await {
            Ok(keys) => *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(keys)),
            Err(error) => tracing::warn!(issuer, %error, "the keys of an identity provider cannot be had"),
        }
    }

    fn known(&self) -> Option<Arc<KeySet>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn key(&self, header: &Header) -> Option<DecodingKey> {
        self.known()?.find(header).cloned()
    }
}

fn told(error: &jsonwebtoken::errors::Error) -> TokenError {
    if matches!(error.kind(), ErrorKind::ExpiredSignature) {
        TokenError::Expired
    } else if matches!(error.kind(), ErrorKind::ImmatureSignature) {
        TokenError::Early
    } else {
        TokenError::Foreign
    }
}

/// Whether it says to be a JWT for access (RFC 9068), or a JWT and no more; many providers leave the type out. A token of
/// another purpose has a type of its own (logout+jwt, dpop+jwt), and what must be understood and is not ends it.
fn is_access_token(header: &Header) -> bool {
    let kind = header.typ.as_deref().map(str::to_ascii_lowercase);
    matches!(kind.as_deref(), None | Some("jwt" | "at+jwt" | "application/at+jwt")) && header.crit.is_none()
}

#[cfg(test)]
mod tests;

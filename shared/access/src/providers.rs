//! Identity providers (OpenID Connect): who may vouch for the people of which organisation, and whether a token is theirs.

mod documents;
mod key_set;
mod provider;
mod trusted;

pub use trusted::{NotTrusted, Trusted};

use crate::TokenError;
use crate::token::ISSUER;
use documents::Web;
use jsonwebtoken::dangerous::insecure_decode_claims;
use provider::Provider;
use serde::Deserialize;
use std::sync::Arc;
use uuid::Uuid;

/// Whom a provider vouches for: one of its subjects, in the organisation that it is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    pub organisation: Uuid,
    pub issuer: String,
    pub subject: String,
}

/// The providers that the operator trusts, each for the people of one organisation.
#[derive(Clone, Default)]
pub struct Providers(Arc<Vec<Provider>>);

impl Providers {
    /// `text`: a JSON list of [`Trusted`].
    pub fn read(text: &str) -> Result<Self, NotTrusted> {
        Self::of(trusted::read(text)?)
    }

    pub fn of(trusted: Vec<Trusted>) -> Result<Self, NotTrusted> {
        trusted::check(&trusted)?;
        if trusted.is_empty() {
            return Ok(Self::default());
        }
        let web = Web::new().map_err(|error| NotTrusted::Certificates(error.to_string()))?;
        Ok(Self(Arc::new(trusted.into_iter().map(|one| Provider::new(one, web.clone())).collect())))
    }

    /// Whether the token says that it comes from elsewhere than the local issuer. What it says is not checked yet.
    pub fn concern(token: &str) -> bool {
        said_issuer(token).is_some_and(|issuer| issuer != ISSUER)
    }

    /// Whom the token stands for. Keys that are not known yet are asked for at its provider.
    pub async fn verify(&self, token: &str) -> Result<Login, TokenError> {
        let issuer = said_issuer(token).ok_or(TokenError::Foreign)?;
        let provider = self.0.iter().find(|provider| provider.trusted.issuer == issuer).ok_or(TokenError::Foreign)?;
        let subject = provider.verify(token).await?;
        Ok(Login { organisation: provider.trusted.organisation, issuer, subject })
    }

    /// Keeps the keys as the providers publish them, until it is dropped.
    pub async fn keep_up(&self) {
        futures::future::join_all(self.0.iter().map(Provider::keep_up)).await;
    }
}

/// Only to find the provider by whose keys the token is checked then, the issuer among it.
fn said_issuer(token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Said {
        iss: String,
    }
    insecure_decode_claims::<Said>(token).ok().map(|said| said.iss)
}

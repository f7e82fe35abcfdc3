//! What a provider publishes about itself, read over HTTP.

use super::key_set::KeySet;
use super::trusted::address;
use bytes::Bytes;
use http::{StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::Duration;
use tokio::time::timeout;

/// How long a provider may take for each of its two documents.
const PATIENCE: Duration = Duration::from_secs(3);

const LARGEST: usize = 512 * 1024;

/// Asks providers, by the certificates of the machine. It follows no redirect.
#[derive(Clone)]
pub struct Web(Client<HttpsConnector<HttpConnector>, Empty<Bytes>>);

#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    #[error("{0} does not answer")]
    Silent(Uri),
    #[error("{0}: {1}")]
    Unreachable(Uri, hyper_util::client::legacy::Error),
    #[error("{0} answers {1}")]
    Refused(Uri, StatusCode),
    #[error("{0} is not read to its end, which may be {LARGEST} bytes away: {1}")]
    Broken(Uri, Box<dyn std::error::Error + Send + Sync>),
    #[error("{0} is no answer of an identity provider: {1}")]
    Unreadable(Uri, serde_json::Error),
    #[error("it calls itself {0}: an issuer is trusted by exactly its own name")]
    AnotherIssuer(String),
    #[error("`{0}` is no https address")]
    Unsafe(String),
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

#[derive(Deserialize)]
struct Published {
    keys: Vec<Value>,
}

impl Web {
    pub fn new() -> std::io::Result<Self> {
        let ring = rustls::crypto::ring::default_provider();
        let connector = HttpsConnectorBuilder::new().with_provider_and_native_roots(ring)?;
        let connector = connector.https_or_http().enable_http1().build();
        Ok(Self(Client::builder(TokioExecutor::new()).build(connector)))
    }

    /// The keys of the issuer, by its discovery document (OpenID Connect Discovery 1.0, section 4).
    pub async fn keys(&self, issuer: &str) -> Result<KeySet, Unusable> {
        let place = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let discovery: Discovery = self.document(&place).await?;
        if discovery.issuer != issuer {
            return Err(Unusable::AnotherIssuer(discovery.issuer));
        }
        let published: Published = self.document(&discovery.jwks_uri).await?;
        Ok(KeySet::of(&published.keys))
    }

    async fn document<T: DeserializeOwned>(&self, place: &str) -> Result<T, Unusable> {
        let place = address(place).ok_or_else(|| Unusable::Unsafe(place.to_owned()))?;
        let read = timeout(PATIENCE, self.read(place.clone())).await;
        let body = read.map_err(|_| Unusable::Silent(place.clone()))??;
        serde_json::from_slice(&body).map_err(|error| Unusable::Unreadable(place, error))
    }

    async fn read(&self, place: Uri) -> Result<Bytes, Unusable> {
        let answer = self.0.get(place.clone()).await.map_err(|error| Unusable::Unreachable(place.clone(), error))?;
        if answer.status() != StatusCode::OK {
            return Err(Unusable::Refused(place, answer.status()));
        }
        let body = Limited::new(answer.into_body(), LARGEST).collect().await;
        body.map(http_body_util::Collected::to_bytes).map_err(|error| Unusable::Broken(place, error))
    }
}

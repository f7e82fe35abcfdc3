use crate::Problem;
use crate::live::Live;
use access::key::{MARK, Secret};
use access::{Action, Caller, KnownKey, Login, Providers, Roster, Standing, TokenError, Verifier, identity};
use axum::http::{HeaderMap, StatusCode, header};
use chrono::{DateTime, Utc};
use eventstore::{Actor, TenantId};
use std::sync::Arc;

/// Who sends a request.
pub struct Sender {
    pub caller: Caller,
    /// The API key that it came with, where it was none of a person's tokens.
    pub key: Option<(TenantId, Arc<KnownKey>)>,
}

impl Sender {
    /// As what it does is recorded.
    pub fn actor(&self) -> Actor {
        match &self.key {
            None => Actor::Person(self.caller.person.clone()),
            Some(_) => Actor::Key(self.caller.person.trim_start_matches(KEY).to_owned()),
        }
    }

    /// Whether it belongs to the tenant at all. To whom this is false, the tenant does not exist.
    pub fn is_known(&self, tenant: TenantId, roster: &Roster, now: DateTime<Utc>) -> bool {
        match &self.key {
            None => roster.knows(&self.caller, now),
            Some((of, key)) => {
                let is_open = roster.standing != Standing::Closed;
                *of == tenant && roster.organisation == Some(key.organisation) && is_open
            }
        }
    }

    pub fn may(&self, action: Action, tenant: TenantId, roster: &Roster, now: DateTime<Utc>) -> bool {
        match &self.key {
            None => roster.allows(&self.caller, action, now),
            Some((_, key)) => self.is_known(tenant, roster, now) && key.may(action),
        }
    }
}

/// What stands before a key's id where people have a handle; no handle has a colon.
const KEY: &str = "key:";

/// Whom the bearer token stands for, by this service's own copy of who is who.
pub async fn identify(
    verifier: &Verifier,
    live: &Live,
    headers: &HeaderMap,
    now: DateTime<Utc>,
) -> Result<Sender, Problem> {
    let token = bearer(headers)?;
    if token.starts_with(MARK) {
        return holder(live, token, now).await;
    }
    let caller = if Providers::concern(token) {
        let login = verifier.providers().verify(token).await.map_err(|error| refused(&error))?;
        vouched_for(live, login).await?
    } else {
        verifier.verify(token).map_err(|error| refused(&error))?
    };
    Ok(Sender { caller, key: None })
}

/// Who comes with an API key, which is nobody's but its own.
async fn holder(live: &Live, token: &str, now: DateTime<Utc>) -> Result<Sender, Problem> {
    let secret = Secret::read(token).ok_or_else(|| unauthenticated("the API key is not whole: copy all of it"))?;
    let known = live.keys.get(&live.store, secret.tenant, &secret.id).await?;
    let key = known.filter(|known| secret.fits(&known.digest));
    let key = key.ok_or_else(|| unauthenticated("the API key is not one of this installation"))?;
    if key.details.revoked_at.is_some() {
        return Err(unauthenticated("the API key was revoked"));
    }
    if key.details.expires_at <= now {
        return Err(unauthenticated("the API key has expired: create a new one"));
    }
    let person = format!("{KEY}{}", secret.id);
    let caller = Caller { person, organisation: key.organisation, administrator: false };
    Ok(Sender { caller, key: Some((secret.tenant, key)) })
}

/// The person that the organisation says its provider's subject is.
async fn vouched_for(live: &Live, login: Login) -> Result<Caller, Problem> {
    let Login { organisation, issuer, subject } = login;
    let key = identity::digest(&issuer, &subject);
    match live.people.get(&live.store, TenantId(organisation), &key).await? {
        Some(known) => Ok(Caller { person: known.person.clone(), organisation, administrator: known.administrator }),
        None => Err(unauthenticated(&format!(
            "{issuer} vouches for its subject {subject}, who is nobody here: an administrator says who it is at POST \
             /v1/organisations/{organisation}/identities"
        ))),
    }
}

pub fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token =
        value.and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    token.map(|(_, token)| token.trim()).ok_or_else(|| unauthenticated("send `Authorization: Bearer <token>`"))
}

pub fn refused(error: &TokenError) -> Problem {
    match error {
        TokenError::Unreachable(_) => Problem::unavailable(format!("Authorization: {error}")),
        TokenError::Expired | TokenError::Foreign | TokenError::Early | TokenError::Key | TokenError::Signing(_) => {
            unauthenticated(&error.to_string())
        }
    }
}

fn unauthenticated(detail: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "unauthenticated", format!("Authorization: {detail}"))
}

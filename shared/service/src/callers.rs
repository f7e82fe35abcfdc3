use crate::Problem;
use crate::live::Live;
use access::key::{Kind, MARK, Secret};
use access::{
    Action, Caller, KnownGrant, KnownKey, Login, Providers, Role, Roster, Standing, TokenError, Verifier, identity,
};
use axum::http::{HeaderMap, StatusCode, header};
use chrono::{DateTime, Utc};
use eventstore::{Actor, TenantId};
use std::net::IpAddr;
use std::sync::Arc;
use uuid::Uuid;

/// Who sends a request.
pub struct Sender {
    pub caller: Caller,
    /// The API key that it came with, where it was none of a person's tokens.
    pub key: Option<(TenantId, Arc<KnownKey>)>,
    /// The grant that an auditor came with.
    pub grant: Option<(TenantId, Arc<KnownGrant>)>,
}

impl Sender {
    /// As what it does is recorded.
    pub fn actor(&self) -> Actor {
        let person = &self.caller.person;
        match (&self.key, &self.grant) {
            (Some(_), _) => Actor::Key(person.trim_start_matches(KEY).to_owned()),
            (None, Some(_)) => Actor::Grant(person.trim_start_matches(GRANT).to_owned()),
            (None, None) => Actor::Person(person.clone()),
        }
    }

    /// The one tenant in which it is anything, where it is no person.
    pub fn bound_to(&self) -> Option<TenantId> {
        let key = self.key.as_ref().map(|(tenant, _)| *tenant);
        key.or_else(|| self.grant.as_ref().map(|(tenant, _)| *tenant))
    }

    /// When the key or the grant was made.
    fn made_at(&self) -> Option<DateTime<Utc>> {
        let key = self.key.as_ref().map(|(_, key)| key.details.created_at);
        key.or_else(|| self.grant.as_ref().map(|(_, grant)| grant.details.created_at))
    }

    /// Whether it is a key that provisions its organisation's people.
    pub fn provisions(&self) -> bool {
        self.key.as_ref().is_some_and(|(_, key)| key.details.provisions.is_some())
    }

    /// Whether it belongs to the tenant at all. To whom this is false, the tenant does not exist.
    pub fn is_known(&self, tenant: TenantId, roster: &Roster, now: DateTime<Utc>) -> bool {
        match self.bound_to() {
            None => roster.knows(&self.caller, now),
            Some(of) => {
                let is_open = roster.standing != Standing::Closed;
                let is_of_the_owner = roster.organisation == Some(self.caller.organisation);
                of == tenant && is_of_the_owner && self.made_at() > roster.handed_over_at && is_open
            }
        }
    }

    pub fn may(&self, action: Action, tenant: TenantId, roster: &Roster, now: DateTime<Utc>) -> bool {
        match (&self.key, &self.grant) {
            (Some((_, key)), _) => self.is_known(tenant, roster, now) && key.may(action),
            (None, Some(_)) => self.is_known(tenant, roster, now) && Role::ExternalAuditor.may(action),
            (None, None) => roster.allows(&self.caller, action, now),
        }
    }
}

/// What stands before a key's id where people have a handle; no handle has a colon.
const KEY: &str = "key:";

/// The same before a grant's.
const GRANT: &str = "grant:";

/// Whom the bearer token stands for, by this service's own copy of who is who.
pub async fn identify(
    verifier: &Verifier,
    live: &Live,
    headers: &HeaderMap,
    address: IpAddr,
    now: DateTime<Utc>,
) -> Result<Sender, Problem> {
    let token = bearer(headers)?;
    if token.starts_with(MARK) {
        return holder(live, token, address, now).await;
    }
    let caller = if Providers::concern(token) {
        match verifier.providers().verify(token).await {
            Ok(login) => vouched_for(live, login).await,
            Err(error) => Err(refused(&error)),
        }
    } else {
        verifier.verify(token).map_err(|error| refused(&error))
    };
    let caller = match caller {
        Ok(caller) => refuse_locked_out(live, &caller).await.map(|()| caller),
        Err(problem) => Err(problem),
    };
    match caller {
        Ok(caller) => Ok(Sender { caller, key: None, grant: None }),
        Err(problem) => {
            if problem.status() == StatusCode::UNAUTHORIZED {
                live.limits.from(address)?;
            }
            Err(problem)
        }
    }
}

/// Who comes with an API key or a grant, which is nobody's but its own.
async fn holder(live: &Live, token: &str, address: IpAddr, now: DateTime<Utc>) -> Result<Sender, Problem> {
    let secret = Secret::read(token).ok_or_else(|| unauthenticated("the API key is not whole: copy all of it"))?;
    let Secret { kind, tenant, ref id, .. } = secret;
    // One that was right before may be looked up as often as it comes; any other costs its sender's address.
    let is_acquainted = match kind {
        Kind::Key => live.keys.once_was(tenant, id, |known| secret.fits(&known.digest)),
        Kind::Grant => live.grants.once_was(tenant, id, |known| secret.fits(&known.digest)),
    };
    if !is_acquainted {
        live.limits.from(address)?;
    }
    // One that was right once and has ended costs it too.
    let paid = |ended: Result<(), Problem>| ended.or_else(|problem| live.limits.from(address).and(Err(problem)));
    match kind {
        Kind::Key => {
            let known = live.keys.get(&live.store, tenant, id).await?.filter(|known| secret.fits(&known.digest));
            let key = known.ok_or_else(|| unauthenticated("the API key is not one of this installation"))?;
            paid(refuse_ended("API key", key.details.revoked_at, key.details.expires_at, now))?;
            let caller = on_its_own(format!("{KEY}{id}"), key.organisation);
            Ok(Sender { caller, key: Some((tenant, key)), grant: None })
        }
        Kind::Grant => {
            let known = live.grants.get(&live.store, tenant, id).await?.filter(|known| secret.fits(&known.digest));
            let grant = known.ok_or_else(|| unauthenticated("the grant is not one of this installation"))?;
            paid(refuse_ended("grant", grant.details.revoked_at, grant.details.expires_at, now))?;
            let caller = on_its_own(format!("{GRANT}{id}"), grant.organisation);
            Ok(Sender { caller, key: None, grant: Some((tenant, grant)) })
        }
    }
}

fn on_its_own(person: String, organisation: Uuid) -> Caller {
    Caller { person, organisation, administrator: false }
}

fn refuse_ended(
    what: &str,
    revoked_at: Option<DateTime<Utc>>,
    expires_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), Problem> {
    if revoked_at.is_some() {
        return Err(unauthenticated(&format!("the {what} was revoked")));
    }
    if expires_at <= now {
        return Err(unauthenticated(&format!("the {what} has expired: ask for a new one")));
    }
    Ok(())
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

/// Who is locked out of their organisation comes in nowhere, whatever they come with.
pub async fn refuse_locked_out(live: &Live, caller: &Caller) -> Result<(), Problem> {
    let Caller { person, organisation, .. } = caller;
    if live.lockouts.is_there(&live.store, TenantId(*organisation), person).await? {
        return Err(unauthenticated(&format!(
            "{person} is let in no more: they were switched off or erased in their organisation"
        )));
    }
    Ok(())
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

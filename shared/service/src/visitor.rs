use crate::Problem;
use crate::callers::{bearer, identify, refuse_locked_out, refused};
use crate::live::Live;
use access::key::MARK;
use access::{Caller, Login, Providers, TokenError, Verifier};
use axum::http::HeaderMap;
use chrono::{DateTime, Utc};
use eventstore::{Actor, TenantId};
use std::net::IpAddr;

/// Who comes through a route that is open to anybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Visitor {
    Nobody,
    /// Of whichever organisation: the handler looks.
    Person(Caller),
    /// A provider vouches for them, and nobody here has said who they are.
    Subject(Login),
}

impl Visitor {
    /// As what it does is recorded, until the handler knows more.
    pub fn actor(&self, service: &str) -> Actor {
        match self {
            Self::Person(caller) => Actor::Person(caller.person.clone()),
            Self::Nobody | Self::Subject(_) => Actor::Service(service.to_owned()),
        }
    }

    /// In whose name the handler is called.
    pub fn caller(&self, organisation: TenantId) -> Caller {
        match self {
            Self::Person(caller) => caller.clone(),
            Self::Nobody | Self::Subject(_) => {
                Caller { person: String::new(), organisation: organisation.0, administrator: false }
            }
        }
    }
}

/// Whom the bearer token stands for, if there is one that counts: a token that has expired, and an API key, are none. Who is
/// locked out hears it.
pub async fn visitor(
    verifier: &Verifier,
    live: &Live,
    headers: &HeaderMap,
    address: IpAddr,
    now: DateTime<Utc>,
) -> Result<Visitor, Problem> {
    let Ok(token) = bearer(headers) else { return Ok(Visitor::Nobody) };
    if token.starts_with(MARK) {
        return Ok(Visitor::Nobody);
    }
    if !Providers::concern(token) {
        let Ok(caller) = verifier.verify(token) else { return Ok(Visitor::Nobody) };
        refuse_locked_out(live, &caller).await?;
        return Ok(Visitor::Person(caller));
    }
    match verifier.providers().verify(token).await {
        Ok(login) => match identify(verifier, live, headers, address, now).await {
            Ok(sender) => Ok(Visitor::Person(sender.caller)),
            Err(problem) if problem.status() == 401 => Ok(Visitor::Subject(login)),
            Err(problem) => Err(problem),
        },
        Err(error @ TokenError::Unreachable(_)) => Err(refused(&error)),
        Err(_) => Ok(Visitor::Nobody),
    }
}

use crate::Problem;
use crate::live::Live;
use access::{Caller, Login, Providers, TokenError, Verifier, identity};
use axum::http::{HeaderMap, StatusCode, header};
use eventstore::TenantId;

/// Whom the bearer token stands for, by this service's own copy of who is who.
pub async fn identify(verifier: &Verifier, live: &Live, headers: &HeaderMap) -> Result<Caller, Problem> {
    let token = bearer(headers)?;
    if Providers::concern(token) {
        let login = verifier.providers().verify(token).await.map_err(|error| refused(&error))?;
        vouched_for(live, login).await
    } else {
        verifier.verify(token).map_err(|error| refused(&error))
    }
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

fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token =
        value.and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    token.map(|(_, token)| token.trim()).ok_or_else(|| unauthenticated("send `Authorization: Bearer <token>`"))
}

fn refused(error: &TokenError) -> Problem {
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

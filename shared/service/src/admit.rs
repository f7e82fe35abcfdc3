use crate::Problem;
use crate::rosters::Rosters;
use access::{Action, Caller, Roster, Standing, Verifier};
use axum::http::{HeaderMap, StatusCode, header};
use chrono::{DateTime, Utc};
use eventstore::{EventStore, TenantId};
use std::sync::Arc;

/// Whom the bearer token stands for.
pub fn identify(verifier: &Verifier, headers: &HeaderMap) -> Result<Caller, Problem> {
    let refused = |detail: String| Problem::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail);
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token =
        value.and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let Some((_, token)) = token else {
        return Err(refused("Authorization: send `Authorization: Bearer <token>`".to_owned()));
    };
    verifier.verify(token.trim()).map_err(|error| refused(format!("Authorization: {error}")))
}

/// Lets the caller in to do `action` in the tenant, by this service's own copy of its roles and those that are
/// in force `now`; gives that copy.
pub async fn admit(
    rosters: &Rosters,
    store: &EventStore,
    caller: &Caller,
    tenant: TenantId,
    action: Action,
    now: DateTime<Utc>,
) -> Result<Arc<Roster>, Problem> {
    // Nobody is turned away for what was so a moment ago.
    if let Some(roster) =
        rosters.known(store, tenant).filter(|roster| roster.knows(caller, now) && roster.allows(caller, action, now))
    {
        return Ok(roster);
    }
    let roster = rosters.read(store, tenant).await?;
    if !roster.knows(caller, now) {
        return Err(strange());
    }
    if !roster.allows(caller, action, now) {
        let roles = action.roles().map(<&'static str>::from).collect::<Vec<_>>().join(", ");
        let detail = format!("{} may not do this here: it takes one of the roles {roles}", caller.person);
        return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail));
    }
    Ok(roster)
}

/// Lets everybody of an organisation in to its own partition. What they see there is the handler's to say.
pub async fn admit_member(
    rosters: &Rosters,
    store: &EventStore,
    caller: &Caller,
    organisation: TenantId,
) -> Result<Arc<Roster>, Problem> {
    if caller.organisation != organisation.0 {
        return Err(strange());
    }
    let roster = match rosters.known(store, organisation) {
        Some(roster) => roster,
        None => rosters.read(store, organisation).await?,
    };
    // A token's organisation may be gone, or never have been here; and a tenant is none.
    if roster.organisation == Some(organisation.0) { Ok(roster) } else { Err(strange()) }
}

/// What a stranger hears, whether the tenant exists or not.
pub fn strange() -> Problem {
    Problem::not_found("tenant or organisation of this id")
}

/// What a member hears who asks for what no role allows.
pub fn for_administrators(caller: &Caller) -> Problem {
    let detail = format!(
        "{} may not do this: it takes an administrator of the organisation that owns the tenant",
        caller.person
    );
    Problem::new(StatusCode::FORBIDDEN, "forbidden", detail)
}

/// Refuses what would change something in a tenant in which nothing is written now.
pub fn writable(standing: Standing) -> Result<(), Problem> {
    let (code, detail) = match standing {
        Standing::Active => return Ok(()),
        Standing::Suspended => (
            "suspended",
            "the tenant is suspended: everything can be read, and nothing be written until an administrator of its organisation resumes it",
        ),
        Standing::Closed => ("closed", "the tenant is closed: it can be read and exported, and is never written again"),
    };
    Err(Problem::new(StatusCode::CONFLICT, code, detail))
}

use crate::Problem;
use crate::callers::Sender;
use crate::rosters::Rosters;
use access::{Action, Caller, Roster, Standing};
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use eventstore::{EventStore, TenantId};
use std::sync::Arc;

/// Lets the caller in to do `action` in the tenant, by this service's own copy of its roles and those that are
/// in force `now`; gives that copy.
pub async fn admit(
    rosters: &Rosters,
    store: &EventStore,
    sender: &Sender,
    tenant: TenantId,
    action: Action,
    now: DateTime<Utc>,
) -> Result<Arc<Roster>, Problem> {
    // Nobody is turned away for what was so a moment ago.
    if let Some(roster) = rosters
        .known(store, tenant)
        .filter(|roster| sender.is_known(tenant, roster, now) && sender.may(action, tenant, roster, now))
    {
        return Ok(roster);
    }
    let roster = rosters.read(store, tenant).await?;
    if !sender.is_known(tenant, &roster, now) {
        return Err(strange());
    }
    if !sender.may(action, tenant, &roster, now) {
        let roles = roster.roles_for(action).map(String::from).collect::<Vec<_>>().join(", ");
        let detail = format!("{} may not do this here: it takes one of the roles {roles}", sender.caller.person);
        return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail));
    }
    Ok(roster)
}

/// Lets everybody of an organisation in to its own partition. What they see there is the handler's to say.
pub async fn admit_member(
    rosters: &Rosters,
    store: &EventStore,
    sender: &Sender,
    organisation: TenantId,
) -> Result<Arc<Roster>, Problem> {
    // A key or a grant is of one tenant, and nobody of the organisation.
    if sender.bound_to().is_some() || sender.caller.organisation != organisation.0 {
        return Err(strange());
    }
    let roster = match rosters.known(store, organisation) {
        Some(roster) => roster,
        None => rosters.read(store, organisation).await?,
    };
    // A token's organisation may be gone, or never have been here; and a tenant is none.
    if roster.organisation == Some(organisation.0) { Ok(roster) } else { Err(strange()) }
}

/// Lets a key in that provisions the organisation's people.
pub async fn admit_provisioner(
    rosters: &Rosters,
    store: &EventStore,
    sender: &Sender,
    organisation: TenantId,
    now: DateTime<Utc>,
) -> Result<Arc<Roster>, Problem> {
    let roster = match rosters.known(store, organisation) {
        Some(roster) => roster,
        None => rosters.read(store, organisation).await?,
    };
    if !sender.is_known(organisation, &roster, now) || sender.caller.organisation != organisation.0 {
        return Err(strange());
    }
    if !sender.provisions() {
        let detail = format!("{} may not do this: it takes a key that provisions people", sender.caller.person);
        return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail));
    }
    Ok(roster)
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

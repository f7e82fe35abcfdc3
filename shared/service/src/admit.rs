use crate::Problem;
use crate::callers::Sender;
use crate::rosters::Rosters;
use access::{Action, Roster};
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

/// What a stranger hears, whether the tenant exists or not.
pub fn strange() -> Problem {
    Problem::not_found("tenant or organisation of this id")
}

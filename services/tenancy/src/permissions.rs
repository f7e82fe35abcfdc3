use crate::people::version_and_roster;
use access::{Action, Caller, RoleName, Term};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use service::{Call, Problem, json};
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;

/// What the caller is and may do in the tenant, as it is now.
#[derive(Serialize, ToSchema)]
pub struct Permissions {
    /// The position of the tenant's log that this shows.
    position: i64,
    /// Who asks; `key:` and its id where it is an API key.
    person: String,
    /// Administers the organisation that owns the tenant, and may do everything here whatever the roles.
    administrator: bool,
    /// Those that have begun and are not over.
    #[schema(value_type = BTreeSet<String>)]
    roles: BTreeSet<RoleName>,
    /// Of the roles that are not held for good.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, Term>)]
    terms: BTreeMap<RoleName, Term>,
    /// By name. Each operation of the API says which one it needs.
    actions: Vec<Action>,
}

/// `GET /permissions`: what a client shows a person, and what it need not offer them.
pub async fn show(call: Call) -> Result<Response, Problem> {
    let (position, _, roster) = version_and_roster(&call).await?;
    let (Caller { person, administrator, .. }, now) = (&call.caller, call.cx.now);
    let (mut actions, roles): (Vec<Action>, BTreeSet<RoleName>) = match &call.key {
        None => (roster.actions(&call.caller, now).collect(), roster.in_force(person, now).collect()),
        Some(key) => (key.actions().collect(), key.details.roles.iter().copied().map(RoleName::from).collect()),
    };
    actions.sort_by_key(|action| <&'static str>::from(*action));
    let terms = roster.held(person).filter(|(role, term)| roles.contains(role) && *term != Term::ALWAYS).collect();
    let (person, administrator) = (person.clone(), *administrator);
    Ok(json(StatusCode::OK, position, &Permissions { position, person, administrator, roles, terms, actions }))
}

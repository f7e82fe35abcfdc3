use access::{Action, KEY, Role, Roster};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use service::{Call, Problem, json};
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// What the caller is and may do in the tenant, as it is now.
#[derive(Serialize, ToSchema)]
pub struct Permissions {
    /// The position of the tenant's log that this shows.
    position: i64,
    /// Who asks.
    person: String,
    /// Administers the organisation that owns the tenant, and may do everything here whatever the roles.
    administrator: bool,
    roles: BTreeSet<Role>,
    /// By name. Each operation of the API says which one it needs.
    actions: Vec<Action>,
}

/// `GET /permissions`: what a client shows a person, and what it need not offer them.
pub async fn show(call: Call) -> Result<Response, Problem> {
    let mut session = call.session().await?;
    let position = call.position::<Roster>(&mut session).await?;
    let row = views::get::<Roster>(&mut session, KEY, position).await?;
    let roster = row.map(|row| row.data).unwrap_or_default();
    let mut actions: Vec<Action> = roster.actions(&call.caller).collect();
    actions.sort_by_key(|action| <&'static str>::from(*action));
    let roles = roster.roles.get(&call.caller.person).cloned().unwrap_or_default();
    let (person, administrator) = (call.caller.person, call.caller.administrator);
    Ok(json(StatusCode::OK, position, &Permissions { position, person, administrator, roles, actions }))
}

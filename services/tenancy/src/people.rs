use crate::tenant::Tenant;
use access::{Admission, KEY, Role, Roster};
use axum::http::StatusCode;
use axum::response::Response;
use eventstore::Work;
use serde::{Deserialize, Serialize};
use service::{Call, Outcome, Problem, checked_person, json, with_etag};
use std::collections::BTreeSet;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub struct People {
    /// The position of the tenant's log that this shows.
    position: i64,
    items: Vec<Person>,
}

/// A person who belongs to the tenant.
#[derive(Serialize, ToSchema)]
struct Person {
    person: String,
    roles: BTreeSet<Role>,
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetRoles {
    /// All roles of the person from now on; none ends the membership.
    roles: BTreeSet<Role>,
}

/// The `ETag` is that of all memberships together, for `If-Match` of a change to any of them.
pub async fn list(call: Call) -> Result<Response, Problem> {
    let mut session = call.session().await?;
    let position = call.position::<Roster>(&mut session).await?;
    let row = views::get::<Roster>(&mut session, KEY, position).await?;
    let version = row.as_ref().map_or(0, |row| row.version);
    let roles = row.map(|row| row.data.roles).unwrap_or_default();
    let items = roles.into_iter().map(|(person, roles)| Person { person, roles }).collect();
    Ok(with_etag(json(StatusCode::OK, position, &People { position, items }), version))
}

pub async fn set_roles(call: Call) -> Result<Response, Problem> {
    call.by_a_person()?;
    let expected = call.if_match()?;
    let (SetRoles { roles }, cx) = call.command()?;
    let person = checked_person("id", call.id())?;
    let lane = format!("access-{}", cx.tenant);
    let assign = access::Command::Assign { person: person.clone(), roles };
    let done = call.store.perform(&cx, &lane, |work| Box::pin(decide(work, expected, person.clone(), assign.clone())));
    Ok(call.carried_out(&done.await?, false))
}

async fn decide(
    work: &mut Work,
    expected: Option<i64>,
    person: String,
    assign: access::Command,
) -> Result<Outcome, Problem> {
    let tenant = work.cx().tenant.to_string();
    // An organisation's own partition has no people: a role there would let its holder issue an administrator's tokens.
    if work.load::<Tenant>(&tenant).await?.1 == 0 {
        return Err(Problem::not_found(format!("tenant {tenant}")));
    }
    let changed = work.execute::<Admission>(&tenant, expected, assign).await?;
    Ok(Outcome { id: person, version: changed.version, changed: changed.changed })
}

use crate::people::{refuse_unless_tenant, version_and_roster};
use access::{Action, Admission, Role, RoleName, Roster};
use axum::http::StatusCode;
use axum::response::Response;
use eventstore::Work;
use serde::{Deserialize, Serialize};
use service::{Call, FieldError, Outcome, Problem, checked_person, field_error, json, with_etag};
use std::collections::BTreeSet;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub struct Roles {
    /// The position of the tenant's log that this shows.
    position: i64,
    /// Those that every tenant has, then the tenant's own.
    items: Vec<RoleShown>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = RoleOfTenant)]
struct RoleShown {
    #[schema(value_type = String, example = "risk_owner")]
    role: RoleName,
    /// The tenant defined it, and may change it.
    own: bool,
    actions: BTreeSet<Action>,
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DefineRole {
    /// All that it allows from now on, to everybody who holds it; `read` is among them.
    actions: BTreeSet<Action>,
}

/// The `ETag` is that of all roles and memberships together, for `If-Match` of a change to any of them.
pub async fn list(call: Call) -> Result<Response, Problem> {
    let (position, version, roster) = version_and_roster(&call).await?;
    let all = Role::all().map(RoleName::Common).chain(roster.own());
    let items = all.map(|role| shown(&roster, role)).collect();
    Ok(with_etag(json(StatusCode::OK, position, &Roles { position, items }), version))
}

fn shown(roster: &Roster, role: RoleName) -> RoleShown {
    let actions = Action::all().filter(|action| roster.role_may(&role, *action)).collect();
    RoleShown { own: matches!(role, RoleName::Own(_)), role, actions }
}

/// `PUT /roles/{id}`
pub async fn define(call: Call) -> Result<Response, Problem> {
    call.by_a_person()?;
    let expected = call.if_match()?;
    let (DefineRole { actions }, cx) = call.command()?;
    let role = checked_role(call.id())?;
    // Who may not see what they write, and who cannot ask what they may do, has no use for either.
    if !actions.contains(&Action::Read) {
        return Err(Problem::field("actions", "read is missing: every role allows it"));
    }
    let (administrator, lane) = (call.caller.administrator, format!("access-{}", cx.tenant));
    let command = access::Command::Define { role: role.clone(), actions, administrator };
    let done = call.store.perform(&cx, &lane, |work| Box::pin(decide(work, expected, role.clone(), command.clone())));
    Ok(call.carried_out(&done.await?, false))
}

/// `DELETE /roles/{id}`
pub async fn remove(call: Call) -> Result<Response, Problem> {
    call.by_a_person()?;
    let expected = call.if_match()?;
    let cx = call.upload()?;
    let role = checked_role(call.id())?;
    let lane = format!("access-{}", cx.tenant);
    let done = call.store.perform(&cx, &lane, |work| Box::pin(take_away(work, expected, role.clone())));
    Ok(call.carried_out(&done.await?, false))
}

/// The name of a role of the tenant's own, which none of those is that every tenant has.
fn checked_role(written: &str) -> Result<String, FieldError> {
    match RoleName::from(checked_person("id", written).map_err(|error| named(error, written))?) {
        RoleName::Own(name) => Ok(name),
        RoleName::Common(role) => {
            let name: &str = role.into();
            Err(field_error("id", format!("{name} is one of the roles that every tenant has: take another name")))
        }
    }
}

/// Roles are called as people are.
fn named(error: FieldError, written: &str) -> FieldError {
    let detail =
        format!("`{written}` is not a role's name: use letters in lower case, digits, and . _ - after the first");
    FieldError { detail, ..error }
}

async fn take_away(work: &mut Work, expected: Option<i64>, role: String) -> Result<Outcome, Problem> {
    let tenant = work.cx().tenant.to_string();
    if !work.load::<Admission>(&tenant).await?.0.defines(&role) {
        return Err(Problem::not_found(format!("role {role} of the tenant's own")));
    }
    decide(work, expected, role.clone(), access::Command::Remove { role }).await
}

async fn decide(
    work: &mut Work,
    expected: Option<i64>,
    role: String,
    command: access::Command,
) -> Result<Outcome, Problem> {
    let tenant = refuse_unless_tenant(work).await?;
    let changed = work.execute::<Admission>(&tenant, expected, command).await?;
    Ok(Outcome { id: role, version: changed.version, changed: changed.changed })
}

#[cfg(test)]
mod tests {
    use super::checked_role;

    #[test]
    fn a_role_of_the_tenants_own_has_a_name_of_its_own() {
        assert_eq!(checked_role("evidence-keeper"), Ok("evidence-keeper".to_owned()));
        for (wrong, told) in [
            ("Keeper", "`Keeper` is not a role's name: use letters in lower case"),
            ("", "`` is not a role's name"),
            ("viewer", "viewer is one of the roles that every tenant has: take another name"),
        ] {
            let error = checked_role(wrong).expect_err(wrong);
            assert!(error.field == "id" && error.detail.starts_with(told), "{error:?}");
        }
    }
}

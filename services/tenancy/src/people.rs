use crate::tenant::Tenant;
use access::{Admission, Broken, KEY, RoleName, Roster, Term};
use axum::http::StatusCode;
use axum::response::Response;
use eventstore::{Refused, Work};
use serde::{Deserialize, Serialize};
use service::{Call, FieldError, Outcome, Problem, checked_person, field_error, instant, json, with_etag};
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub struct People {
    /// The position of the tenant's log that this shows.
    position: i64,
    items: Vec<Member>,
}

/// A person to whom roles were given, whether or not they are in force now.
#[derive(Serialize, ToSchema)]
struct Member {
    person: String,
    #[schema(value_type = BTreeSet<String>, example = json!(["risk_owner"]))]
    roles: BTreeSet<RoleName>,
    /// Of the roles that are not held for good.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, Term>)]
    terms: BTreeMap<RoleName, Term>,
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetRoles {
    /// All roles of the person from now on; none ends the membership. `GET /roles` lists what there is.
    #[schema(value_type = BTreeSet<String>, example = json!(["risk_owner"]))]
    roles: BTreeSet<RoleName>,
    /// From when or until when, for those of the roles that are not held for good.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, AskedTerm>)]
    terms: BTreeMap<RoleName, AskedTerm>,
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AskedTerm {
    /// The instant at which the role begins; at once where it is not given.
    #[schema(format = DateTime)]
    from: Option<String>,
    /// The instant at which it is over; never where it is not given.
    #[schema(format = DateTime)]
    until: Option<String>,
}

/// The `ETag` is that of all memberships together, for `If-Match` of a change to any of them.
pub async fn list(call: Call) -> Result<Response, Problem> {
    let (position, version, Roster { roles, mut terms, .. }) = version_and_roster(&call).await?;
    let person = |(person, roles)| Member { terms: terms.remove(&person).unwrap_or_default(), person, roles };
    let items = roles.into_iter().map(person).collect();
    Ok(with_etag(json(StatusCode::OK, position, &People { position, items }), version))
}

/// What the request wants to see: the position, the version of all memberships together, and them.
pub async fn version_and_roster(call: &Call) -> Result<(i64, i64, Roster), Problem> {
    let mut session = call.session().await?;
    let position = call.position::<Roster>(&mut session).await?;
    let row = views::get::<Roster>(&mut session, KEY, position).await?;
    let version = row.as_ref().map_or(0, |row| row.version);
    Ok((position, version, row.map(|row| row.data).unwrap_or_default()))
}

pub async fn set_roles(call: Call) -> Result<Response, Problem> {
    call.by_a_person()?;
    let expected = call.if_match()?;
    let (body, cx) = call.command::<SetRoles>()?;
    let person = checked_person("id", call.id())?;
    let roles = checked(body)?;
    let (administrator, lane) = (call.caller.administrator, format!("access-{}", cx.tenant));
    let assign = access::Command::Assign { person: person.clone(), roles, administrator };
    let done = call.store.perform(&cx, &lane, |work| Box::pin(decide(work, expected, person.clone(), assign.clone())));
    Ok(call.carried_out(&done.await?, false))
}

fn checked(SetRoles { roles, terms }: SetRoles) -> Result<BTreeMap<RoleName, Term>, Problem> {
    given(roles, terms).map_err(Problem::fields)
}

/// Each role with its term. What is wrong is all told at once.
pub fn given(
    roles: BTreeSet<RoleName>,
    terms: BTreeMap<RoleName, AskedTerm>,
) -> Result<BTreeMap<RoleName, Term>, Vec<FieldError>> {
    let mut errors: Vec<FieldError> = Vec::new();
    let mut given: BTreeMap<RoleName, Term> = roles.into_iter().map(|role| (role, Term::ALWAYS)).collect();
    for (role, AskedTerm { from, until }) in terms {
        let field = format!("terms.{role}");
        let mut at = |name: &str, text: Option<String>| {
            let checked = text.map(|text| instant(&format!("{field}.{name}"), &text)).transpose();
            checked.map_err(|error| errors.push(error)).unwrap_or_default()
        };
        let term = Term { from: at("from", from), until: at("until", until) };
        if term.from.zip(term.until).is_some_and(|(from, until)| until <= from) {
            errors.push(field_error(format!("{field}.until"), "it does not lie after `from`: no time is left between"));
        }
        match given.get_mut(&role) {
            Some(given) => *given = term,
            None => errors.push(field_error(field, "it is not among the roles: name it there too")),
        }
    }
    if errors.is_empty() { Ok(given) } else { Err(errors) }
}

pub async fn decide(
    work: &mut Work,
    expected: Option<i64>,
    person: String,
    assign: access::Command,
) -> Result<Outcome, Problem> {
    let tenant = refuse_unless_tenant(work).await?;
    match work.execute::<Admission>(&tenant, expected, assign).await {
        Ok(changed) => Ok(Outcome { id: person, version: changed.version, changed: changed.changed }),
        // Which roles there are, only the tenant knows; to the caller it is a wrong field like any other.
        Err(Refused::Rule(unknown @ Broken::NoSuchRole(..))) => Err(Problem::field("roles", unknown.to_string())),
        Err(refused) => Err(refused.into()),
    }
}

/// The tenant's id. An organisation's own partition has no people: a role there would let its holder issue an administrator's
/// tokens.
pub async fn refuse_unless_tenant(work: &mut Work) -> Result<String, Problem> {
    let tenant = work.cx().tenant.to_string();
    if work.load::<Tenant>(&tenant).await?.1 == 0 {
        return Err(Problem::not_found(format!("tenant {tenant}")));
    }
    Ok(tenant)
}

#[cfg(test)]
mod tests {
    use super::{SetRoles, checked};
    use access::{Role, RoleName, Term};
    use serde_json::{Value, json};

    fn read(body: Value) -> Result<Vec<(RoleName, Term)>, String> {
        let body: SetRoles = serde_json::from_value(body).expect("a body");
        checked(body).map(|roles| roles.into_iter().collect()).map_err(|problem| problem.to_string())
    }

    #[test]
    fn a_role_is_held_for_good_unless_its_term_is_said() {
        let body = json!({"roles": ["viewer", "external_auditor"], "terms": {"external_auditor": {"until": "2026-07-01T00:00:00+02:00"}}});
        let until = "2026-06-30T22:00:00Z".parse().ok();
        assert_eq!(
            read(body),
            Ok(vec![(Role::ExternalAuditor.into(), Term { from: None, until }), (Role::Viewer.into(), Term::ALWAYS)])
        );
    }

    #[test]
    fn a_wrong_term_is_named() {
        for (terms, told) in [
            (json!({"viewer": {"until": "soon"}}), "terms.viewer.until: `soon` is not an instant"),
            (json!({"risk_owner": {}}), "terms.risk_owner: it is not among the roles"),
            (
                json!({"viewer": {"from": "2026-07-01T00:00:00Z", "until": "2026-07-01T00:00:00Z"}}),
                "terms.viewer.until: it does not lie after `from`",
            ),
        ] {
            let problem = read(json!({"roles": ["viewer"], "terms": terms})).expect_err(told);
            assert!(problem.starts_with(told), "{problem}");
        }
        let several = json!({"viewer": {"from": "x", "until": "y"}});
        assert_eq!(
            read(json!({"roles": ["viewer"], "terms": several})),
            Err("2 fields are wrong: see errors".to_owned())
        );
    }
}

//! People who are meant by a role that they have, whoever they are at the time.

use access::{KEY, RoleName, Roster};
use chrono::{DateTime, Utc};
use eventstore::{NOW, Session, Work};
use service::{FieldError, Problem, field_error};
use std::collections::BTreeSet;
use views::get;

/// Roles that the tenant has, each once; or every name that is none of them.
pub async fn checked_roles(
    work: &mut Work,
    field: &str,
    written: Vec<String>,
) -> Result<Result<Vec<RoleName>, Vec<FieldError>>, Problem> {
    if written.is_empty() {
        return Ok(Ok(Vec::new()));
    }
    let roster = get::<Roster>(work.session().await?, KEY, NOW - 1).await?.map(|row| row.data).unwrap_or_default();
    let roles: BTreeSet<RoleName> = written.into_iter().map(RoleName::from).collect();
    let unknown = roles.iter().filter(|role| !roster.has(role));
    let unknown: Vec<FieldError> = unknown
        .map(|role| field_error(field, format!("`{role}` is no role here: GET .../roles lists those that there are")))
        .collect();
    Ok(if unknown.is_empty() { Ok(roles.into_iter().collect()) } else { Err(unknown) })
}

/// Those of whom one of the roles was in force at the instant, as far as this service had heard by the position.
pub async fn holders(
    session: &mut Session,
    roles: &[RoleName],
    position: i64,
    at: DateTime<Utc>,
) -> Result<BTreeSet<String>, Problem> {
    if roles.is_empty() {
        return Ok(BTreeSet::new());
    }
    let roster = get::<Roster>(session, KEY, position).await?.map(|row| row.data).unwrap_or_default();
    let has_one = |person: &String| roster.in_force(person, at).any(|role| roles.contains(&role));
    Ok(roster.roles.keys().filter(|person| has_one(person)).cloned().collect())
}

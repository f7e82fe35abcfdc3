use access::key::{Command, Created, Kind, Secret};
use access::{Action, Admission, Key, KeyDetails, KnownKey, Role};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use chrono::{DateTime, Duration, SubsecRound, Utc};
use eventstore::{Refused, Work};
use serde::{Deserialize, Serialize};
use service::{Call, Ended, FieldError, Item, Listed, Outcome, Problem, checked_text, field_error, json};
use std::collections::BTreeSet;
use utoipa::ToSchema;

const USUAL_DAYS: i64 = 90;

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateKey {
    /// What it is for.
    name: String,
    /// What it may do: one role at least.
    roles: BTreeSet<Role>,
    /// How long it is good for: 1 to 365, 90 where it is not given.
    #[schema(minimum = 1, maximum = 365)]
    days: Option<i64>,
}

#[derive(Serialize, ToSchema)]
pub struct KeyCreated {
    /// The position of the tenant's log after it.
    position: i64,
    id: String,
    /// Shown here and nowhere else again.
    key: String,
    name: String,
    roles: BTreeSet<Role>,
    expires_at: DateTime<Utc>,
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokeKey {}

pub async fn list(call: Call) -> Result<Response, Problem> {
    let Listed { position, items, next } = call.list::<KnownKey>(Vec::new()).await?;
    // All but what the secret is checked against.
    let shown =
        |Item { id, version, changed_at, data }: Item<KnownKey>| Item { id, version, changed_at, data: data.details };
    let listed: Listed<KeyDetails> = Listed { position, items: items.into_iter().map(shown).collect(), next };
    Ok(json(StatusCode::OK, position, &listed))
}

pub async fn create(call: Call) -> Result<Response, Problem> {
    call.by_a_person()?;
    let expected = call.if_match()?;
    let (body, cx) = call.command::<CreateKey>()?;
    let (name, lifetime) = checked(&body)?;
    let secret = Secret::new(Kind::Key, cx.tenant).ok_or_else(|| {
        tracing::error!("the machine gives no randomness");
        Problem::internal()
    })?;
    let created = Created {
        name: name.clone(),
        roles: body.roles.clone(),
        organisation: call.caller.organisation,
        expires_at: cx.now.trunc_subsecs(0) + lifetime,
        digest: secret.digest(),
        provisions: None,
        issuer: None,
    };
    let (id, lane, administrator) = (secret.id.clone(), format!("key-{}", secret.id), call.caller.administrator);
    let done = call
        .store
        .perform(&cx, &lane, |work| Box::pin(give(work, expected, id.clone(), created.clone(), administrator)));
    let done = done.await?;
    let Created { name, roles, expires_at, .. } = created;
    let body =
        KeyCreated { position: done.position, id: secret.id.clone(), key: secret.text(), name, roles, expires_at };
    let mut response = Ended::of(&done).created().version(done.answer.version).with(&body);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

pub async fn revoke(call: Call) -> Result<Response, Problem> {
    call.by_a_person()?;
    let expected = call.if_match()?;
    let (RevokeKey {}, cx) = call.command()?;
    let (id, lane) = (call.id().to_owned(), format!("key-{}", call.id()));
    let done = call.store.perform(&cx, &lane, |work| Box::pin(decide(work, expected, id.clone(), Command::Revoke)));
    Ok(call.carried_out(&done.await?, false))
}

fn checked(body: &CreateKey) -> Result<(String, Duration), Problem> {
    let lifetime = checked_lifetime(body.days, USUAL_DAYS);
    let roles = if body.roles.is_empty() { Err(field_error("roles", "name one role at least")) } else { Ok(()) };
    match (checked_text("name", &body.name, 200), roles, lifetime) {
        (Ok(name), Ok(()), Ok(lifetime)) => Ok((name, lifetime)),
        (name, roles, lifetime) => {
            let errors = name.err().into_iter().chain(roles.err()).chain(lifetime.err());
            Err(Problem::fields(errors.collect::<Vec<FieldError>>()))
        }
    }
}

pub fn checked_lifetime(days: Option<i64>, usual: i64) -> Result<Duration, FieldError> {
    let days = days.unwrap_or(usual);
    let lifetime = (1..=365).contains(&days).then(|| Duration::days(days));
    lifetime.ok_or_else(|| field_error("days", format!("{days} is not a whole number from 1 to 365")))
}

/// A key allows nothing that its creator may not do: else it would be how they come by it.
async fn give(
    work: &mut Work,
    expected: Option<i64>,
    id: String,
    created: Created,
    administrator: bool,
) -> Result<Outcome, Problem> {
    let (cx, tenant) = (work.cx().clone(), work.cx().tenant.to_string());
    let admission = work.load::<Admission>(&tenant).await?.0;
    for role in &created.roles {
        let allowed = Action::all().filter(|action| role.may(*action));
        admission.refuse_beyond_own_rights(role.into(), allowed, administrator, &cx).map_err(Refused::Rule)?;
    }
    decide(work, expected, id, Command::Create(created)).await
}

pub async fn decide(work: &mut Work, expected: Option<i64>, id: String, command: Command) -> Result<Outcome, Problem> {
    if matches!(command, Command::Revoke) && work.load::<Key>(&id).await?.1 == 0 {
        return Err(Problem::not_found(format!("key {id}")));
    }
    let changed = work.execute::<Key>(&id, expected, command).await?;
    Ok(Outcome { id, version: changed.version, changed: changed.changed })
}

#[cfg(test)]
mod tests {
    use super::{CreateKey, checked};
    use access::Role;

    fn fault(name: &str, roles: &[Role], days: Option<i64>) -> Option<String> {
        let body = CreateKey { name: name.to_owned(), roles: roles.iter().copied().collect(), days };
        checked(&body).err().map(|problem| problem.to_string())
    }

    #[test]
    fn every_wrong_field_is_named_at_once() {
        assert_eq!(fault("Import", &[Role::RiskOwner], None), None);
        assert_eq!(fault("Import", &[Role::RiskOwner], Some(365)), None);
        assert!(fault("Import", &[], None).is_some_and(|fault| fault.starts_with("roles: ")));
        assert!(fault("Import", &[Role::Viewer], Some(366)).is_some_and(|fault| fault.starts_with("days: ")));
        assert_eq!(fault(" ", &[], Some(0)).as_deref(), Some("3 fields are wrong: see errors"));
    }
}

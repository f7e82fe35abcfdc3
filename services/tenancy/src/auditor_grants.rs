use crate::people::refuse_unless_tenant;
use access::grant::{Command, Created};
use access::key::{Kind, Secret};
use access::{Action, Admission, Area, Grant, GrantDetails, KnownGrant};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use chrono::{DateTime, Duration, Utc};
use eventstore::{Refused, Work};
use serde::{Deserialize, Serialize};
use service::{
    Answered, Call, Ended, FieldError, Item, Listed, Object, Outcome, Problem, Route, Routes, checked_text,
    field_error, instant, json, object_answer,
};
use std::collections::BTreeSet;
use utoipa::ToSchema;

const MOST_DAYS: i64 = 366;

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GrantAuditor {
    /// For whom it is: the firm, or the audit. It stays in the log for good: no person's name.
    auditor: String,
    /// What it shows: one area at least.
    scope: BTreeSet<Area>,
    /// It shows what had been recorded by this instant, and nothing later; what is there now, where it is not given.
    #[schema(format = DateTime)]
    as_of: Option<String>,
    /// Until when it counts: a year at most.
    #[schema(format = DateTime)]
    expires_at: String,
}

#[derive(Serialize, ToSchema)]
pub struct GrantCreated {
    /// The position of the tenant's log after it.
    position: i64,
    id: String,
    /// What the auditor comes with. Shown here and nowhere else again.
    key: String,
    auditor: String,
    scope: BTreeSet<Area>,
    #[serde(skip_serializing_if = "Option::is_none")]
    as_of: Option<DateTime<Utc>>,
    expires_at: DateTime<Utc>,
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokeGrant {}

pub async fn list(call: Call) -> Result<Response, Problem> {
    let Listed { position, items, next } = call.list::<KnownGrant>(Vec::new()).await?;
    let listed: Listed<GrantDetails> = Listed { position, items: items.into_iter().map(shown).collect(), next };
    Ok(json(StatusCode::OK, position, &listed))
}

pub async fn show(call: Call) -> Result<Response, Problem> {
    let Object { position, item } = call.object::<KnownGrant>(call.id()).await?;
    Ok(object_answer(&Object { position, item: shown(item) }))
}

/// All but what the secret is checked against.
fn shown(Item { id, version, changed_at, data }: Item<KnownGrant>) -> Item<GrantDetails> {
    Item { id, version, changed_at, data: data.details }
}

pub async fn create(call: Call) -> Result<Response, Problem> {
    call.by_a_person()?;
    let expected = call.if_match()?;
    let (body, cx) = call.command::<GrantAuditor>()?;
    let Checked { auditor, as_of, expires_at } = checked(&body, cx.now)?;
    let secret = Secret::new(Kind::Grant, cx.tenant).ok_or_else(|| {
        tracing::error!("the machine gives no randomness");
        Problem::internal()
    })?;
    let (organisation, administrator) = (call.caller.organisation, call.caller.administrator);
    let (scope, digest) = (body.scope, secret.digest());
    let created = Created { auditor, scope, as_of, organisation, expires_at, digest };
    let (id, lane) = (secret.id.clone(), format!("grant-{}", secret.id));
    let done = call
        .store
        .perform(&cx, &lane, |work| Box::pin(give(work, expected, id.clone(), created.clone(), administrator)));
    let done = done.await?;
    let Created { auditor, scope, as_of, expires_at, .. } = created.clone();
    let (position, key) = (done.position, secret.text());
    let body = GrantCreated { position, id: secret.id.clone(), key, auditor, scope, as_of, expires_at };
    let place = format!("/v1/tenants/{}/auditor-grants/{}", cx.tenant, secret.id);
    let mut response = Ended::of(&done).created().at(place).version(done.answer.version).with(&body);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

pub async fn revoke(call: Call) -> Result<Response, Problem> {
    call.by_a_person()?;
    let expected = call.if_match()?;
    let (RevokeGrant {}, cx) = call.command()?;
    let (id, lane) = (call.id().to_owned(), format!("grant-{}", call.id()));
    let done = call.store.perform(&cx, &lane, |work| Box::pin(take_back(work, expected, id.clone())));
    Ok(call.carried_out(&done.await?, false))
}

struct Checked {
    auditor: String,
    as_of: Option<DateTime<Utc>>,
    expires_at: DateTime<Utc>,
}

/// What is wrong is all told at once.
fn checked(body: &GrantAuditor, now: DateTime<Utc>) -> Result<Checked, Problem> {
    let auditor = checked_text("auditor", &body.auditor, 200);
    let scope = if body.scope.is_empty() { Err(field_error("scope", "name one area at least")) } else { Ok(()) };
    let as_of = body.as_of.as_deref().map(|text| past(text, now)).transpose();
    match (auditor, scope, as_of, end(&body.expires_at, now)) {
        (Ok(auditor), Ok(()), Ok(as_of), Ok(expires_at)) => Ok(Checked { auditor, as_of, expires_at }),
        (auditor, scope, as_of, end) => {
            let errors = auditor.err().into_iter().chain(scope.err()).chain(as_of.err()).chain(end.err());
            Err(Problem::fields(errors.collect::<Vec<FieldError>>()))
        }
    }
}

fn past(text: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, FieldError> {
    let at = instant("as_of", text)?;
    let future =
        || field_error("as_of", "it lies in the future, which may still change: leave it out to show what is there");
    if at > now { Err(future()) } else { Ok(at) }
}

fn end(text: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, FieldError> {
    let at = instant("expires_at", text)?;
    if at <= now {
        return Err(field_error("expires_at", "it has passed: say an instant to come"));
    }
    if at - now > Duration::days(MOST_DAYS) {
        return Err(field_error("expires_at", "it lies more than a year ahead: give a new grant then"));
    }
    Ok(at)
}

async fn give(
    work: &mut Work,
    expected: Option<i64>,
    id: String,
    created: Created,
    administrator: bool,
) -> Result<Outcome, Problem> {
    let tenant = refuse_unless_tenant(work).await?;
    let cx = work.cx().clone();
    let admission = work.load::<Admission>(&tenant).await?.0;
    let needed = created.scope.iter().map(|area| match area {
        Area::Trail => Action::ReadTrail,
        Area::Assets
        | Area::Context
        | Area::Communications
        | Area::Competences
        | Area::Controls
        | Area::Documents
        | Area::Evidence
        | Area::Exceptions
        | Area::Findings
        | Area::Methodology
        | Area::People
        | Area::Risks
        | Area::Soa
        | Area::Suppliers
        | Area::Tenant => Action::Read,
    });
    admission.refuse_beyond_own_rights("the scope", needed, administrator, &cx).map_err(Refused::Rule)?;
    let changed = work.execute::<Grant>(&id, expected, Command::Create(created)).await?;
    Ok(Outcome { id, version: changed.version, changed: changed.changed })
}

async fn take_back(work: &mut Work, expected: Option<i64>, id: String) -> Result<Outcome, Problem> {
    if work.load::<Grant>(&id).await?.1 == 0 {
        return Err(Problem::not_found(format!("grant {id}")));
    }
    let changed = work.execute::<Grant>(&id, expected, Command::Revoke).await?;
    Ok(Outcome { id, version: changed.version, changed: changed.changed })
}

/// By what auditors look who have no account.
pub fn routes(routes: Routes) -> Routes {
    use Action::ManageTenant;
    let (noun, one) = ("/auditor-grants", "/auditor-grants/{id}");
    routes
        .with(
            Route::tenant(Method::GET, noun, ManageTenant, "List the auditors' grants, also those that ended")
                .pages::<KnownGrant>()
                .gives::<Listed<GrantDetails>>(200)
                .answered_by(list),
        )
        .with(
            Route::tenant(Method::POST, noun, ManageTenant, "Let an auditor look, each look recorded")
                .takes::<GrantAuditor>()
                .keyless(
                    "a grant is kept nowhere, so it cannot be given again: send the request without an Idempotency-Key",
                )
                .gives::<GrantCreated>(201)
                .answered_by(create),
        )
        .with(
            Route::tenant(Method::GET, one, ManageTenant, "Show an auditor's grant")
                .as_of()
                .gives::<Object<GrantDetails>>(200)
                .answered_by(show),
        )
        .with(
            Route::tenant(Method::DELETE, one, ManageTenant, "Revoke an auditor's grant")
                .takes::<RevokeGrant>()
                .gives::<Answered>(200)
                .answered_by(revoke),
        )
        .with(
            Route::tenant(
                Method::GET,
                "/auditor-grants/{id}/history",
                ManageTenant,
                "Who gave an auditor's grant and took it back, when and why",
            )
            .history_of::<KnownGrant>(|call| call.id().to_owned()),
        )
}

#[cfg(test)]
mod tests {
    use super::{GrantAuditor, checked};
    use serde_json::{Value, json};

    /// On the first of March.
    fn faults(body: Value) -> Vec<String> {
        let body: GrantAuditor = serde_json::from_value(body).expect("a body");
        let now = "2026-03-01T09:30:00Z".parse().expect("an instant");
        let problem = checked(&body, now).err().map(|problem| serde_json::to_value(problem).expect("written"));
        let errors = problem.map(|problem| problem["errors"].as_array().cloned().unwrap_or_default());
        errors.into_iter().flatten().map(|error| error["field"].as_str().unwrap_or_default().to_owned()).collect()
    }

    #[test]
    fn every_wrong_field_is_named_at_once() {
        let good = json!({"auditor": "Certification", "scope": ["soa"], "expires_at": "2027-03-01T09:30:00Z"});
        assert!(faults(good).is_empty());
        let wrong =
            json!({"auditor": " ", "scope": [], "as_of": "2026-03-01T09:30:01Z", "expires_at": "2026-03-01T09:30:00Z"});
        assert_eq!(faults(wrong), ["auditor", "scope", "as_of", "expires_at"]);
        let long = json!({"auditor": "Certification", "scope": ["soa"], "as_of": "then", "expires_at": "2027-03-03T00:00:00Z"});
        assert_eq!(faults(long), ["as_of", "expires_at"]);
    }
}

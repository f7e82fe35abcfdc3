use crate::organisation::{Command, Organisation};
use access::{Caller, Issuer};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use chrono::{DateTime, Duration, SubsecRound, Utc};
use eventstore::{Cx, Done, EventStore, Work};
use serde::{Deserialize, Serialize};
use service::{Call, Ended, FieldError, Problem, checked_person, field_error};
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;

const USUAL_DAYS: i64 = 30;

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IssueToken {
    /// A short handle, in lower case; never a name or an address.
    person: String,
    /// How long it is good for: 1 to 365, 30 where it is not given.
    #[schema(minimum = 1, maximum = 365)]
    days: Option<i64>,
    /// Whether the person administers the organisation, and with it every tenant that it owns.
    #[serde(default)]
    administrator: bool,
}

#[derive(Serialize, ToSchema)]
pub struct TokenIssued {
    /// The position of the organisation's log after it.
    position: i64,
    /// Shown here and nowhere else again.
    token: String,
    person: String,
    administrator: bool,
    expires_at: DateTime<Utc>,
}

/// A token that was issued. It is kept nowhere.
pub struct IssuedToken {
    pub token: String,
    pub expires_at: DateTime<Utc>,
}

/// For whom, and for how long.
struct Asked {
    person: String,
    administrator: bool,
    lifetime: Duration,
}

pub async fn answer(call: Call, issuer: Arc<Issuer>) -> Result<Response, Problem> {
    let expected = call.if_match()?;
    let (body, cx) = call.command::<IssueToken>()?;
    let asked = checked(&body)?;
    let (done, IssuedToken { token, expires_at }) = issue(&call.store, &issuer, cx, &asked, expected).await?;
    let Asked { person, administrator, .. } = asked;
    let body = TokenIssued { position: done.position, token, person, administrator, expires_at };
    let mut response = Ended::of(&done).created().with(&body);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Issues a token for a person of the context's organisation, and records that.
pub async fn issue_token(
    store: &EventStore,
    issuer: &Issuer,
    cx: Cx,
    person: &str,
    administrator: bool,
    lifetime: Duration,
) -> Result<IssuedToken, Problem> {
    let asked = Asked { person: checked_person("person", person)?, administrator, lifetime };
    issue(store, issuer, cx, &asked, None).await.map(|(_, token)| token)
}

async fn issue(
    store: &EventStore,
    issuer: &Issuer,
    cx: Cx,
    asked: &Asked,
    expected: Option<i64>,
) -> Result<(Done<()>, IssuedToken), Problem> {
    let Asked { person, administrator, lifetime } = asked;
    let (administrator, token_id) = (*administrator, Uuid::new_v4());
    let caller = Caller { person: person.clone(), organisation: cx.tenant.0, administrator };
    // Tokens count in whole seconds.
    let now = cx.now.trunc_subsecs(0);
    let token = issuer.issue_as(token_id, &caller, now, *lifetime).map_err(|error| {
        tracing::error!(%error, "a token could not be issued");
        Problem::internal()
    })?;
    let expires_at = now + *lifetime;
    // Recorded before it leaves: a token that nobody knows of must not be about.
    let command = Command::RecordToken { person: person.clone(), administrator, expires_at, token_id };
    let lane = format!("organisation-{}", cx.tenant);
    let done = store.perform(&cx, &lane, |work| Box::pin(decide(work, expected, command.clone()))).await?;
    Ok((done, IssuedToken { token, expires_at }))
}

fn checked(body: &IssueToken) -> Result<Asked, Problem> {
    let days = body.days.unwrap_or(USUAL_DAYS);
    let lifetime = (1..=365).contains(&days).then(|| Duration::days(days));
    let lifetime = lifetime.ok_or_else(|| field_error("days", format!("{days} is not a whole number from 1 to 365")));
    match (checked_person("person", &body.person), lifetime) {
        (Ok(person), Ok(lifetime)) => Ok(Asked { person, administrator: body.administrator, lifetime }),
        (person, lifetime) => {
            let errors: Vec<FieldError> = person.err().into_iter().chain(lifetime.err()).collect();
            Err(Problem::fields(errors))
        }
    }
}

async fn decide(work: &mut Work, expected: Option<i64>, command: Command) -> Result<(), Problem> {
    let organisation = work.cx().tenant.to_string();
    work.execute::<Organisation>(&organisation, expected, command).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{IssueToken, checked};

    fn fault(person: &str, days: Option<i64>) -> Option<String> {
        let body = IssueToken { person: person.to_owned(), days, administrator: false };
        checked(&body).err().map(|problem| problem.to_string())
    }

    #[test]
    fn a_token_is_good_for_a_day_to_a_year() {
        assert_eq!(fault("mara", None), None);
        assert_eq!(fault("mara", Some(1)), None);
        assert_eq!(fault("mara", Some(365)), None);
        for days in [0, 366, -1, i64::MAX] {
            assert!(fault("mara", Some(days)).is_some_and(|fault| fault.starts_with("days: ")), "{days}");
        }
    }

    #[test]
    fn every_wrong_field_is_named_at_once() {
        assert_eq!(fault("Mara", Some(0)).as_deref(), Some("2 fields are wrong: see errors"));
    }
}

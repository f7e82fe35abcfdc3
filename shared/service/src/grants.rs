//! What an auditor's grant shows, and that each look is recorded before its answer leaves.

use crate::answer::POSITION;
use crate::route::Scope;
use crate::{Call, Problem, Route};
use access::look::{Command, Taken};
use access::{KnownGrant, Look};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, SecondsFormat, Utc};
use eventstore::{Cx, EventStore, Session, Work};
use uuid::Uuid;

/// Of what is asked for, so that each look can be recorded as it was sent.
const LONGEST_TARGET: usize = 2_000;

/// Refuses what the grant does not show, before anything of the request is read.
pub fn refuse_beyond(grant: &KnownGrant, route: &Route) -> Result<(), Problem> {
    if route.writes() {
        return Err(beyond("an auditor's grant changes nothing"));
    }
    let area = route.area().filter(|area| grant.details.scope.contains(area));
    if route.scope != Scope::Tenant || area.is_none() {
        let scope: Vec<&str> = grant.details.scope.iter().map(<&str>::from).collect();
        return Err(beyond(format!("the grant does not show this: it shows {}", scope.join(", "))));
    }
    // What has no past would show what came later.
    if grant.details.as_of.is_some() && !route.parameters().any(|parameter| parameter.name == "as_of") {
        return Err(beyond("this cannot be shown as of an instant, and the grant shows nothing else"));
    }
    Ok(())
}

/// Refuses a request that is too long to be recorded whole.
pub fn refuse_too_long(target: &str) -> Result<(), Problem> {
    if target.len() <= LONGEST_TARGET {
        return Ok(());
    }
    let detail =
        format!("path and query have {} characters, and {LONGEST_TARGET} are the most with a grant", target.len());
    Err(Problem::field("query", detail))
}

/// The answer to a look, once the look is recorded. Where that fails there is none.
pub async fn recorded(
    store: &EventStore,
    cx: &Cx,
    target: String,
    answer: Result<Response, Problem>,
) -> Result<Response, Problem> {
    let response = answer.into_response();
    let position = response.headers().get(POSITION).and_then(|position| position.to_str().ok()?.parse().ok());
    let taken = Taken { path: target, status: response.status().as_u16(), position };
    let id = Uuid::now_v7().to_string();
    let lane = format!("look-{id}");
    store.perform(cx, &lane, |work| Box::pin(take(work, id.clone(), taken.clone()))).await?;
    Ok(response)
}

async fn take(work: &mut Work, id: String, taken: Taken) -> Result<(), Problem> {
    work.execute::<Look>(&id, None, Command::Take(taken)).await?;
    Ok(())
}

fn beyond(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "beyond_the_grant", detail)
}

/// What is told of everything that was recorded later, whatever it is.
fn later(until: DateTime<Utc>) -> Problem {
    let until = until.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    beyond(format!("as_of: the grant shows what had been recorded by {until}, and nothing later"))
}

impl Call {
    /// The last instant that the caller's grant shows, where it has one.
    pub fn shows_until(&self) -> Option<DateTime<Utc>> {
        self.grant.as_ref().and_then(|grant| grant.details.as_of)
    }

    /// The instant, where the caller's grant shows it.
    pub fn within_grant(&self, at: DateTime<Utc>) -> Result<DateTime<Utc>, Problem> {
        self.shows_until().filter(|until| at > *until).map_or(Ok(at), |until| Err(later(until)))
    }

    /// The position, where the caller's grant shows it.
    pub(crate) async fn position_within_grant(&self, session: &mut Session, position: i64) -> Result<i64, Problem> {
        let Some(until) = self.shows_until() else { return Ok(position) };
        if position > session.position_at(until).await? { Err(later(until)) } else { Ok(position) }
    }
}

#[cfg(test)]
mod tests {
    use super::refuse_beyond;
    use crate::Route;
    use access::{Action, Area, GrantDetails, KnownGrant};
    use axum::http::Method;
    use chrono::DateTime;
    use uuid::Uuid;

    fn grant(as_of: bool) -> KnownGrant {
        let details = GrantDetails {
            auditor: "Certification".to_owned(),
            scope: [Area::Risks, Area::Soa].into(),
            as_of: as_of.then_some(DateTime::UNIX_EPOCH),
            created_by: "mara".to_owned(),
            created_at: DateTime::UNIX_EPOCH,
            expires_at: DateTime::UNIX_EPOCH,
            revoked_at: None,
        };
        KnownGrant { details, organisation: Uuid::nil(), digest: String::new() }
    }

    fn told(as_of: bool, route: &Route) -> Option<String> {
        refuse_beyond(&grant(as_of), route).err().map(|problem| problem.to_string())
    }

    #[test]
    fn only_what_is_in_the_scope_is_shown() {
        let get = |tail| Route::tenant(Method::GET, tail, Action::Read, "");
        for tail in ["/risks", "/risks.csv", "/risks/{id}/history", "/soa", "/soa.csv"] {
            assert_eq!(told(false, &get(tail)), None, "{tail}");
        }
        for tail in ["", "/controls", "/trail", "/people", "/notifications", "/anything-new"] {
            let told = told(false, &get(tail));
            assert_eq!(told.as_deref(), Some("the grant does not show this: it shows risks, soa"), "{tail}");
        }
        let organisation = Route::organisation(Method::GET, "/risks", Action::Read, "");
        assert!(told(false, &organisation).is_some());
        let write = Route::tenant(Method::POST, "/risks", Action::Read, "");
        assert_eq!(told(false, &write).as_deref(), Some("an auditor's grant changes nothing"));
    }

    #[test]
    fn what_has_no_past_is_not_shown_as_of_an_instant() {
        let route = Route::tenant(Method::GET, "/risks", Action::Read, "");
        assert!(told(true, &route).is_some_and(|told| told.starts_with("this cannot be shown")));
        assert_eq!(told(true, &route.as_of()), None);
    }
}

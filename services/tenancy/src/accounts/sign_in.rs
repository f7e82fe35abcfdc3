use super::attempt::in_time;
use super::row::Row;
use super::totp::{Authenticator, recovery_digest};
use super::{Accounts, unkept};
use crate::account::{Account, Command, Factor};
use access::{Caller, Lockout};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Duration, SubsecRound, Utc};
use eventstore::{Actor, Cx, Done, Work};
use serde::{Deserialize, Serialize};
use service::{Call, Ended, Problem, checked_person};
use std::sync::Arc;
use tokio::time::Instant;
use utoipa::ToSchema;
use uuid::Uuid;

/// A working day.
const LIFETIME: Duration = Duration::hours(12);

#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    person: String,
    password: String,
    /// Of the authenticator app, or a recovery code, where the account has one.
    code: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct SignedIn {
    /// The position of the organisation's log after it.
    position: i64,
    /// Send it as `Authorization: Bearer ...`. Shown here and nowhere else again.
    token: String,
    person: String,
    administrator: bool,
    expires_at: DateTime<Utc>,
    /// How many recovery codes are left; missing where there is no authenticator.
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery_codes: Option<usize>,
}

/// What became of a right password.
#[derive(Serialize, Deserialize)]
enum Shown {
    Right { administrator: bool, recovery_codes: Option<usize> },
    CodeMissing,
    Wrong,
}

/// `POST /sign-in`. Who is not there, who is locked out, who has no password yet, and who sends a wrong one or a
/// wrong code hear the same, and as late.
pub async fn sign_in(call: Call, accounts: Arc<Accounts>) -> Result<Response, Problem> {
    let began = Instant::now();
    let answered = tried(&call, &accounts).await;
    if answered.is_err() {
        in_time(began).await;
    }
    answered
}

async fn tried(call: &Call, accounts: &Arc<Accounts>) -> Result<Response, Problem> {
    let (SignIn { person, password, code }, _) = call.command()?;
    let person = checked_person("person", &person)?;
    let attempt = accounts.attempt_of(call, &person)?;
    // Nobody has shown anything yet, so nothing that they say is kept with what is recorded.
    let cx = Cx { actor: Actor::Service(call.store.service().to_owned()), ..call.cx.clone() };
    let (token_id, expires_at) = (Uuid::new_v4(), cx.now.trunc_subsecs(0) + LIFETIME);
    let signing = Signing { person: person.clone(), hash: None, code, token_id, expires_at, wait_s: attempt.wait_s };
    match looked_at(call, &cx, accounts, &password, signing).await {
        Ok(Some(Done { answer: Shown::Right { administrator, recovery_codes }, position, repeated })) => {
            attempt.succeeded();
            let caller = Caller { person, organisation: cx.tenant.0, administrator };
            let token = accounts.issue(token_id, &caller, cx.now, LIFETIME)?;
            let Caller { person, .. } = caller;
            let body = SignedIn { position, token, person, administrator, expires_at, recovery_codes };
            Ok(unkept(Ended::of(&Done { answer: (), position, repeated }).with(&body)))
        }
        Ok(Some(Done { answer: Shown::CodeMissing, .. })) => {
            attempt.undecided();
            Err(code_missing())
        }
        Ok(None | Some(Done { answer: Shown::Wrong, .. })) => Err(refused()),
        // A fault of ours is none of theirs.
        Err(problem) => {
            attempt.undecided();
            Err(problem)
        }
    }
}

/// Checks the password, also where there is none to check against, and then decides; nothing where it is wrong.
async fn looked_at(
    call: &Call,
    cx: &Cx,
    accounts: &Arc<Accounts>,
    password: &str,
    signing: Signing,
) -> Result<Option<Done<Shown>>, Problem> {
    let Signing { person, wait_s, .. } = &signing;
    let known = Row::find(&call.store, cx.tenant, person).await?;
    let hash = known.as_ref().and_then(|row| row.password.clone());
    if !accounts.hasher.fits(password, hash.clone()).await? {
        if known.is_some() {
            accounts.note_refusal(call, person, Factor::Password, *wait_s).await?;
        }
        return Ok(None);
    }
    let (lane, signing) = (format!("account-{person}"), Signing { hash, ..signing });
    let done = call.store.perform(cx, &lane, |work| Box::pin(shown(work, accounts.clone(), signing.clone())));
    done.await.map(Some)
}

#[derive(Clone)]
struct Signing {
    person: String,
    /// That the password was checked against.
    hash: Option<String>,
    code: Option<String>,
    token_id: Uuid,
    expires_at: DateTime<Utc>,
    wait_s: u32,
}

/// Decides on the account as it is now, which nobody else changes meanwhile: a code is taken once, however many send it.
async fn shown(work: &mut Work, accounts: Arc<Accounts>, signing: Signing) -> Result<Shown, Problem> {
    let Signing { person, hash, code, token_id, expires_at, wait_s } = signing;
    let Some(mut row) = Row::held(work, &person).await?.filter(|row| row.password == hash) else {
        return Ok(Shown::Wrong);
    };
    if work.load::<Lockout>(&person).await?.0.stands() {
        return Ok(Shown::Wrong);
    }
    let factor = match (row.totp.clone(), code) {
        (None, _) => Ok(Factor::Password),
        (Some(_), None) => return Ok(Shown::CodeMissing),
        (Some(sealed), Some(code)) => {
            let secret = accounts.sealer.open(work.cx().tenant, &person, &sealed);
            if secret.is_none() {
                tracing::error!(
                    "an authenticator's secret was sealed by another key: an administrator has to remove it"
                );
            }
            take(&mut row, secret, &code, work.cx().now)
        }
    };
    match factor {
        Ok(factor) => {
            row.keep(work).await?;
            let cx = work.cx().clone();
            work.continue_as(Cx { actor: Actor::Person(person.clone()), ..cx });
            work.execute::<Account>(&person, None, Command::SignIn { factor, token_id, expires_at }).await?;
            let recovery_codes = row.totp.is_some().then_some(row.recovery.len());
            Ok(Shown::Right { administrator: row.administrator, recovery_codes })
        }
        Err(factor) => {
            work.execute::<Account>(&person, None, Command::Refuse { factor, wait_s }).await?;
            Ok(Shown::Wrong)
        }
    }
}

/// Takes the code, so that it counts no second time; says as what, also where it is none.
fn take(row: &mut Row, secret: Option<Vec<u8>>, code: &str, now: DateTime<Utc>) -> Result<Factor, Factor> {
    if code.chars().any(|c| c.is_ascii_alphabetic()) {
        let digest = recovery_digest(code);
        let place = row.recovery.iter().position(|kept| *kept == digest).ok_or(Factor::RecoveryCode)?;
        row.recovery.remove(place);
        return Ok(Factor::RecoveryCode);
    }
    let authenticator = secret.and_then(|secret| Authenticator::of(secret, &row.person)).ok_or(Factor::Totp)?;
    row.totp_step = authenticator.step_of(code, now.timestamp(), row.totp_step).ok_or(Factor::Totp)?;
    Ok(Factor::Totp)
}

/// The one answer to everybody who is not let in.
fn refused() -> Problem {
    let detail = "person and password, and the code where there is an authenticator, do not fit together: try again, or ask an \
                  administrator of your organisation for a new link";
    Problem::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail)
}

/// Only whoever sent the right password hears it.
fn code_missing() -> Problem {
    let detail = "code: send the code that the authenticator app shows, or a recovery code";
    Problem::new(StatusCode::UNAUTHORIZED, "second_factor", detail)
}

use super::row::Row;
use super::totp::{Authenticator, RecoveryCodes};
use super::{Accounts, password, unkept};
use crate::account::{Account, Command, Factor};
use axum::http::StatusCode;
use axum::response::Response;
use eventstore::Work;
use serde::{Deserialize, Serialize};
use service::{Call, Ended, Problem, json};
use std::sync::Arc;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub struct OwnAccount {
    /// The position of the organisation's log.
    position: i64,
    person: String,
    administrator: bool,
    has_password: bool,
    /// Whether a code of an authenticator app is asked for.
    second_factor: bool,
    recovery_codes: usize,
}

#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangePassword {
    old_password: String,
    /// 12 to 128 characters, whichever they are; not one of the commonest, and without your name or the organisation's.
    #[schema(min_length = 12, max_length = 128)]
    new_password: String,
}

#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BeginSecondFactor {
    password: String,
}

#[derive(Serialize, ToSchema)]
pub struct SecondFactorBegun {
    /// As it is typed into an authenticator app. Shown here and nowhere else again.
    secret: String,
    /// The same, as the picture for such an app says it.
    url: String,
}

#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmSecondFactor {
    /// What the app shows now.
    code: String,
}

#[derive(Serialize, ToSchema)]
pub struct SecondFactorConfirmed {
    /// The position of the organisation's log after it.
    position: i64,
    /// Each stands in once for the app. Shown here and nowhere else again.
    recovery_codes: Vec<String>,
}

#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RemoveSecondFactor {
    password: String,
}

/// The body of the answer to a change of one's own account.
#[derive(Serialize, ToSchema)]
pub struct AccountChanged {
    /// The position of the organisation's log after it.
    position: i64,
    person: String,
}

/// `GET /account`
pub async fn show(call: Call) -> Result<Response, Problem> {
    let row = own(&call).await?;
    let position = call.session().await?.head().await?;
    let Row { person, administrator, password, totp, recovery, .. } = row;
    let (has_password, second_factor, recovery_codes) = (password.is_some(), totp.is_some(), recovery.len());
    let body = OwnAccount { position, person, administrator, has_password, second_factor, recovery_codes };
    Ok(json(StatusCode::OK, position, &body))
}

/// `PUT /account/password`
pub async fn change_password(call: Call, accounts: Arc<Accounts>) -> Result<Response, Problem> {
    let (ChangePassword { old_password, new_password }, _) = call.command()?;
    let row = confirmed(&call, &accounts, "old_password", &old_password).await?;
    let organisation = super::organisation_name(&call).await?;
    password::checked("new_password", &new_password, &[&row.person, &organisation])?;
    let new = accounts.hasher.hash(&new_password).await?;
    changed(&call, row, move |row| {
        row.password = Some(new.clone());
        Ok(Command::SetPassword { by_link: false })
    })
    .await
}

/// `POST /account/second-factor`: it counts once a code of it was seen.
pub async fn begin(call: Call, accounts: Arc<Accounts>) -> Result<Response, Problem> {
    let (BeginSecondFactor { password }, _) = call.command()?;
    let row = confirmed(&call, &accounts, "password", &password).await?;
    if row.totp.is_some() {
        return Err(Problem::new(StatusCode::CONFLICT, "second_factor_on", "remove the authenticator first"));
    }
    let authenticator = Authenticator::new(&row.person)?;
    let sealed = accounts.sealer.seal(call.cx.tenant, &row.person, authenticator.secret())?;
    let mut work = call.store.work(call.cx.clone());
    let Some(mut row) = Row::held(&mut work, &row.person).await? else { return Err(none()) };
    row.totp_new = Some(sealed);
    row.keep(&mut work).await?;
    let position = work.session().await?.head().await?;
    work.finish().await?;
    let body = SecondFactorBegun { secret: authenticator.secret_text(), url: authenticator.url() };
    Ok(unkept(json(StatusCode::OK, position, &body)))
}

/// `PUT /account/second-factor`
pub async fn confirm(call: Call, accounts: Arc<Accounts>) -> Result<Response, Problem> {
    let (ConfirmSecondFactor { code }, cx) = call.command()?;
    let row = own(&call).await?;
    let attempt = accounts.attempt_of(&call, &row.person)?;
    let secret = row.totp_new.as_ref().and_then(|sealed| accounts.sealer.open(cx.tenant, &row.person, sealed));
    let authenticator = secret.and_then(|secret| Authenticator::of(secret, &row.person));
    let authenticator = authenticator.ok_or_else(|| {
        let detail = "no authenticator waits for its first code: begin with POST";
        Problem::new(StatusCode::CONFLICT, "second_factor_not_begun", detail)
    })?;
    let step = authenticator
        .step_of(&code, cx.now.timestamp(), 0)
        .ok_or_else(|| Problem::field("code", "it is not what the app shows now: compare the clocks, or begin anew"))?;
    let codes = RecoveryCodes::new()?;
    let digests = codes.digests();
    let begun = row.totp_new.clone();
    let lane = format!("account-{}", row.person);
    let done = call.store.perform(&cx, &lane, |work| {
        let (person, digests, begun) = (row.person.clone(), digests.clone(), begun.clone());
        Box::pin(async move {
            let held = Row::held(work, &person).await?.filter(|row| row.totp_new == begun);
            let Some(mut row) = held else { return Err(none()) };
            (row.totp, row.totp_new, row.totp_step, row.recovery) = (row.totp_new, None, step, digests);
            row.keep(work).await?;
            work.execute::<Account>(&person, None, Command::EnableSecondFactor).await?;
            Ok::<(), Problem>(())
        })
    });
    let done = done.await?;
    attempt.undecided();
    let body = SecondFactorConfirmed { position: done.position, recovery_codes: codes.0 };
    Ok(unkept(Ended::of(&done).with(&body)))
}

/// `DELETE /account/second-factor`
pub async fn remove(call: Call, accounts: Arc<Accounts>) -> Result<Response, Problem> {
    let (RemoveSecondFactor { password }, _) = call.command()?;
    let row = confirmed(&call, &accounts, "password", &password).await?;
    changed(&call, row, |row| {
        (row.totp, row.totp_new, row.recovery) = (None, None, Vec::new());
        Ok(Command::DisableSecondFactor)
    })
    .await
}

fn none() -> Problem {
    Problem::not_found("account of yours")
}

async fn own(call: &Call) -> Result<Row, Problem> {
    Row::find(&call.store, call.cx.tenant, &call.caller.person).await?.ok_or_else(none)
}

/// The caller's account, where they show its password: a token that somebody else got hold of is not enough.
async fn confirmed(call: &Call, accounts: &Accounts, field: &str, password: &str) -> Result<Row, Problem> {
    let row = own(call).await?;
    let attempt = accounts.attempt_of(call, &row.person)?;
    if accounts.hasher.fits(password, row.password.clone()).await? {
        attempt.succeeded();
        return Ok(row);
    }
    accounts.note_refusal(call, &row.person, Factor::Password, attempt.wait_s).await?;
    Err(Problem::field(field, "it is not the password of your account"))
}

/// Changes what the account is signed in with, and records it, unless its password was changed meanwhile.
async fn changed(
    call: &Call,
    known: Row,
    change: impl Fn(&mut Row) -> Result<Command, Problem> + Clone + Send + Sync + 'static,
) -> Result<Response, Problem> {
    let (cx, lane) = (call.cx.clone(), format!("account-{}", known.person));
    let done = call.store.perform(&cx, &lane, |work| {
        let (known, change) = (known.clone(), change.clone());
        Box::pin(async move { carry_out(work, &known, &change).await })
    });
    let done = done.await?;
    let body = AccountChanged { position: done.position, person: known.person };
    Ok(Ended::of(&done).with(&body))
}

async fn carry_out(
    work: &mut Work,
    known: &Row,
    change: &(impl Fn(&mut Row) -> Result<Command, Problem> + Sync),
) -> Result<(), Problem> {
    let held = Row::held(work, &known.person).await?.filter(|row| row.password == known.password);
    let Some(mut row) = held else { return Err(none()) };
    let command = change(&mut row)?;
    row.keep(work).await?;
    work.execute::<Account>(&known.person, None, command).await?;
    Ok(())
}

use super::row::Row;
use super::{Accounts, LINK, password, unkept};
use crate::account::{Account, Command};
use crate::one_time::OneTime;
use axum::http::StatusCode;
use axum::response::Response;
use eventstore::{Actor, Cx, Work};
use serde::{Deserialize, Serialize};
use service::{Call, Ended, Problem};
use std::sync::Arc;
use utoipa::ToSchema;

#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetPassword {
    /// The one-time link, as it was given.
    link: String,
    /// 12 to 128 characters, whichever they are; not one of the commonest, and without your name or the organisation's.
    #[schema(min_length = 12, max_length = 128)]
    password: String,
}

#[derive(Serialize, ToSchema)]
pub struct PasswordSet {
    /// The position of the organisation's log after it.
    position: i64,
    /// Sign in as them.
    person: String,
}

/// `POST /password`: sets a password by a one-time link. A link that has expired, was used, was replaced by a later one, or is
/// another organisation's cannot be told from one that never was.
pub async fn set_password(call: Call, accounts: Arc<Accounts>) -> Result<Response, Problem> {
    let (SetPassword { link, password: new }, _) = call.command()?;
    let organisation = call.cx.tenant;
    let digest = OneTime::read(LINK, &link).map(|link| link.digest()).ok_or_else(refused)?;
    let row = Row::of_link(&call.store, organisation, &digest, call.cx.now).await?.ok_or_else(refused)?;
    let name = super::organisation_name(&call).await?;
    password::checked("password", &new, &[&row.person, &name])?;
    let hash = accounts.hasher.hash(&new).await?;
    let person = row.person;
    let cx = Cx { actor: Actor::Person(person.clone()), ..call.cx.clone() };
    let lane = format!("account-{person}");
    let done = call
        .store
        .perform(&cx, &lane, |work| Box::pin(set(work, person.clone(), digest.clone(), hash.clone())))
        .await?;
    // Whoever was kept waiting by others' attempts is let in with the new one.
    accounts.people.forgive(&(organisation, person.clone()));
    Ok(unkept(Ended::of(&done).with(&PasswordSet { position: done.position, person })))
}

async fn set(work: &mut Work, person: String, digest: String, hash: String) -> Result<(), Problem> {
    let held = Row::held(work, &person).await?;
    // Of two who use it at once, one is too late.
    let Some(mut row) = held.filter(|row| row.link.as_ref() == Some(&digest)) else { return Err(refused()) };
    (row.password, row.link, row.link_until) = (Some(hash), None, None);
    row.keep(work).await?;
    work.execute::<Account>(&person, None, Command::SetPassword { by_link: true }).await?;
    Ok(())
}

fn refused() -> Problem {
    let detail =
        "there is no such link, or it does not count any more: ask an administrator of your organisation for a new one";
    Problem::new(StatusCode::NOT_FOUND, "not_found", detail)
}

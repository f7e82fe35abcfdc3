use super::token::Token;
use super::{Offer, find, forget, give, inviter};
use crate::accounts::Accounts;
use crate::invitation::{Command, Invitation};
use access::{Action, Admission, Caller, Identity, Lockout, Login, identity};
use axum::http::StatusCode;
use axum::response::Response;
use eventstore::{Actor, Cx, StoreError, TenantId, Work};
use serde::{Deserialize, Serialize};
use service::{Call, Ended, Problem, Visitor, writable};
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;

#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// As it was sent.
    invitation: String,
    /// For who will sign in with a password: 12 to 128 characters, whichever they are. Who comes with a token of an identity
    /// provider, or is known already and comes with a token of theirs, leaves it out.
    #[schema(min_length = 12, max_length = 128)]
    password: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct Joined {
    /// The position of the tenant's log after it.
    position: i64,
    /// Who they are from now on.
    person: String,
    /// Where their roles are.
    tenant: Uuid,
}

/// `POST /join`: who is invited becomes a person of the organisation, where they are none yet, and has the roles. An invitation that
/// has expired, was accepted or revoked, is another organisation's, or was made by somebody who may not invite any more, cannot be
/// told from one that never was.
///
/// Two partitions are written: the person in the organisation's, and then the roles in the tenant's. Cut off in between, it is sent
/// again and does what is missing.
pub async fn join(call: Call, accounts: Option<Arc<Accounts>>) -> Result<Response, Problem> {
    let (Join { invitation, password }, _) = call.command()?;
    let token = Token::read(&invitation).ok_or_else(refused)?;
    let id = find(&call.store, token.tenant, &token.secret.digest()).await?.ok_or_else(refused)?;
    let cx = Cx { tenant: token.tenant, ..call.cx.clone() };
    // Nothing of it is recorded: nobody becomes anybody for roles that are not to be had.
    let offer = given(&mut call.store.work(cx.clone()), &id, call.cx.tenant).await?;
    // Whom the organisation lets in no more lets nobody in either.
    if call.store.work(call.cx.clone()).load::<Lockout>(&offer.invited_by).await?.0.stands() {
        return Err(refused());
    }
    become_somebody(&call, accounts.as_deref(), &offer, password).await?;
    let lane = format!("access-{}", token.tenant);
    let organisation = call.cx.tenant;
    let done = call.store.perform(&cx, &lane, |work| Box::pin(accept(work, id.clone(), organisation))).await?;
    let body = Joined { position: done.position, person: offer.person, tenant: token.tenant.0 };
    Ok(Ended::of(&done).with(&body))
}

/// What the invitation offers, while it waits and who made it may still let people in.
async fn waiting(work: &mut Work, id: &str, organisation: TenantId) -> Result<Offer, Problem> {
    let (tenant, now) = (work.cx().tenant.to_string(), work.cx().now);
    let offer = work.load::<Invitation>(id).await?.0.waits(now).cloned().ok_or_else(refused)?;
    let roster = work.load::<Admission>(&tenant).await?.0.roster();
    let (person, administrator) = (offer.invited_by.clone(), offer.administrator);
    let by = Caller { person, organisation: offer.organisation, administrator };
    if offer.organisation != organisation.0 || !roster.allows(&by, Action::ManageTenant, now) {
        return Err(refused());
    }
    writable(roster.standing)?;
    Ok(offer)
}

/// Makes sure that who comes is who is invited: by what they show, or because nobody is that person yet.
async fn become_somebody(
    call: &Call,
    accounts: Option<&Accounts>,
    offer: &Offer,
    password: Option<String>,
) -> Result<(), Problem> {
    let (organisation, person) = (call.cx.tenant, offer.person.as_str());
    match (&call.visitor, password, accounts) {
        (Visitor::Person(caller), _, _) if caller.organisation == organisation.0 && caller.person == person => Ok(()),
        (Visitor::Subject(login), _, _) if login.organisation == organisation.0 => link(call, person, login).await,
        // Somebody else took it: they hear as much as if they had none.
        (Visitor::Person(_) | Visitor::Subject(_), _, _) => Err(refused()),
        (Visitor::Nobody, Some(password), Some(accounts)) => {
            let is_linked = is_linked(call, person).await?;
            let opened = !is_linked && accounts.open_or_confirm(call, person, &password).await?;
            if opened { Ok(()) } else { Err(known_already(person)) }
        }
        (Visitor::Nobody, Some(_), None) => {
            Err(Problem::field("password", "there are none here: come with a token of your identity provider"))
        }
        (Visitor::Nobody, None, _) => {
            Err(Problem::field("password", "choose one, or come with a token of your identity provider"))
        }
    }
}

/// Only whoever has the invitation hears it.
fn known_already(person: &str) -> Problem {
    let detail = format!("{person} is known here already: sign in, and send the invitation again with that token");
    Problem::new(StatusCode::CONFLICT, "sign_in_first", detail)
}

/// The provider's subject is the person from now on, unless somebody is.
async fn link(call: &Call, person: &str, login: &Login) -> Result<(), Problem> {
    let Login { issuer, subject, .. } = login.clone();
    let id = identity::digest(&issuer, &subject);
    let cx = Cx { actor: Actor::Person(person.to_owned()), ..call.cx.clone() };
    let command = identity::Command::Link { person: person.to_owned(), administrator: false, issuer };
    if is_linked(call, person).await? || crate::accounts::is_open(&call.store, call.cx.tenant, person).await? {
        return Err(known_already(person));
    }
    let lane = format!("identity-{id}");
    call.store.perform(&cx, &lane, |work| Box::pin(linked(work, id.clone(), command.clone()))).await.map(drop)
}

async fn linked(work: &mut Work, id: String, command: identity::Command) -> Result<(), Problem> {
    work.execute::<Identity>(&id, None, command).await?;
    Ok(())
}

/// Whether a subject of a provider is the person.
async fn is_linked(call: &Call, person: &str) -> Result<bool, Problem> {
    let mut session = call.session().await?;
    let linked = sqlx::query_scalar(
        "select exists (select from view_identity where tenant_id = $1 and person = $2 and valid_to = 9223372036854775807)",
    );
    let linked = linked.bind(call.cx.tenant).bind(person).fetch_one(session.connection()).await;
    Ok(linked.map_err(StoreError::from)?)
}

/// Gives the roles in the name of who invited.
async fn given(work: &mut Work, id: &str, organisation: TenantId) -> Result<Offer, Problem> {
    let offer = waiting(work, id, organisation).await?;
    work.continue_as(Cx { actor: inviter(&offer), ..work.cx().clone() });
    // What may not be given any more is no reason to tell the invited person why.
    give(work, &offer).await.map_err(|problem| if problem.status() < 500 { refused() } else { problem })?;
    Ok(offer)
}

/// Settles the invitation in the name of who accepts it: of two at once, one is too late.
async fn accept(work: &mut Work, id: String, organisation: TenantId) -> Result<(), Problem> {
    let offer = given(work, &id, organisation).await?;
    work.continue_as(Cx { actor: Actor::Person(offer.person), ..work.cx().clone() });
    work.execute::<Invitation>(&id, None, Command::Accept).await?;
    forget(work, &id).await?;
    Ok(())
}

fn refused() -> Problem {
    let detail = "there is no such invitation, or it does not count any more: ask who invited you for a new one";
    Problem::new(StatusCode::NOT_FOUND, "not_found", detail)
}

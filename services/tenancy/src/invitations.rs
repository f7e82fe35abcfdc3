//! Invitations to a tenant: who manages it lets somebody in whom the organisation does not know yet.

mod join;
mod letter;
mod token;

pub use join::{Join, Joined, join};

use crate::accounts::Accounts;
use crate::invitation::{Command, Invitation, Offer, OfferedRole};
use crate::known_invitation::KnownInvitation;
use crate::one_time::random;
use crate::people::{self, AskedTerm, refuse_unless_tenant};
use access::{Action, Admission, RoleName, Term};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use chrono::{DateTime, Duration, SubsecRound, Utc};
use eventstore::{Actor, EventStore, StoreError, TenantId, Work};
use mail::{Address, Mail, Post};
use serde::{Deserialize, Serialize};
use service::{
    Answered, Call, Ended, FieldError, Listed, OF_NONE, Outcome, Problem, Route, Routes, Worker, checked_person,
    field_error, json,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use token::Token;
use utoipa::ToSchema;
use uuid::Uuid;

const USUAL_DAYS: i64 = 7;
const MOST_DAYS: i64 = 30;

/// How many may wait in a tenant: each is a mail to somebody who did not ask for it.
const MOST_WAITING: i64 = 100;

/// How often those that expired are looked for.
const SWEEP: std::time::Duration = std::time::Duration::from_secs(60);

#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Invite {
    /// Who it will be: a short handle, in lower case; never a name or an address. An administrator's word counts as it is; to that
    /// of others something is added, so that it is nobody whom the organisation knows already.
    person: String,
    /// Where the invitation is sent to. It is kept until it is accepted, revoked, or expires.
    #[schema(example = "olga@example.com")]
    email: String,
    /// The roles in this tenant, one at least.
    #[schema(value_type = BTreeSet<String>, example = json!(["risk_owner"]))]
    roles: BTreeSet<RoleName>,
    /// From when or until when, for those of the roles that are not held for good.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, AskedTerm>)]
    terms: BTreeMap<RoleName, AskedTerm>,
    /// How long it waits: 1 to 30, 7 where it is not given.
    #[schema(minimum = 1, maximum = 30)]
    days: Option<i64>,
}

#[derive(Serialize, ToSchema)]
pub struct Invited {
    /// The position of the tenant's log after it.
    position: i64,
    id: String,
    person: String,
    expires_at: DateTime<Utc>,
    /// Whether it was sent by mail.
    mailed: bool,
    /// Where it was not: hand it to the person, and to nobody else. Shown here and nowhere else again.
    #[serde(skip_serializing_if = "Option::is_none")]
    invitation: Option<String>,
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokeInvitation {}

/// `GET /invitations`
pub async fn list(call: Call) -> Result<Response, Problem> {
    let listed = call.list::<KnownInvitation>(Vec::new()).await?;
    Ok(json(StatusCode::OK, listed.position, &listed))
}

/// `POST /invitations`
pub async fn invite(call: Call, post: Option<Arc<Post>>) -> Result<Response, Problem> {
    call.by_a_person()?;
    let (body, cx) = call.command::<Invite>()?;
    let Asked { mut person, email, roles, lifetime } = checked(body)?;
    if !call.caller.administrator {
        person = apart(&person)?;
    }
    let (id, token) = (Uuid::new_v4().to_string(), Token::new(cx.tenant)?);
    let offer = Offer {
        person,
        roles: OfferedRole::all(roles),
        organisation: call.caller.organisation,
        administrator: call.caller.administrator,
        invited_by: call.caller.person.clone(),
        expires_at: cx.now.trunc_subsecs(0) + lifetime,
    };
    refuse_what_may_not_be_given(&call, &offer).await?;
    let lane = format!("invitation-{id}");
    let row = Row { id: id.clone(), digest: token.secret.digest() };
    let done = call.store.perform(&cx, &lane, |work| Box::pin(make(work, row.clone(), offer.clone()))).await?;
    let mailed = match post {
        None => false,
        // Where that fails, who invites hands it over.
        Some(post) => post
            .send(letter::of(&id, email, &offer, &token))
            .await
            .inspect_err(|error| {
                tracing::warn!(tenant.id = %cx.tenant, error, "an invitation was not sent");
            })
            .is_ok(),
    };
    let Offer { person, expires_at, .. } = offer;
    let invitation = (!mailed).then(|| token.text());
    let body = Invited { position: done.position, id: id.clone(), person, expires_at, mailed, invitation };
    let mut response = Ended::of(&done).created().with(&body);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// `DELETE /invitations/{id}`
pub async fn revoke(call: Call) -> Result<Response, Problem> {
    let expected = call.if_match()?;
    let (RevokeInvitation {}, cx) = call.command()?;
    let (id, lane) = (call.id().to_owned(), format!("invitation-{}", call.id()));
    let done = call.store.perform(&cx, &lane, |work| Box::pin(revoked(work, id.clone(), expected)));
    Ok(call.carried_out(&done.await?, false))
}

#[derive(Debug)]
struct Asked {
    person: String,
    email: Address,
    roles: BTreeMap<RoleName, Term>,
    lifetime: Duration,
}

fn checked(Invite { person, email, roles, terms, days }: Invite) -> Result<Asked, Problem> {
    let mut errors: Vec<FieldError> = Vec::new();
    let person = checked_person("person", &person).map_err(|error| errors.push(error)).unwrap_or_default();
    // It is not repeated in what is told about it.
    let email = mail::address(&email);
    if email.is_none() {
        errors.push(field_error("email", "this is no mail address: write it as name@example.com"));
    }
    if roles.is_empty() {
        errors.push(field_error("roles", "name one role at least"));
    }
    let days = days.unwrap_or(USUAL_DAYS);
    if !(1..=MOST_DAYS).contains(&days) {
        errors.push(field_error("days", format!("{days} is not a whole number from 1 to {MOST_DAYS}")));
    }
    match (people::given(roles, terms), email) {
        (Ok(roles), Some(email)) if errors.is_empty() => {
            Ok(Asked { person, email, roles, lifetime: Duration::days(days) })
        }
        (roles, _) => Err(Problem::fields(errors.into_iter().chain(roles.err().into_iter().flatten()).collect())),
    }
}

/// A handle that nobody has: who manages one tenant must not learn whom the organisation knows elsewhere, and still less invite
/// somebody to be one of them.
fn apart(person: &str) -> Result<String, Problem> {
    let added: u32 = u32::from_be_bytes(random()?);
    Ok(checked_person("person", &format!("{person}-{added:08x}"))?)
}

/// The same rules as for giving the roles at once, by whom they are given.
async fn refuse_what_may_not_be_given(call: &Call, offer: &Offer) -> Result<(), Problem> {
    // Nothing of it is recorded.
    let mut trial = call.store.work(call.cx.clone());
    refuse_unless_tenant(&mut trial).await?;
    give(&mut trial, offer).await
}

/// Gives the roles beside those that the person has.
async fn give(work: &mut Work, offer: &Offer) -> Result<(), Problem> {
    let tenant = work.cx().tenant.to_string();
    let (admission, _) = work.load::<Admission>(&tenant).await?;
    let mut roles: BTreeMap<RoleName, Term> = admission.roster().held(&offer.person).collect();
    roles.extend(offer.terms());
    let assign = access::Command::Assign { person: offer.person.clone(), roles, administrator: offer.administrator };
    people::decide(work, None, offer.person.clone(), assign).await.map(drop)
}

/// What stands beside the log.
#[derive(Clone)]
struct Row {
    id: String,
    digest: String,
}

async fn make(work: &mut Work, row: Row, offer: Offer) -> Result<(), Problem> {
    let tenant = work.cx().tenant;
    // However many invite at once, they are counted one after the other.
    work.lock().await?;
    let waiting: i64 = sqlx::query_scalar("select count(*) from invitations where tenant_id = $1")
        .bind(tenant)
        .fetch_one(work.connection().await?)
        .await
        .map_err(StoreError::from)?;
    if waiting >= MOST_WAITING {
        let detail = format!("{MOST_WAITING} invitations wait already: revoke one, or wait until they are accepted");
        return Err(Problem::new(StatusCode::CONFLICT, "too_many_invitations", detail));
    }
    sqlx::query("insert into invitations (tenant_id, id, digest, due_at) values ($1, $2, $3, $4)")
        .bind(tenant)
        .bind(&row.id)
        .bind(&row.digest)
        .bind(offer.expires_at)
        .execute(work.connection().await?)
        .await
        .map_err(StoreError::from)?;
    work.execute::<Invitation>(&row.id, None, Command::Make(offer)).await?;
    Ok(())
}

async fn revoked(work: &mut Work, id: String, expected: Option<i64>) -> Result<Outcome, Problem> {
    if work.load::<Invitation>(&id).await?.1 == 0 {
        return Err(Problem::not_found(format!("invitation {id}")));
    }
    let changed = work.execute::<Invitation>(&id, expected, Command::Revoke).await?;
    forget(work, &id).await?;
    Ok(Outcome { id, version: changed.version, changed: changed.changed })
}

/// What was sent leads nowhere any more.
async fn forget(work: &mut Work, id: &str) -> Result<(), StoreError> {
    let tenant = work.cx().tenant;
    let forgotten = sqlx::query("delete from invitations where tenant_id = $1 and id = $2").bind(tenant).bind(id);
    forgotten.execute(work.connection().await?).await?;
    Ok(())
}

/// The same of those that invite somebody to be this person, who was erased.
pub async fn forget_of(work: &mut Work, person: &str) -> Result<(), StoreError> {
    let forgotten = sqlx::query(
        "delete from invitations i using view_invitation v
         where i.tenant_id = $1 and v.tenant_id = $1 and v.key = i.id and v.data ->> 'person' = $2",
    );
    let tenant = work.cx().tenant;
    forgotten.bind(tenant).bind(person).execute(work.connection().await?).await?;
    Ok(())
}

/// The same of all of the tenant's, which another organisation has from now on.
pub async fn forget_all(work: &mut Work) -> Result<(), StoreError> {
    let tenant = work.cx().tenant;
    let forgotten = sqlx::query("delete from invitations where tenant_id = $1").bind(tenant);
    forgotten.execute(work.connection().await?).await?;
    Ok(())
}

/// Forgets by what invitations that expired would be accepted, for as long as the process lets it run.
pub fn worker() -> Worker {
    Arc::new(|store: EventStore| {
        Box::pin(async move {
            loop {
                if let Err(error) = forget_expired(&store).await {
                    tracing::warn!(%error, "invitations that expired cannot be looked for; trying again");
                }
                tokio::time::sleep(SWEEP).await;
            }
        })
    })
}

async fn forget_expired(store: &EventStore) -> Result<(), StoreError> {
    for tenant in store.due("invitations").await? {
        let mut session = store.session(tenant).await?;
        let expired = sqlx::query("delete from invitations where tenant_id = $1 and due_at <= now()").bind(tenant);
        expired.execute(session.connection()).await?;
        session.commit().await?;
    }
    Ok(())
}

/// Who invited, as the event of the roles names them.
fn inviter(offer: &Offer) -> Actor {
    Actor::Person(offer.invited_by.clone())
}

/// The id of the invitation that the secret is of, while it waits.
async fn find(store: &EventStore, tenant: TenantId, digest: &str) -> Result<Option<String>, StoreError> {
    let mut session = store.session(tenant).await?;
    let id = sqlx::query_scalar("select id from invitations where tenant_id = $1 and digest = $2");
    Ok(id.bind(tenant).bind(digest).fetch_optional(session.connection()).await?)
}

/// How people come in whom the organisation does not know yet.
pub fn routes(routes: Routes, mail: Option<Mail>, accounts: Option<Arc<Accounts>>) -> Routes {
    use Action::{ManageTenant, Read};
    let post = mail.map(|mail| Arc::new(mail.open()));
    routes
        .with(
            Route::tenant(
                Method::GET,
                "/invitations",
                ManageTenant,
                "List the tenant's invitations, also those that ended",
            )
            .pages::<KnownInvitation>()
            .gives::<Listed<KnownInvitation>>(200)
            .answered_by(list),
        )
        .with(
            Route::tenant(Method::POST, "/invitations", ManageTenant, "Invite somebody to have roles in the tenant")
                .takes::<Invite>()
                .versionless(OF_NONE)
                .keyless(
                    "an invitation is kept nowhere, so it cannot be given again: send the request without an Idempotency-Key",
                )
                .gives::<Invited>(201)
                .answered_by(move |call| invite(call, post.clone())),
        )
        .with(
            Route::tenant(Method::DELETE, "/invitations/{id}", ManageTenant, "Revoke an invitation")
                .takes::<RevokeInvitation>()
                .gives::<Answered>(200)
                .answered_by(revoke),
        )
        .with(
            Route::organisation(Method::POST, "/join", Read, "Accept an invitation")
                .for_anybody()
                .takes::<Join>()
                .versionless(OF_NONE)
                .keyless("an invitation counts once: send the request without a key")
                .gives::<Joined>(200)
                .answered_by(move |call| join(call, accounts.clone())),
        )
}

#[cfg(test)]
mod tests {
    use super::{Invite, apart, checked};
    use serde_json::{Value, json};

    fn fault(changed: &Value) -> Option<String> {
        let mut body = json!({"person": "olga", "email": "olga@example.com", "roles": ["viewer"]});
        body.as_object_mut().expect("an object").extend(changed.as_object().expect("an object").clone());
        let body: Invite = serde_json::from_value(body).expect("a body");
        checked(body).err().map(|problem| problem.to_string())
    }

    #[test]
    fn every_wrong_field_is_named_and_no_address_is_repeated() {
        assert_eq!(fault(&json!({"terms": {"viewer": {"until": "2999-01-01T00:00:00Z"}}, "days": 30})), None);
        for (changed, told) in [
            (json!({"person": "Olga"}), "person: "),
            (json!({"email": "olga at example.com"}), "email: this is no mail address"),
            (json!({"roles": []}), "roles: name one role at least"),
            (json!({"days": 31}), "days: 31 is not"),
            (json!({"terms": {"viewer": {"until": "soon"}}}), "terms.viewer.until: "),
            (json!({"email": "olga", "days": 0, "terms": {"viewer": {"until": "soon"}}}), "3 fields are wrong"),
        ] {
            let fault = fault(&changed).expect(told);
            assert!(fault.starts_with(told) && !fault.contains("olga at"), "{fault}");
        }
    }

    #[test]
    fn a_handle_is_made_one_that_nobody_has() {
        let (one, other) = (apart("olga").expect("made"), apart("olga").expect("made"));
        assert!(one.starts_with("olga-") && one.len() == 13 && one != other, "{one} {other}");
        assert!(apart(&"o".repeat(60)).is_err());
    }
}

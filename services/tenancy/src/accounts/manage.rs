use super::row::Row;
use super::{LINK, unkept};
use crate::account::{Account, Command};
use crate::one_time::OneTime;
use crate::organisation::Organisation;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Duration, SubsecRound, Utc};
use eventstore::{Cx, EventStore, StoreError, Work};
use serde::{Deserialize, Serialize};
use service::{Call, Ended, Outcome, Problem, checked_person, cut, json};
use utoipa::ToSchema;

/// How long a link waits to be used.
const LINK_LIFETIME: Duration = Duration::days(3);

#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenAccount {
    /// A short handle, in lower case; never a name or an address.
    person: String,
    /// Whether the person administers the organisation, and with it every tenant that it owns.
    #[serde(default)]
    administrator: bool,
}

#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MakeLink {
    /// Whether the authenticator is removed at once, for who has lost it.
    #[serde(default)]
    remove_second_factor: bool,
}

#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CloseAccount {}

#[derive(Serialize, ToSchema)]
pub struct LinkMade {
    /// The position of the organisation's log after it.
    position: i64,
    person: String,
    /// By it the person sets a password, once: hand it to them, and to nobody else. Shown here and nowhere else again.
    link: String,
    expires_at: DateTime<Utc>,
}

/// The organisation's accounts, in the order of their people, as they are now.
#[derive(Serialize, ToSchema)]
pub struct Accounts {
    position: i64,
    items: Vec<Listed>,
    /// Give it as `after` for the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Serialize, ToSchema, sqlx::FromRow)]
#[schema(as = ListedAccount)]
struct Listed {
    person: String,
    administrator: bool,
    has_password: bool,
    second_factor: bool,
    opened_at: DateTime<Utc>,
}

/// `GET /accounts`
pub async fn list(call: Call) -> Result<Response, Problem> {
    let limit = call.page_size()?;
    let after = call.query.get("after").unwrap_or_default();
    let mut session = call.session().await?;
    let position = session.head().await?;
    let items: Vec<Listed> = sqlx::query_as(
        "select person, administrator, password is not null as has_password, totp is not null as second_factor, opened_at
         from accounts where tenant_id = $1 and person > $2 order by person limit $3",
    )
    .bind(session.tenant())
    .bind(after)
    .bind(limit + 1)
    .fetch_all(session.connection())
    .await
    .map_err(StoreError::from)?;
    let (items, more) = cut(items, limit);
    let next = items.last().filter(|_| more).map(|last| last.person.clone());
    Ok(json(StatusCode::OK, position, &Accounts { position, items, next }))
}

/// `POST /accounts`
pub async fn open(call: Call) -> Result<Response, Problem> {
    let (OpenAccount { person, administrator }, cx) = call.command()?;
    let person = checked_person("person", &person)?;
    made(&call.store, cx, Asked { person, opens: Some(administrator), remove_second_factor: false }).await
}

/// `POST /accounts/{id}/links`: for who forgot the password, or has none yet. The old one counts until the link is used.
pub async fn make_link(call: Call) -> Result<Response, Problem> {
    let (MakeLink { remove_second_factor }, cx) = call.command()?;
    let person = call.id().to_owned();
    made(&call.store, cx, Asked { person, opens: None, remove_second_factor }).await
}

/// `DELETE /accounts/{id}`
pub async fn close(call: Call) -> Result<Response, Problem> {
    let (CloseAccount {}, cx) = call.command()?;
    let (person, lane) = (call.id().to_owned(), format!("account-{}", call.id()));
    let done = call.store.perform(&cx, &lane, |work| Box::pin(closed(work, person.clone())));
    Ok(call.carried_out(&done.await?, false))
}

async fn closed(work: &mut Work, person: String) -> Result<Outcome, Problem> {
    Row::held(work, &person).await?.ok_or_else(|| missing(&person))?;
    Row::delete(work, &person).await?;
    let changed = work.execute::<Account>(&person, None, Command::Close).await?;
    Ok(Outcome { id: person, version: changed.version, changed: changed.changed })
}

fn missing(person: &str) -> Problem {
    Problem::not_found(format!("account {person}"))
}

#[derive(Clone)]
struct Asked {
    person: String,
    /// A new account, which administers or not.
    opens: Option<bool>,
    remove_second_factor: bool,
}

async fn made(store: &EventStore, cx: Cx, asked: Asked) -> Result<Response, Problem> {
    let (link, expires_at) = (OneTime::new()?, cx.now.trunc_subsecs(0) + LINK_LIFETIME);
    let lane = format!("account-{}", asked.person);
    let (digest, person) = (link.digest(), asked.person.clone());
    let done =
        store.perform(&cx, &lane, |work| Box::pin(decide(work, asked.clone(), digest.clone(), expires_at))).await?;
    let body = LinkMade { position: done.position, person, link: link.text(LINK), expires_at };
    Ok(unkept(Ended::of(&done).created().with(&body)))
}

async fn decide(work: &mut Work, asked: Asked, digest: String, expires_at: DateTime<Utc>) -> Result<(), Problem> {
    let Asked { person, opens, remove_second_factor } = asked;
    let organisation = work.cx().tenant.to_string();
    // Only an organisation has people.
    if work.load::<Organisation>(&organisation).await?.1 == 0 {
        return Err(Problem::not_found(format!("organisation {organisation}")));
    }
    let mut row = match (Row::held(work, &person).await?, opens) {
        (Some(row), None) => row,
        (None, None) => return Err(missing(&person)),
        (Some(_), Some(_)) => {
            let detail = format!("person: {person} has an account already: POST to its links for a new link");
            return Err(Problem::new(StatusCode::CONFLICT, "account_exists", detail));
        }
        (None, Some(administrator)) => {
            work.execute::<Account>(&person, None, Command::Open { administrator }).await?;
            Row::new(person.clone(), administrator)
        }
    };
    (row.link, row.link_until) = (Some(digest), Some(expires_at));
    if remove_second_factor {
        (row.totp, row.totp_new, row.recovery) = (None, None, Vec::new());
        work.execute::<Account>(&person, None, Command::DisableSecondFactor).await?;
    }
    row.keep(work).await?;
    work.execute::<Account>(&person, None, Command::MakeLink { expires_at }).await?;
    Ok(())
}

/// A link by which a person who has no password yet sets one; nothing where they have one. Their account is opened where there is
/// none.
pub async fn first_link(
    store: &EventStore,
    cx: Cx,
    person: &str,
    administrator: bool,
) -> Result<Option<String>, Problem> {
    let person = checked_person("person", person)?;
    let known = Row::find(store, cx.tenant, &person).await?;
    if known.as_ref().is_some_and(|row| row.password.is_some()) {
        return Ok(None);
    }
    let (link, expires_at) = (OneTime::new()?, cx.now.trunc_subsecs(0) + LINK_LIFETIME);
    let asked = Asked { person, opens: known.is_none().then_some(administrator), remove_second_factor: false };
    let (lane, digest) = (format!("account-{}", asked.person), link.digest());
    store.perform(&cx, &lane, |work| Box::pin(decide(work, asked.clone(), digest.clone(), expires_at))).await?;
    Ok(Some(link.text(LINK)))
}

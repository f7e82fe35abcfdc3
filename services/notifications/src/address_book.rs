use crate::contact::{Change, Contact};
use crate::notification::{Channel, Kind};
use access::{Action, Admission, KEY, Roster};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use eventstore::{NOW, Refused, StoreError, TenantId, Work};
use sealed::{Keys, Sealed};
use serde::{Deserialize, Serialize};
use service::{Call, Outcome, Problem, checked_person, cut, json};
use sqlx::types::Json;
use utoipa::ToSchema;

#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeContact {
    /// Where mail reaches the person; null erases it. It must be said: leaving it out erases nothing.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schema(example = "mara@example.com")]
    email: Option<String>,
}

/// People and their addresses, in the order of their ids. It is as it is now: what was erased is gone.
#[derive(Serialize, ToSchema)]
pub struct AddressBook {
    position: i64,
    items: Vec<Reachable>,
    /// Give it as `after` for the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct Reachable {
    person: String,
    email: String,
    changed_at: DateTime<Utc>,
}

/// A row as it stands.
#[derive(sqlx::FromRow)]
struct Row {
    person: String,
    changed_at: DateTime<Utc>,
    sealed: Option<Json<Sealed>>,
    /// As an older program kept it.
    email: Option<String>,
}

impl Row {
    /// Nothing where the key that it was sealed with is gone.
    fn opened(self, tenant: TenantId, keys: &Keys) -> Option<Reachable> {
        let Self { person, changed_at, sealed, email } = self;
        let email = match sealed {
            Some(Json(sealed)) => keys.get(&person)?.open(&place(tenant, &person), &sealed).ok()?,
            None => email?,
        };
        Some(Reachable { person, email, changed_at })
    }
}

/// Whose address it is: sealed, it opens nowhere else.
fn place(tenant: TenantId, person: &str) -> String {
    format!("{tenant}/{person}/contact")
}

/// `GET /contacts`
pub async fn list(call: Call) -> Result<Response, Problem> {
    let limit = call.page_size()?;
    let after = call.query.get("after").unwrap_or_default();
    let mut session = call.session().await?;
    let position = session.head().await?;
    let rows: Vec<Row> = sqlx::query_as(
        "select person, changed_at, sealed, email from contacts
         where tenant_id = $1 and person > $2 order by person limit $3",
    )
    .bind(session.tenant())
    .bind(after)
    .bind(limit + 1)
    .fetch_all(session.connection())
    .await
    .map_err(StoreError::from)?;
    let (rows, more) = cut(rows, limit);
    let next = rows.last().filter(|_| more).map(|last| last.person.clone());
    let keys = Keys::of(&mut session, rows.iter().map(|row| row.person.clone()).collect()).await?;
    let tenant = session.tenant();
    let items = rows.into_iter().filter_map(|row| row.opened(tenant, &keys)).collect();
    Ok(json(StatusCode::OK, position, &AddressBook { position, items, next }))
}

/// `PUT /contacts/{id}`: one's own, or anybody's for who manages the tenant.
pub async fn change(call: Call) -> Result<Response, Problem> {
    let person = checked_person("id", call.id())?;
    let expected = call.if_match()?;
    let (command, cx) = call.command::<ChangeContact>()?;
    let email = command.email.as_deref().map(checked_address).transpose()?;
    refuse_strangers(&call, &person, email.is_some()).await?;
    let lane = format!("contact-{person}");
    let done = call.store.perform(&cx, &lane, |work| Box::pin(keep(work, person.clone(), email.clone(), expected)));
    Ok(call.carried_out(&done.await?, false))
}

async fn refuse_strangers(call: &Call, person: &str, sets: bool) -> Result<(), Problem> {
    let mut session = call.session().await?;
    let roster = views::get::<Roster>(&mut session, KEY, NOW - 1).await?.map(|row| row.data).unwrap_or_default();
    if call.caller.person == person {
        return Ok(());
    }
    if !roster.allows(&call.caller, Action::ManageTenant, call.cx.now) {
        let detail = "only the person themself, or who manages the tenant, says where a person is reached";
        return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail));
    }
    // Erasing stays possible after the person has left.
    if sets && !roster.roles.contains_key(person) {
        return Err(Problem::not_found(format!("person {person}")));
    }
    Ok(())
}

/// The address is not repeated in what is told about it: details of problems are shown and forwarded.
fn checked_address(written: &str) -> Result<String, Problem> {
    let fault = "this is no mail address: write it as name@example.com, or null";
    mail::address(written).map(|address| address.to_string()).ok_or_else(|| Problem::field("email", fault))
}

/// Records that the contact changed, and keeps or erases the address beside it. The outcome is stored as the answer to an
/// Idempotency-Key: it says nothing of the address.
async fn keep(
    work: &mut Work,
    person: String,
    address: Option<String>,
    expected: Option<i64>,
) -> Result<Outcome, Problem> {
    let moved = email(work, &person).await? != address;
    let channels = address.iter().map(|_| Channel::Email).collect();
    let changed = work.execute::<Contact>(&person, expected, Change { channels, moved }).await?;
    match address {
        Some(address) if moved => write(work, &person, &address).await?,
        None if moved => delete(work, &person).await?,
        Some(_) | None => {}
    }
    Ok(Outcome { id: person, version: changed.version, changed: changed.changed })
}

/// Erases all addresses of the tenant, and records of each person that they are not reached any more.
pub async fn forget_everybody(work: &mut Work) -> Result<(), StoreError> {
    let tenant = work.cx().tenant;
    // What they were still to be told is nobody's.
    sqlx::query("delete from deliveries where tenant_id = $1").bind(tenant).execute(work.connection().await?).await?;
    let people: Vec<String> = sqlx::query_scalar("select person from contacts where tenant_id = $1 order by person")
        .bind(tenant)
        .fetch_all(work.connection().await?)
        .await?;
    for person in people {
        leave(work, &person).await?;
    }
    sealed::forget(work).await
}

/// Erases a person's address and the mails that wait for them, and records that they are not reached any more. There will not be
/// another one: they were erased.
pub async fn forget(work: &mut Work, person: &str) -> Result<(), StoreError> {
    leave(work, person).await?;
    sealed::destroy(work, person).await
}

/// The person is not reached any more, and nothing waits for them.
async fn leave(work: &mut Work, person: &str) -> Result<(), StoreError> {
    let tenant = work.cx().tenant;
    sqlx::query("delete from deliveries where tenant_id = $1 and person = $2")
        .bind(tenant)
        .bind(person)
        .execute(work.connection().await?)
        .await?;
    if email(work, person).await?.is_none() {
        return Ok(());
    }
    match work.execute::<Contact>(person, None, Change { channels: Vec::new(), moved: true }).await {
        Ok(_) => delete(work, person).await,
        Err(Refused::Store(error)) => Err(error),
        Err(Refused::Stale { .. } | Refused::Rule(_)) => Ok(()),
    }
}

async fn write(work: &mut Work, person: &str, address: &str) -> Result<(), Problem> {
    let (tenant, now) = (work.cx().tenant, work.cx().now);
    let Some(key) = sealed::kept(work, person).await? else {
        let detail = "the person was erased, and their handle is nobody else's: nobody is reached by it any more";
        return Err(Problem::new(StatusCode::CONFLICT, "erased", detail));
    };
    let sealed = key.seal(&place(tenant, person), address).map_err(|fault| {
        tracing::error!(%fault, "an address cannot be sealed");
        Problem::internal()
    })?;
    sqlx::query(
        "insert into contacts (tenant_id, person, sealed, changed_at) values ($1, $2, $3, $4)
         on conflict (tenant_id, person)
         do update set sealed = excluded.sealed, email = null, changed_at = excluded.changed_at",
    )
    .bind(tenant)
    .bind(person)
    .bind(Json(sealed))
    .bind(now)
    .execute(work.connection().await?)
    .await
    .map_err(StoreError::from)?;
    Ok(())
}

async fn delete(work: &mut Work, person: &str) -> Result<(), StoreError> {
    let tenant = work.cx().tenant;
    sqlx::query("delete from contacts where tenant_id = $1 and person = $2")
        .bind(tenant)
        .bind(person)
        .execute(work.connection().await?)
        .await?;
    Ok(())
}

/// Where mail about something of this kind goes to, if anywhere: who has left hears that, and nothing after it.
pub async fn mails_to(work: &mut Work, person: &str, kind: Kind) -> Result<Option<String>, StoreError> {
    let (tenant, now) = (work.cx().tenant.to_string(), work.cx().now);
    if kind != Kind::RoleRevoked && !work.load::<Admission>(&tenant).await?.0.admits(person, now) {
        return Ok(None);
    }
    email(work, person).await
}

/// Where mail reaches a person, if anywhere.
async fn email(work: &mut Work, person: &str) -> Result<Option<String>, StoreError> {
    let tenant = work.cx().tenant;
    let row: Option<Row> =
        sqlx::query_as("select person, changed_at, sealed, email from contacts where tenant_id = $1 and person = $2")
            .bind(tenant)
            .bind(person)
            .fetch_optional(work.connection().await?)
            .await?;
    let keys = Keys::of(work.session().await?, vec![person.to_owned()]).await?;
    Ok(row.and_then(|row| row.opened(tenant, &keys)).map(|reachable| reachable.email))
}

#[cfg(test)]
mod tests {
    use super::{ChangeContact, checked_address};

    #[test]
    fn only_an_address_is_one_and_the_problem_does_not_repeat_it() {
        assert_eq!(checked_address(" mara@example.com ").expect("an address"), "mara@example.com");
        let long = format!("{}@example.com", "x".repeat(250));
        for wrong in ["", "mara", "@example.com", "mara@", "a b@example.com", "mara@example.com\nBcc: x@y.z", &long] {
            let problem = checked_address(wrong).expect_err(wrong).to_string();
            assert!(problem.starts_with("email: "), "{wrong}: {problem}");
            assert!(!problem.contains("mara"), "{wrong}: {problem}");
        }
    }

    #[test]
    fn an_address_is_erased_only_by_saying_so() {
        let read = |body: &str| serde_json::from_str::<ChangeContact>(body).ok().map(|change| change.email);
        assert_eq!(read("{}"), None);
        assert_eq!(read(r#"{"email": null}"#), Some(None));
    }
}

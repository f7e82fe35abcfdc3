//! Users of SCIM: people of the organisation whom its identity provider looks after.

use super::provision::{self, Change, Subjects};
use super::query::{Query, Search, name_of};
use super::schema::{Attributes, USER};
use super::{Shown, listed, names, shown};
use crate::directory::{Kept, place};
use crate::known_member::KnownMember;
use crate::one_time;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use eventstore::{Cx, Session};
use sealed::Keys;
use serde_json::Value;
use service::{Call, Problem};
use views::Row;

pub async fn create(call: Call) -> Result<Response, Problem> {
    let (body, cx) = call.command::<Attributes>()?;
    // The organisation chose no handle, so it gets one that says nothing of anybody.
    let random = u64::from_be_bytes(one_time::random()?);
    let person = format!("p-{:010x}", random >> 24);
    change(&call, cx, &person, Change::Create(body)).await?;
    respond(&call, StatusCode::CREATED, &person).await
}

/// `PUT /Users/{id}`
pub async fn replace(call: Call) -> Result<Response, Problem> {
    let (body, cx) = call.command::<Attributes>()?;
    change(&call, cx, call.id(), Change::Replace(body)).await?;
    respond(&call, StatusCode::OK, call.id()).await
}

/// `PATCH /Users/{id}`
pub async fn patch(call: Call) -> Result<Response, Problem> {
    let (body, cx) = call.command::<Attributes>()?;
    change(&call, cx, call.id(), Change::Patch(body)).await?;
    respond(&call, StatusCode::OK, call.id()).await
}

/// `DELETE /Users/{id}`
pub async fn delete(call: Call) -> Result<Response, Problem> {
    let expected = call.if_match()?;
    let cx = call.upload()?;
    let (person, lane) = (call.id().to_owned(), format!("member-{}", call.id()));
    call.store.perform(&cx, &lane, |work| Box::pin(provision::end(work, expected, person.clone()))).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `GET /Users/{id}`
pub async fn show(call: Call) -> Result<Response, Problem> {
    respond(&call, StatusCode::OK, call.id()).await
}

/// `GET /Users`
pub async fn list(call: Call) -> Result<Response, Problem> {
    let search = Search::of(&call)?;
    let query = search.query(name_of(&USER))?;
    let mut session = call.session().await?;
    let position = session.head().await?;
    let (total, users) = page(&mut session, &query).await?;
    let wanted = search.wanted();
    let users: Vec<Value> = users.into_iter().map(|one| wanted.cut(one.resource(&call, &USER))).collect();
    Ok(listed(position, total, query.offset + 1, &users))
}

/// How many there are, and those on the page.
pub async fn page(session: &mut Session, query: &Query) -> Result<(i64, Vec<Shown>), Problem> {
    let found = match &query.filter {
        Some((sought, value)) => Some(names::find(session, *sought, value).await?),
        None => None,
    };
    let (total, rows) = views::standing::<KnownMember>(session, found, query.offset, query.count).await?;
    let keys = Keys::of(session, rows.iter().map(|row| row.key.clone()).collect()).await?;
    let organisation = session.tenant();
    let opened = |row: Row<KnownMember>| {
        let place = place(organisation, &row.key, Kept::Attributes);
        let attributes = provision::read(keys.get(&row.key)?, &place, &row.data.attributes);
        let attributes =
            attributes.inspect_err(|_| tracing::error!(person = row.key, "a user of SCIM is not read")).ok()?;
        let mut shown =
            Shown { id: row.key, version: row.version, attributes, created: row.data.since, changed: row.at };
        shown.attributes.insert("active".to_owned(), row.data.active.into());
        Some(shown)
    };
    Ok((total, rows.into_iter().filter_map(opened).collect()))
}

async fn change(call: &Call, cx: Cx, person: &str, change: Change) -> Result<(), Problem> {
    let expected = call.if_match()?;
    let (subjects, lane) = (Subjects::of(call), format!("member-{person}"));
    let done = call.store.perform(&cx, &lane, |work| {
        Box::pin(provision::change(work, expected, person.to_owned(), change.clone(), subjects.clone()))
    });
    done.await.map(drop)
}

/// The user as they are now.
async fn respond(call: &Call, status: StatusCode, person: &str) -> Result<Response, Problem> {
    let mut session = call.session().await?;
    let position = session.head().await?;
    let (_, mut users) = page(&mut session, &Query::of(person)).await?;
    let user = users.pop().ok_or_else(|| Problem::not_found(format!("user {person}")))?;
    shown(call, &USER, status, position, user)
}

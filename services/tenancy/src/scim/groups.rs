//! Groups of SCIM: each tenant says which roles their people have in it.

use super::provision::Change;
use super::query::{Query, Search, Sought, name_of};
use super::refusal::{invalid_value, unique};
use super::schema::{Attributes, GROUP, USER};
use super::{Shown, listed, location, shown};
use crate::group::{Command, Description, Group};
use crate::known_group::KnownGroup;
use crate::member::Member;
use crate::one_time;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use eventstore::{Aggregate, Cx, Session, StoreError, Stream, Work};
use serde_json::{Value, json};
use service::{Call, Problem};
use std::collections::BTreeSet;

/// `POST /Groups`
pub async fn create(call: Call) -> Result<Response, Problem> {
    let (body, cx) = call.command::<Attributes>()?;
    let random = u64::from_be_bytes(one_time::random()?);
    let group = format!("g-{:010x}", random >> 24);
    change(&call, cx, &group, Change::Create(body)).await?;
    respond(&call, StatusCode::CREATED, &group).await
}

/// `PUT /Groups/{id}`
pub async fn replace(call: Call) -> Result<Response, Problem> {
    let (body, cx) = call.command::<Attributes>()?;
    change(&call, cx, call.id(), Change::Replace(body)).await?;
    respond(&call, StatusCode::OK, call.id()).await
}

/// `PATCH /Groups/{id}`
pub async fn patch(call: Call) -> Result<Response, Problem> {
    let (body, cx) = call.command::<Attributes>()?;
    change(&call, cx, call.id(), Change::Patch(body)).await?;
    respond(&call, StatusCode::OK, call.id()).await
}

/// `DELETE /Groups/{id}`
pub async fn delete(call: Call) -> Result<Response, Problem> {
    let expected = call.if_match()?;
    let cx = call.upload()?;
    let (group, lane) = (call.id().to_owned(), format!("group-{}", call.id()));
    call.store.perform(&cx, &lane, |work| Box::pin(deleted(work, expected, group.clone()))).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `GET /Groups/{id}`
pub async fn show(call: Call) -> Result<Response, Problem> {
    respond(&call, StatusCode::OK, call.id()).await
}

/// `GET /Groups`
pub async fn list(call: Call) -> Result<Response, Problem> {
    let search = Search::of(&call)?;
    let query = search.query(name_of(&GROUP))?;
    let mut session = call.session().await?;
    let position = session.head().await?;
    let (total, groups) = page(&call, &mut session, &query).await?;
    let wanted = search.wanted();
    let groups: Vec<Value> = groups.into_iter().map(|one| wanted.cut(one.resource(&call, &GROUP))).collect();
    Ok(listed(position, total, query.offset + 1, &groups))
}

/// How many there are, and those on the page.
pub async fn page(call: &Call, session: &mut Session, query: &Query) -> Result<(i64, Vec<Shown>), Problem> {
    let found = match &query.filter {
        Some((sought, value)) => Some(find(session, *sought, value).await?),
        None => None,
    };
    let (total, rows) = views::standing::<KnownGroup>(session, found, query.offset, query.count).await?;
    let user = |person: &String| json!({"value": person, "$ref": location(call, &USER, person)});
    let groups = rows.into_iter().map(|row| {
        let KnownGroup { name, external_id, members, since } = row.data;
        let mut attributes = Attributes::from_iter([("displayName".to_owned(), Value::String(name))]);
        attributes.extend(external_id.map(|id| ("externalId".to_owned(), Value::String(id))));
        if !members.is_empty() {
            attributes.insert("members".to_owned(), members.iter().map(user).collect());
        }
        Shown { id: row.key, version: row.version, attributes, created: since, changed: row.at }
    });
    Ok((total, groups.collect()))
}

async fn find(session: &mut Session, sought: Sought, value: &str) -> Result<Vec<String>, StoreError> {
    let organisation = session.tenant();
    let found = match sought {
        Sought::Id => return Ok(vec![value.to_owned()]),
        Sought::Name => {
            "select key from view_group where tenant_id = $1 and valid_to = 9223372036854775807
             and lower(data->>'name') = lower($2)"
        }
        Sought::ExternalId => {
            "select key from view_group where tenant_id = $1 and valid_to = 9223372036854775807
             and data->>'external_id' = $2"
        }
    };
    Ok(sqlx::query_scalar(found).bind(organisation).bind(value).fetch_all(session.connection()).await?)
}

async fn change(call: &Call, cx: Cx, group: &str, change: Change) -> Result<(), Problem> {
    let expected = call.if_match()?;
    let lane = format!("group-{group}");
    let done =
        call.store.perform(&cx, &lane, |work| Box::pin(decide(work, expected, group.to_owned(), change.clone())));
    done.await.map(drop)
}

async fn decide(work: &mut Work, expected: Option<i64>, group: String, change: Change) -> Result<(), Problem> {
    let known = work.load::<Group>(&group).await?.0;
    let (before, was_in) = (known.description().cloned(), known.members().clone());
    let after = match (change, before) {
        (Change::Create(body), None) | (Change::Replace(body), Some(_)) => body,
        (Change::Patch(body), Some(Description { name, external_id })) => {
            let members: Vec<Value> = was_in.iter().map(|person| json!({ "value": person })).collect();
            let mut before = Attributes::from_iter([("displayName".to_owned(), Value::String(name))]);
            before.extend(external_id.map(|id| ("externalId".to_owned(), Value::String(id))));
            before.insert("members".to_owned(), Value::Array(members));
            super::patch::patched(&GROUP, before, body)?
        }
        (Change::Create(_), Some(_)) => return Err(unique("id: it is taken: try again")),
        (Change::Replace(_) | Change::Patch(_), None) => return Err(Problem::not_found(format!("group {group}"))),
    };
    let after = GROUP.kept(after)?;
    let text = |name: &str| after.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
    let description = Description { name: text("displayName").unwrap_or_default(), external_id: text("externalId") };
    let members = members(&after)?;
    let new: Vec<&String> = members.difference(&was_in).collect();
    work.preload(new.iter().map(|person| Stream::new(Member::TYPE, person)).collect()).await?;
    for person in new {
        if work.load::<Member>(person).await?.0.known().is_none() {
            return Err(invalid_value("members", &format!("{person} is no user here: provision them first")));
        }
    }
    work.execute::<Group>(&group, expected, Command::Describe { description, members }).await?;
    Ok(())
}

fn members(attributes: &Attributes) -> Result<BTreeSet<String>, Problem> {
    let members = attributes.get("members").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let value = |member: &Value| member["value"].as_str().map(ToOwned::to_owned);
    let values: Option<BTreeSet<String>> = members.iter().map(value).collect();
    values.ok_or_else(|| invalid_value("members", "each has the id of a user as its `value`"))
}

async fn deleted(work: &mut Work, expected: Option<i64>, group: String) -> Result<(), Problem> {
    if work.load::<Group>(&group).await?.0.description().is_none() {
        return Err(Problem::not_found(format!("group {group}")));
    }
    work.execute::<Group>(&group, expected, Command::Delete).await?;
    Ok(())
}

/// The person is in no group any more.
pub async fn leave_all(work: &mut Work, person: &str) -> Result<(), Problem> {
    let organisation = work.cx().tenant;
    let groups: Vec<String> = sqlx::query_scalar(
        "select key from view_group where tenant_id = $1 and valid_to = 9223372036854775807 and data->'members' ? $2",
    )
    .bind(organisation)
    .bind(person)
    .fetch_all(work.connection().await?)
    .await
    .map_err(StoreError::from)?;
    for group in groups {
        work.execute::<Group>(&group, None, Command::Leave { person: person.to_owned() }).await?;
    }
    Ok(())
}

/// The group as it is now.
async fn respond(call: &Call, status: StatusCode, group: &str) -> Result<Response, Problem> {
    let mut session = call.session().await?;
    let position = session.head().await?;
    let (_, mut groups) = page(call, &mut session, &Query::of(group)).await?;
    let group = groups.pop().ok_or_else(|| Problem::not_found(format!("group {group}")))?;
    shown(call, &GROUP, status, position, group)
}

//! From the statement as it stands to one that was issued: approved as it was read, issued as it was approved, and read again
//! to the byte.

use crate::edition::{Command, Edition, Editions};
use crate::evidence::sha256;
use crate::issued::IssuedSoa;
use crate::requirement::Requirement;
use crate::soa::{Document, ID, SoaCounts, SoaRow, position, rows};
use crate::statement::Statement;
use axum::http::StatusCode;
use axum::response::Response;
use eventstore::{Session, Work};
use serde::{Deserialize, Serialize};
use service::{Call, Change, Content, Outcome, Problem, changes, json};
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;
use views::{get, shown};

/// Approves the Statement of Applicability as it was read.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApproveSoa {
    /// As `GET /soa` told it: it is approved only if it is still the same.
    #[schema(example = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")]
    digest: String,
}

/// Issues the Statement of Applicability as it was approved.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IssueSoa {}

/// What differs between two statements.
#[derive(Serialize, ToSchema)]
pub struct SoaDifferences {
    position: i64,
    /// The positions whose states are compared.
    from_position: i64,
    to_position: i64,
    /// The controls that differ, in the standard's order.
    items: Vec<SoaDifference>,
}

#[derive(Serialize, ToSchema)]
struct SoaDifference {
    id: String,
    changes: Vec<Change>,
}

/// `POST /soa/approvals`
pub async fn approve(call: Call) -> Result<Response, Problem> {
    call.in_person("a statement is approved by somebody who answers for it")?;
    let expected = call.if_match()?;
    let (ApproveSoa { digest }, cx) = call.command()?;
    let done = call.store.perform(&cx, "soa", |work| {
        let digest = digest.clone();
        Box::pin(async move {
            let edition = as_it_stands(work).await?;
            let approve = Command::Approve { digest, edition };
            let id = ID.to_owned();
            let changed = work.execute::<Editions>(&id, expected, approve).await?;
            Ok::<_, Problem>(Outcome { id, version: changed.version, changed: changed.changed })
        })
    });
    Ok(call.carried_out(&done.await?, false))
}

/// `POST /soa/issues`
pub async fn issue(call: Call) -> Result<Response, Problem> {
    call.in_person("a statement is issued by somebody who answers for it")?;
    let expected = call.if_match()?;
    let (IssueSoa {}, cx) = call.command()?;
    let done = call.store.perform(&cx, "soa", |work| {
        Box::pin(async move {
            let edition = as_it_stands(work).await?;
            let id = ID.to_owned();
            let changed = work.execute::<Editions>(&id, expected, Command::Issue(edition)).await?;
            let number = work.load::<Editions>(&id).await?.0.count();
            Ok::<_, Problem>(Outcome { id: number.to_string(), version: changed.version, changed: changed.changed })
        })
    });
    Ok(call.carried_out(&done.await?, true))
}

/// The statement now, which nobody changes until this is recorded.
async fn as_it_stands(work: &mut Work) -> Result<Edition, Problem> {
    work.lock().await?;
    let session = work.session().await?;
    let head = session.head().await?;
    if shown::<Statement>(session).await? < head || shown::<Requirement>(session).await? < head {
        return Err(Problem::unavailable("the statement is catching up with what was just recorded: try again"));
    }
    let rows = rows(session, head).await?;
    if rows.is_empty() {
        return Err(Problem::not_found("control of a framework"));
    }
    let of = |wanted: fn(&SoaRow) -> bool| rows.iter().filter(|row| wanted(row)).map(|row| row.id.clone()).collect();
    let counts = SoaCounts::of(&rows);
    Ok(Edition {
        digest: sha256(Document::of(&rows).bytes()?),
        position: number(head),
        included: counts.included.try_into().unwrap_or(u32::MAX),
        excluded: counts.excluded.try_into().unwrap_or(u32::MAX),
        undecided: of(|row| row.applicable.is_none()),
        conflicting: of(|row| row.conflict),
    })
}

fn number(position: i64) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}

/// `GET /soa/issues/{id}/document`: the same bytes at any time, or none.
pub async fn document(call: Call) -> Result<Response, Problem> {
    let (position, issued, rows) = issued_as_it_was(&call).await?;
    let content = Content { position, digest: issued.digest };
    Ok(content.shown("application/json", Document::of(&rows).bytes()?))
}

/// The position of the answer, what was issued, and its rows: those of the digest, or none.
pub async fn issued_as_it_was(call: &Call) -> Result<(i64, IssuedSoa, Vec<SoaRow>), Problem> {
    let mut session = call.session().await?;
    let position = position(call, &mut session).await?;
    let issued = issued(&mut session, call.id(), position).await?;
    let rows = rows(&mut session, issued.issued_position.into()).await?;
    if sha256(Document::of(&rows).bytes()?) != issued.digest {
        tracing::error!(number = issued.number, "an issued statement cannot be read as it was issued");
        let detail = format!(
            "what is read at position {} has not the digest {}: verify the log",
            issued.issued_position, issued.digest
        );
        return Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "digest_differs", detail));
    }
    Ok((position, issued, rows))
}

async fn issued(session: &mut Session, number: &str, position: i64) -> Result<IssuedSoa, Problem> {
    let row = get::<IssuedSoa>(session, number, position).await?;
    row.map(|row| row.data).ok_or_else(|| Problem::not_found(format!("soa issue {number}")))
}

/// `GET /soa/differences`
pub async fn differences(call: Call) -> Result<Response, Problem> {
    let mut session = call.session().await?;
    let position = position(&call, &mut session).await?;
    let from = call.query.get("from").ok_or_else(|| Problem::field("from", "say which issue: its number"))?;
    let from_position = issued(&mut session, from, position).await?.issued_position.into();
    let to_position = match call.query.get("to") {
        None => position,
        Some(to) => issued(&mut session, to, position).await?.issued_position.into(),
    };
    let before = by_control(rows(&mut session, from_position).await?);
    let after = by_control(rows(&mut session, to_position).await?);
    let ids: BTreeSet<&(String, String)> = before.keys().chain(after.keys()).collect();
    let nothing = serde_json::Value::Null;
    let items = ids.into_iter().filter_map(|id| {
        let of = |rows: &BTreeMap<_, _>| rows.get(id).cloned().unwrap_or_else(|| nothing.clone());
        let changes = changes(&of(&before), &of(&after));
        (!changes.is_empty()).then(|| SoaDifference { id: id.1.clone(), changes })
    });
    let items = items.collect();
    Ok(json(StatusCode::OK, position, &SoaDifferences { position, from_position, to_position, items }))
}

/// The rows by their place in the standard and their id.
fn by_control(rows: Vec<SoaRow>) -> BTreeMap<(String, String), serde_json::Value> {
    let row = |row: SoaRow| {
        let value = serde_json::to_value(&row).unwrap_or_default();
        ((service::natural(&row.id), row.id), value)
    };
    rows.into_iter().map(row).collect()
}

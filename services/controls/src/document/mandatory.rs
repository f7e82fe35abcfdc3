use super::shelf::{DocumentState, ShelvedDocument};
use crate::issued::LastEditions;
use crate::soa;
use axum::http::StatusCode;
use axum::response::Response;
use catalogue::{DocumentDuty, Slot, mandatory_documents};
use chrono::NaiveDate;
use eventstore::{Session, StoreError};
use serde::Serialize;
use service::{Call, Problem, json};
use sqlx::types::Json;
use std::collections::HashMap;
use utoipa::ToSchema;
use views::get;

/// The documents that clauses 4 to 10 ask for, and how each stands here.
#[derive(Serialize, ToSchema)]
pub struct MandatoryDocuments {
    position: i64,
    /// Those of which nothing counts yet.
    #[schema(value_type = Vec<String>)]
    missing: Vec<Slot>,
    /// In the standard's order.
    items: Vec<MandatoryDocument>,
}

#[derive(Serialize, ToSchema)]
struct MandatoryDocument {
    #[schema(value_type = String, example = "information_security_policy")]
    slot: Slot,
    clause: String,
    /// What it is, in a few words of ours.
    what: String,
    #[schema(value_type = String, example = "maintain")]
    duty: DocumentDuty,
    state: SlotState,
    /// What was registered for it, without what is retired.
    documents: Vec<Filed>,
}

/// How one of them stands, by the best of its documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum SlotState {
    /// Nothing was registered for it.
    Missing,
    /// Nothing of it is published yet.
    Draft,
    /// It is published, and its review is overdue.
    ReviewOverdue,
    Published,
}

#[derive(Serialize, ToSchema)]
struct Filed {
    id: String,
    title: String,
    state: SlotState,
    next_review: Option<NaiveDate>,
}

/// `GET /mandatory-documents`
pub async fn list(call: Call) -> Result<Response, Problem> {
    let mut session = call.session().await?;
    let documents = call.position::<ShelvedDocument>(&mut session).await?;
    let position = call.position::<LastEditions>(&mut session).await?.min(documents);
    let today = call.today(&mut session, position).await?;
    let mut filed = filed(&mut session, position).await?;
    // The one that is made here: what was issued of it counts, whatever is registered for it.
    let issue = get::<LastEditions>(&mut session, soa::ID, position).await?.and_then(|row| row.data.issue);
    let items: Vec<MandatoryDocument> = mandatory_documents()
        .iter()
        .map(|known| {
            let documents: Vec<Filed> = filed
                .remove(&known.slot)
                .into_iter()
                .flatten()
                .map(|(id, document)| Filed::of(id, document, today))
                .collect();
            let best = documents.iter().map(|document| document.state).max().unwrap_or(SlotState::Missing);
            let is_issued = known.slot == Slot::StatementOfApplicability && issue.is_some();
            MandatoryDocument {
                slot: known.slot,
                clause: known.clause.clone(),
                what: known.what.clone(),
                duty: known.duty,
                state: if is_issued { SlotState::Published } else { best },
                documents,
            }
        })
        .collect();
    let missing = items.iter().filter(|item| item.state <= SlotState::Draft).map(|item| item.slot).collect();
    Ok(json(StatusCode::OK, position, &MandatoryDocuments { position, missing, items }))
}

impl Filed {
    fn of(id: String, document: ShelvedDocument, today: NaiveDate) -> Self {
        let state = match document.state {
            DocumentState::Published if document.is_overdue(today) => SlotState::ReviewOverdue,
            DocumentState::Published => SlotState::Published,
            DocumentState::Draft | DocumentState::Approved | DocumentState::Retired => SlotState::Draft,
        };
        Self { id, title: document.title, state, next_review: document.next_review }
    }
}

/// The documents that were registered for a slot and are not retired, as of a position.
async fn filed(
    session: &mut Session,
    position: i64,
) -> Result<HashMap<Slot, Vec<(String, ShelvedDocument)>>, StoreError> {
    let tenant = session.tenant();
    let rows: Vec<(String, Json<ShelvedDocument>)> = sqlx::query_as(
        "select key, data from view_document
         where tenant_id = $1 and slot > '' and state <> 'retired' and valid_to > $2 and valid_from <= $2 order by place, key",
    )
    .bind(tenant)
    .bind(position)
    .fetch_all(session.connection())
    .await?;
    let mut filed: HashMap<Slot, Vec<(String, ShelvedDocument)>> = HashMap::new();
    for (id, Json(document)) in rows {
        if let Some(slot) = document.slot {
            filed.entry(slot).or_default().push((id, document));
        }
    }
    Ok(filed)
}

use crate::acknowledgement::{Acknowledge, Acknowledgement, Event};
use crate::document::{Document, ShelvedDocument};
use crate::holders::holders;
use access::Roster;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use eventstore::{Aggregate, Recorded, Session, StoreError, Stream, Work};
use serde::{Deserialize, Serialize};
use service::{Call, Listed, Outcome, Problem, json, tidy};
use std::collections::BTreeSet;
use utoipa::ToSchema;
use views::{Column, Filter, Folded, View, get, stream_key};

/// Says that the caller knows a version of the document.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcknowledgeDocument {
    /// The one that was read: the one that counts.
    version: u32,
}

/// Who knew which version as of a position, and since when. A list filters and sorts by `person` and `knows`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Knowing {
    pub document: String,
    pub person: String,
    /// The version of the document.
    pub knows: u32,
    pub acknowledged_at: DateTime<Utc>,
}

impl View for Knowing {
    const NAME: &'static str = "acknowledgement";
    const COLUMNS: &'static [Column] = &[Column::text("person"), Column::int("knows")];

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        Ok(stream_key::<Event>(event))
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        let given = event.decode::<Event>()?;
        let given = given.map(|Event::Given { document, person, version }| Self {
            document,
            person,
            knows: version,
            acknowledged_at: event.recorded_at,
        });
        Ok(given.or(current))
    }
}

/// Who knows a document.
#[derive(Serialize, ToSchema)]
pub struct Acknowledgements {
    #[serde(flatten)]
    listed: Listed<Knowing>,
    /// The version that counts.
    published: Option<u32>,
    /// Those of the audience who have not acknowledged it.
    missing: Vec<String>,
}

/// `POST /documents/{id}/acknowledgements`: of the caller, in whose place nobody says it.
pub async fn acknowledge(call: Call) -> Result<Response, Problem> {
    call.in_person("a person acknowledges what they know")?;
    let expected = call.if_match()?;
    let (AcknowledgeDocument { version }, cx) = call.command()?;
    let (document, person) = (call.id().to_owned(), call.caller.person.clone());
    let id = format!("{document}/{person}");
    let lane = Stream::new(Acknowledgement::TYPE, &id).to_string();
    let done = call.store.perform(&cx, &lane, |work| {
        Box::pin(record(work, id.clone(), expected, (document.clone(), person.clone(), version)))
    });
    Ok(call.carried_out(&done.await?, false))
}

async fn record(
    work: &mut Work,
    id: String,
    expected: Option<i64>,
    (document, person, version): (String, String, u32),
) -> Result<Outcome, Problem> {
    let (known, registered) = work.load::<Document>(&document).await?;
    if registered == 0 {
        return Err(Problem::not_found(format!("document {document}")));
    }
    let published = known.published();
    let acknowledge = Acknowledge { document, person, version, published };
    let changed = work.execute::<Acknowledgement>(&id, expected, acknowledge).await?;
    Ok(Outcome { id, version: changed.version, changed: changed.changed })
}

/// `GET /documents/{id}/acknowledgements`
pub async fn list(call: Call) -> Result<Response, Problem> {
    let mut session = call.session().await?;
    let documents = call.position::<ShelvedDocument>(&mut session).await?;
    let roles = call.position::<Roster>(&mut session).await?;
    let position = call.position::<Knowing>(&mut session).await?.min(documents).min(roles);
    let of_document = vec![Filter::Is(Column::text("document"), call.id().to_owned())];
    let listed = call.list_at::<Knowing>(&mut session, position, of_document).await?;
    let document = get::<ShelvedDocument>(&mut session, call.id(), listed.position).await?;
    let document = document.ok_or_else(|| Problem::not_found(format!("document {}", call.id())))?.data;
    let know = who_know(&mut session, call.id(), document.published, listed.position).await?;
    let at = call.clock(&mut session, listed.position).await?;
    let mut audience = holders(&mut session, &document.audience_roles, listed.position, at).await?;
    audience.extend(document.audience);
    let missing = tidy(audience.into_iter().filter(|person| !know.contains(person)));
    let published = document.published;
    Ok(json(StatusCode::OK, listed.position, &Acknowledgements { listed, published, missing }))
}

async fn who_know(
    session: &mut Session,
    document: &str,
    version: Option<u32>,
    position: i64,
) -> Result<BTreeSet<String>, Problem> {
    let tenant = session.tenant();
    let people: Vec<String> = sqlx::query_scalar(
        "select person from view_acknowledgement
         where tenant_id = $1 and document = $2 and knows = $3 and valid_to > $4 and valid_from <= $4",
    )
    .bind(tenant)
    .bind(document)
    .bind(version.map_or(-1, i64::from))
    .bind(position)
    .fetch_all(session.connection())
    .await
    .map_err(StoreError::from)?;
    Ok(people.into_iter().collect())
}

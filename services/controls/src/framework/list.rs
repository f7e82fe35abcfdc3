use super::answers::{OF_2013, OF_2022};
use super::upload::strange;
use super::{Asked, Contents, Event, Mapping};
use axum::http::StatusCode;
use axum::response::Response;
use catalogue::{annex_a, annex_a_2013};
use eventstore::{Recorded, Session, StoreError};
use serde::{Deserialize, Serialize};
use service::{Call, Item, Problem, json, object_answer};
use utoipa::ToSchema;
use views::{Folded, Listing, View, list as rows, stream_key};

/// More than these no tenant has: each is read whole wherever one is held against the others.
pub const MOST: usize = 50;

/// A framework that was uploaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UploadedFramework {
    #[serde(flatten)]
    pub contents: Contents,
    /// What answers its requirements.
    pub mappings: Vec<Mapping>,
}

impl View for UploadedFramework {
    const NAME: &'static str = "framework";

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        Ok(stream_key::<Event>(event))
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        Ok(match event.decode::<Event>()? {
            None => current,
            Some(Event::Registered(contents)) => Some(Self { contents, mappings: Vec::new() }),
            Some(Event::Described(contents)) => current.map(|standing| Self { contents, ..standing }),
            Some(Event::Mapped { mappings }) => current.map(|standing| Self { mappings, ..standing }),
            Some(Event::Removed {}) => None,
        })
    }
}

/// All frameworks: those that are built in, then those that were uploaded.
#[derive(Serialize, ToSchema)]
pub struct Frameworks {
    position: i64,
    items: Vec<ListedFramework>,
}

#[derive(Serialize, ToSchema)]
pub struct ListedFramework {
    id: String,
    title: String,
    version: Option<String>,
    built_in: bool,
    requirements: usize,
    /// Requirements that something is said to answer.
    mapped: usize,
}

/// Those that are built in, by their ids.
pub fn built_in(id: &str) -> Option<Contents> {
    let asked =
        |id: &str, name: &str| Asked { id: id.to_owned(), name: name.to_owned(), description: None, parent: None };
    let (edition, requirements) = match id {
        OF_2022 => ("2022", annex_a().iter().map(|control| asked(&control.id, &control.title)).collect()),
        OF_2013 => ("2013", annex_a_2013().iter().map(|control| asked(&control.id, &control.title)).collect()),
        _ => return None,
    };
    Some(Contents { title: "ISO/IEC 27001 Annex A".to_owned(), version: Some(edition.to_owned()), requirements })
}

/// Those that were uploaded, as of a position.
pub async fn uploaded(session: &mut Session, position: i64) -> Result<Vec<Item<UploadedFramework>>, StoreError> {
    // Two that began at once may be one too many.
    let limit = i64::try_from(2 * MOST).unwrap_or(i64::MAX);
    let listing = Listing { filters: Vec::new(), sort: None, descending: false, after: None, limit };
    Ok(rows::<UploadedFramework>(session, position, &listing).await?.rows.into_iter().map(Item::from).collect())
}

/// `GET /frameworks`
pub async fn list(call: Call) -> Result<Response, Problem> {
    let mut session = call.session().await?;
    let position = call.position::<UploadedFramework>(&mut session).await?;
    let of = |id: &str, contents: Contents, built_in: bool, mapped: usize| {
        let Contents { title, version, requirements } = contents;
        ListedFramework { id: id.to_owned(), title, version, built_in, requirements: requirements.len(), mapped }
    };
    let built_in = [OF_2022, OF_2013].into_iter().filter_map(|id| {
        let contents = built_in(id)?;
        let mapped = contents.requirements.len();
        Some(of(id, contents, true, mapped))
    });
    let mut items: Vec<ListedFramework> = built_in.collect();
    for Item { id, data: UploadedFramework { contents, mappings }, .. } in uploaded(&mut session, position).await? {
        let mut mapped: Vec<&str> = mappings.iter().map(|mapping| mapping.requirement.as_str()).collect();
        mapped.sort_unstable();
        mapped.dedup();
        let mapped = mapped.len();
        items.push(of(&id, contents, false, mapped));
    }
    Ok(json(StatusCode::OK, position, &Frameworks { position, items }))
}

/// `GET /frameworks/{id}`
pub async fn one(call: Call) -> Result<Response, Problem> {
    if built_in(call.id()).is_some() {
        return Err(strange(call.id()));
    }
    Ok(object_answer(&call.object::<UploadedFramework>(call.id()).await?))
}

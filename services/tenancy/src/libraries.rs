//! What an organisation does with its libraries: what they hold, their versions, and which tenants get which.

mod push;

pub use push::{NamedLibrary, create_from, when_a_library_is_pushed_then_hand_it_over};

use crate::known_library::{KnownContents, KnownLibrary};
use crate::library::{Command, Library, Profile};
use crate::organisation::Organisation;
use crate::release::{self, Published, Release};
use ::library::{Contents, Differences, Item, MOST_BYTES, checked_contents, digest};
use access::Action::{self, ManageTenant};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use eventstore::{Session, Work};
use push::{PushLibrary, push};
use serde::{Deserialize, Serialize};
use service::{
    Answered, Call, Called, Ended, Faults, Listed, Object, Outcome, Problem, Route, Routes, checked_text,
    checked_text_if_given, json, object_answer,
};
use utoipa::ToSchema;

/// What one is called where nobody says it.
const LETTERS: &str = "L";
const LONGEST_NAME: usize = 200;
const LONGEST_TEXT: usize = 4000;
/// A body says the items with its spaces and line ends.
const LARGEST_BODY: usize = 2 * MOST_BYTES;

/// What is said of a library beside its items, whole: what is left out is no longer so.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DescribeLibrary {
    #[schema(example = "Small software company")]
    name: String,
    /// For which clients it is meant.
    description: Option<String>,
}

/// Says what the draft of a library holds, whole: what is left out is no longer in it.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DraftLibrary {
    items: Vec<Item>,
}

/// Makes the draft the next version. Where it says what the last one says, that stays the last.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PublishLibrary {}

/// What publishing did.
#[derive(Serialize, ToSchema)]
struct LibraryPublished {
    /// The position of the organisation's log after it.
    position: i64,
    #[serde(flatten)]
    outcome: Outcome,
    /// The last version of the library, by which it is pushed.
    published: u32,
}

/// The items of a library as of a position.
#[derive(Serialize, ToSchema)]
struct LibraryContents {
    position: i64,
    /// Missing: it is the draft.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
    /// In the order of their keys, by which the digest of a version is taken.
    items: Vec<Item>,
}

#[derive(Serialize, ToSchema)]
struct LibraryCompared {
    position: i64,
    #[serde(flatten)]
    differences: Differences,
}

impl DescribeLibrary {
    fn profile(&self) -> Result<Profile, Problem> {
        let mut faults = Faults::default();
        let name = faults.keep(checked_text("name", &self.name, LONGEST_NAME));
        let description = self.description.as_deref().unwrap_or_default();
        let description = faults.keep(checked_text_if_given("description", description, LONGEST_TEXT)).flatten();
        faults.settle(name.map(|name| Profile { name, description }))
    }
}

async fn register(call: Call) -> Result<Response, Problem> {
    let (written, body, cx) = call.command_with_ref::<DescribeLibrary>()?;
    let (expected, profile, called) = (call.if_match()?, body.profile()?, Called::by(written.as_deref(), LETTERS)?);
    let lane = called.lane("library");
    let done = call.store.perform(&cx, &lane, |work| {
        let (called, command) = (called.clone(), Command::Register(profile.clone()));
        Box::pin(async move {
            // A tenant has none.
            let organisation = work.cx().tenant.to_string();
            if work.load::<Organisation>(&organisation).await?.1 == 0 {
                return Err(Problem::not_found(format!("organisation {organisation}")));
            }
            let id = called.settle::<Library>(work).await?;
            execute(work, id, expected, command).await
        })
    });
    Ok(call.carried_out(&done.await?, true))
}

async fn describe(call: Call) -> Result<Response, Problem> {
    let (body, cx) = call.command::<DescribeLibrary>()?;
    let (expected, profile) = (call.if_match()?, body.profile()?);
    let (id, lane) = (call.id().to_owned(), lane(call.id()));
    let done = call.store.perform(&cx, &lane, |work| {
        let (id, command) = (id.clone(), Command::Describe(profile.clone()));
        Box::pin(async move {
            known(work, &id).await?;
            execute(work, id, expected, command).await
        })
    });
    Ok(call.carried_out(&done.await?, false))
}

async fn draft(call: Call) -> Result<Response, Problem> {
    let (body, cx) = call.command::<DraftLibrary>()?;
    let (expected, contents) = (call.if_match()?, checked_contents(body.items)?);
    let (id, lane) = (call.id().to_owned(), lane(call.id()));
    let done = call.store.perform(&cx, &lane, |work| {
        let (id, command) = (id.clone(), Command::Draft(contents.clone()));
        Box::pin(async move {
            known(work, &id).await?;
            execute(work, id, expected, command).await
        })
    });
    Ok(call.carried_out(&done.await?, false))
}

async fn publish(call: Call) -> Result<Response, Problem> {
    let expected = call.if_match()?;
    let (PublishLibrary {}, cx) = call.command()?;
    let (id, lane) = (call.id().to_owned(), lane(call.id()));
    let done = call.store.perform(&cx, &lane, |work| Box::pin(publish_draft(work, id.clone(), expected))).await?;
    let (outcome, published) = done.answer.clone();
    let version = outcome.version;
    let body = LibraryPublished { position: done.position, outcome, published };
    Ok(Ended::of(&done).version(version).with(&body))
}

async fn publish_draft(work: &mut Work, id: String, expected: Option<i64>) -> Result<(Outcome, u32), Problem> {
    let library = known(work, &id).await?;
    let (contents, name) = (library.draft().clone(), library.name().unwrap_or_default().to_owned());
    let digest = digest(&contents).map_err(eventstore::StoreError::from)?;
    let outcome = execute(work, id.clone(), expected, Command::Publish { digest: digest.clone() }).await?;
    let version = known(work, &id).await?.last_version();
    if outcome.changed {
        let published =
            Published { library: id.clone(), name, version, digest, items: contents.into_values().collect() };
        work.execute::<Release>(&release::id(&id, version), None, release::Command::Publish(published)).await?;
    }
    Ok((outcome, version))
}

fn lane(id: &str) -> String {
    format!("library-{id}")
}

async fn known<'a>(work: &'a mut Work, id: &str) -> Result<&'a Library, Problem> {
    let (library, version) = work.load::<Library>(id).await?;
    if version == 0 { Err(Problem::not_found(format!("library {id}"))) } else { Ok(library) }
}

async fn execute(work: &mut Work, id: String, expected: Option<i64>, command: Command) -> Result<Outcome, Problem> {
    let changed = work.execute::<Library>(&id, expected, command).await?;
    Ok(Outcome { id, version: changed.version, changed: changed.changed })
}

async fn list(call: Call) -> Result<Response, Problem> {
    let listed = call.list::<KnownLibrary>(Vec::new()).await?;
    Ok(json(StatusCode::OK, listed.position, &listed))
}

async fn show(call: Call) -> Result<Response, Problem> {
    Ok(object_answer(&call.object::<KnownLibrary>(call.id()).await?))
}

/// The items of a version, or of the draft where none is named; nothing where there is no such version.
async fn items(session: &mut Session, id: &str, version: Option<u32>, position: i64) -> Result<Contents, Problem> {
    let key = version.map_or_else(|| id.to_owned(), |version| format!("{id}/{version}"));
    let row = views::get::<KnownContents>(session, &key, position).await?;
    match (row, version) {
        (Some(row), _) => Ok(row.data.items),
        (None, None) => Ok(Contents::new()),
        (None, Some(version)) => Err(Problem::not_found(format!("version {version} of library {id}"))),
    }
}

/// Where there is such a library: its rows, and the position that they are shown at.
async fn opened(call: &Call) -> Result<(Session, i64), Problem> {
    let mut session = call.session().await?;
    let reached = call.position::<KnownLibrary>(&mut session).await?;
    let position = call.position::<KnownContents>(&mut session).await?.min(reached);
    if views::get::<KnownLibrary>(&mut session, call.id(), position).await?.is_none() {
        return Err(Problem::not_found(format!("library {}", call.id())));
    }
    Ok((session, position))
}

/// The version that a parameter names, where it is given.
fn version_of(call: &Call, parameter: &str) -> Result<Option<u32>, Problem> {
    let version = call.query.whole(parameter, 1, i64::from(u32::MAX), 0)?;
    Ok(u32::try_from(version).ok().filter(|version| *version > 0))
}

async fn contents(call: Call) -> Result<Response, Problem> {
    let version = version_of(&call, "version")?;
    let (mut session, position) = opened(&call).await?;
    let items = items(&mut session, call.id(), version, position).await?.into_values().collect();
    Ok(json(StatusCode::OK, position, &LibraryContents { position, version, items }))
}

async fn differences(call: Call) -> Result<Response, Problem> {
    let (from, to) = (version_of(&call, "from")?, version_of(&call, "to")?);
    let (mut session, position) = opened(&call).await?;
    let from = from.ok_or_else(|| Problem::field("from", "say which version to compare with"))?;
    let before = items(&mut session, call.id(), Some(from), position).await?;
    let after = items(&mut session, call.id(), to, position).await?;
    let differences = Differences::between(&before, &after);
    Ok(json(StatusCode::OK, position, &LibraryCompared { position, differences }))
}

fn route(method: Method, tail: &'static str, summary: &'static str) -> Route {
    let action: Action = ManageTenant;
    Route::organisation(method, tail, action, summary)
}

pub fn routes(routes: Routes) -> Routes {
    routes
        .with(
            route(Method::GET, "/libraries", "List the organisation's libraries")
                .pages::<KnownLibrary>()
                .gives::<Listed<KnownLibrary>>(200)
                .answered_by(list),
        )
        .with(
            route(Method::POST, "/libraries", "Begin a library, a baseline for clients")
                .takes_with_ref::<DescribeLibrary>()
                .begins::<Answered>()
                .answered_by(register),
        )
        .with(
            route(Method::GET, "/libraries/{id}", "A library, its versions, and which tenant got which")
                .as_of()
                .gives::<Object<KnownLibrary>>(200)
                .answered_by(show),
        )
        .with(
            route(Method::PUT, "/libraries/{id}", "Say anew what a library is called and for whom it is")
                .takes::<DescribeLibrary>()
                .gives::<Answered>(200)
                .answered_by(describe),
        )
        .with(
            route(Method::GET, "/libraries/{id}/history", "Who changed, published and pushed a library, when and why")
                .history_of::<KnownLibrary>(|call| call.id().to_owned()),
        )
        .with(
            route(Method::GET, "/libraries/{id}/contents", "What a library holds: a version, or its draft")
                .as_of()
                .parameter("version", "The number of a version; where it is not given, the draft")
                .gives::<LibraryContents>(200)
                .answered_by(contents),
        )
        .with(
            route(Method::PUT, "/libraries/{id}/contents", "Say what the draft of a library holds, whole")
                .takes::<DraftLibrary>()
                .up_to(LARGEST_BODY)
                .gives::<Answered>(200)
                .answered_by(draft),
        )
        .with(
            route(
                Method::POST,
                "/libraries/{id}/versions",
                "Publish the draft as the next version, which never changes",
            )
            .takes::<PublishLibrary>()
            .gives::<LibraryPublished>(200)
            .answered_by(publish),
        )
        .with(
            route(Method::GET, "/libraries/{id}/differences", "What differs between two versions of a library")
                .as_of()
                .parameter("from", "The number of a version")
                .parameter("to", "The number of another; where it is not given, the draft")
                .gives::<LibraryCompared>(200)
                .answered_by(differences),
        )
        .with(
            route(Method::POST, "/libraries/{id}/pushes", "Propose a version to some of the organisation's tenants")
                .takes::<PushLibrary>()
                .gives::<Answered>(200)
                .answered_by(push),
        )
}

//! Taking an upload back: one append, through the commands of what it was about, and nothing that came later is lost.

use super::kept::{self, Import, KeptImport};
use super::{Upload, allowed, listed};
use crate::answer::json;
use crate::pace::pace;
use crate::{Answered, Call, FieldError, Listed, Object, Outcome, Problem, Route, Routes, field_error, object_answer};
use access::Action;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use eventstore::{Aggregate, NOW, Refused, Stream, Work};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use utoipa::ToSchema;
use views::{Column, Filter, View};

/// A register whose uploads are listed, and can be taken back.
pub trait Undo: Upload {
    /// What its uploads are kept as: the end of their path.
    const REGISTER: &'static str;

    /// Whether the object is in the register.
    fn is_there(object: &Self::Of) -> bool;

    /// What makes of an object what it was before; nothing before: the upload began it. Or why that cannot be.
    fn back(now: &Self::Of, before: Option<&Self::Of>) -> Result<Vec<<Self::Of as Aggregate>::Command>, String>;

    /// What would be left in the air without the objects that the upload began: each of those with what is about it.
    fn relying(
        work: &mut Work,
        begun: &BTreeSet<String>,
    ) -> impl Future<Output = Result<Vec<FieldError>, Problem>> + Send;
}

/// Takes an upload back, and says why.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UndoImport {}

/// The first and the last version of an object that an upload caused.
type Run = (i64, i64);

impl Routes {
    /// The uploads of `U`: all, one, and taking one back.
    #[must_use]
    pub fn uploads<U: Undo>(self, list: &'static str, one: &'static str, undo: &'static str) -> Self {
        self.with(
            Route::tenant(Method::GET, list, Action::Read, "The uploads that were recorded, oldest first")
                .pages::<KeptImport>()
                .gives::<Listed<KeptImport>>(200)
                .answered_by(kept_imports::<U>),
        )
        .with(
            Route::tenant(Method::GET, one, Action::Read, "What an upload did, by whom, and whether it was taken back")
                .as_of()
                .gives::<Object<KeptImport>>(200)
                .answered_by(kept_import::<U>),
        )
        .with(
            Route::tenant(
                Method::POST,
                undo,
                Action::ManageTenant,
                "Take an upload back, unless something that it did was changed or built on since",
            )
            .takes_with_reason::<UndoImport>()
            .gives::<Answered>(200)
            .answered_by(undo_import::<U>),
        )
    }
}

async fn kept_imports<U: Undo>(call: Call) -> Result<Response, Problem> {
    let of_register = Filter::Is(Column::text("register"), U::REGISTER.to_owned());
    let listed = call.list::<KeptImport>(vec![of_register]).await?;
    Ok(json(StatusCode::OK, listed.position, &listed))
}

async fn kept_import<U: Undo>(call: Call) -> Result<Response, Problem> {
    let object = call.object::<KeptImport>(call.id()).await?;
    if object.item.data.register != U::REGISTER {
        return Err(not_found(call.id()));
    }
    Ok(object_answer(&object))
}

fn not_found(id: &str) -> Problem {
    Problem::not_found(format!("{} {id}", KeptImport::NAME))
}

async fn undo_import<U: Undo>(call: Call) -> Result<Response, Problem> {
    allowed::<U>(&call).await?;
    let (UndoImport {}, cx) = call.command::<UndoImport>()?;
    if cx.reason().is_none() {
        return Err(Problem::field("reason", "say why: an auditor will ask"));
    }
    let id = call.id().to_owned();
    let done = call.store.perform(&cx, "import", |work| {
        let id = id.clone();
        Box::pin(async move { take_back::<U>(work, id).await })
    });
    Ok(call.carried_out(&done.await?, false))
}

async fn take_back<U: Undo>(work: &mut Work, id: String) -> Result<Outcome, Problem> {
    // Nobody appends from here on: what is about the objects now is all that will be.
    work.lock().await?;
    let (import, version) = work.load::<Import>(&id).await?;
    let Some(events) = import.kept(U::REGISTER).map(|kept| kept.events) else { return Err(not_found(&id)) };
    if import.is_undone() {
        return Ok(Outcome { id, version, changed: false });
    }
    let touched = touched::<U>(work, &id, events).await?;
    let before = before::<U>(work, &touched).await?;
    work.preload(touched.keys().cloned().collect()).await?;
    let (mut commands, mut errors, mut begun) = (Vec::new(), Vec::new(), BTreeSet::new());
    for (index, (stream, (_, last))) in touched.iter().enumerate() {
        pace(index).await;
        let (now, standing) = work.load::<U::Of>(stream.id()).await?;
        if standing != *last {
            errors.push(field_error(stream.id(), "it was changed since: change it by hand"));
            continue;
        }
        let before = before.get(stream);
        if before.is_none() {
            begun.insert(stream.id().to_owned());
        }
        match U::back(now, before) {
            Ok(back) => commands.extend(back.into_iter().map(|command| (stream.id().to_owned(), command))),
            Err(why) => errors.push(field_error(stream.id(), why)),
        }
    }
    errors.extend(U::relying(work, &begun).await?);
    for (index, (object, command)) in commands.into_iter().enumerate() {
        pace(index).await;
        match work.execute::<U::Of>(&object, None, command).await {
            Ok(_) => {}
            Err(Refused::Rule(broken)) => errors.push(field_error(object, broken.to_string())),
            Err(Refused::Store(error)) => return Err(error.into()),
            // No version was named.
            Err(Refused::Stale { .. }) => return Err(Problem::internal()),
        }
    }
    if !errors.is_empty() {
        let detail = format!("{} objects stand in the way, and nothing was taken back: see errors", errors.len());
        return Err(Problem::new(StatusCode::CONFLICT, "built_on", detail).telling(listed(errors)));
    }
    let changed = work.execute::<Import>(&id, None, kept::Command::Undo).await?;
    Ok(Outcome { id, version: changed.version, changed: changed.changed })
}

/// What the upload caused: as many events as it says stand right before its own.
async fn touched<U: Undo>(work: &mut Work, id: &str, events: u32) -> Result<BTreeMap<Stream, Run>, Problem> {
    let session = work.session().await?;
    let own = session.stream(&Stream::new(Import::TYPE, id), NOW).await?;
    let at = own.first().map(|event| event.position).ok_or_else(|| not_found(id))?;
    let count = i64::from(events);
    let mut touched: BTreeMap<Stream, Run> = BTreeMap::new();
    for event in session.events_after(at - 1 - count, count).await? {
        if event.stream.kind() == <U::Of as Aggregate>::TYPE {
            touched.entry(event.stream).or_insert((event.version, event.version)).1 = event.version;
        }
    }
    Ok(touched)
}

/// What stood before, of the objects of which anything did.
async fn before<U: Undo>(work: &mut Work, touched: &BTreeMap<Stream, Run>) -> Result<HashMap<Stream, U::Of>, Problem> {
    let earlier: Vec<Stream> =
        touched.iter().filter(|(_, (first, _))| *first > 1).map(|(stream, _)| stream.clone()).collect();
    let mut before: HashMap<Stream, U::Of> = HashMap::new();
    for event in work.session().await?.streams(&earlier).await? {
        let first = touched.get(&event.stream).map_or(0, |(first, _)| *first);
        if event.version < first
            && let Some(happened) =
                event.decode::<<U::Of as Aggregate>::Event>().map_err(eventstore::StoreError::from)?
        {
            before.entry(event.stream).or_default().apply(happened);
        }
    }
    before.retain(|_, object| U::is_there(object));
    Ok(before)
}

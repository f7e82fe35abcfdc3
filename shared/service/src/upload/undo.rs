//! Taking an upload back: one append, through the commands of what it was about, and nothing that came later is lost.

use super::kept::{self, Import, KeptImport};
use super::{Upload, allowed, listed};
use crate::answer::json;
use crate::pace::pace;
use crate::{
    Answered, Call, FieldError, Listed, OF_MANY, Object, Outcome, Problem, Route, Routes, field_error, object_answer,
};
use access::Action;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use eventstore::{Aggregate, NOW, Refused, Stream, Work};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;
use views::{Column, Filter, View};

/// A register whose uploads are listed, and can be taken back.
pub trait Undo: Upload {
    /// What its uploads are kept as: the end of their path.
    const REGISTER: &'static str;
    /// Rows say a part of the object that they are about: what else changed in it since is in nobody's way.
    const IN_PART: bool = false;

    /// Whether the object is in the register.
    fn is_there(object: &Self::Of) -> bool;

    /// What makes of an object what it was before, as far as the upload changed it. Or what is in the way.
    fn back(&self, object: &Touched<'_, Self::Of>) -> Back<Self>;

    /// What a command is about, where that is not the object itself.
    fn about<'a>(object: &'a str, _: &'a <Self::Of as Aggregate>::Command) -> &'a str {
        object
    }

    /// What would be left in the air without what the upload did: what that is about, with what relies on it.
    fn relying(_: &mut Work, _: &Before<Self::Of>) -> impl Future<Output = Result<Vec<FieldError>, Problem>> + Send {
        async { Ok(Vec::new()) }
    }
}

/// The commands that take back what an upload did to an object, or what is in the way.
pub type Back<U> = Result<Vec<<<U as Upload>::Of as Aggregate>::Command>, Vec<FieldError>>;

/// The objects that an upload touched, each as it was before; none: it was not there.
pub type Before<A> = BTreeMap<String, Option<A>>;

/// An object that an upload touched.
pub struct Touched<'a, A> {
    pub id: &'a str,
    /// As it was; none: it was not there.
    pub before: Option<&'a A>,
    /// As the upload left it.
    pub left: &'a A,
    pub now: &'a A,
}

/// What is said of what somebody changed after the upload.
pub fn changed_since(what: &str) -> FieldError {
    field_error(what, "it was changed since: change it by hand")
}

/// Takes an upload back, and says why.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UndoImport {}

/// The first and the last version of an object that an upload caused.
type Run = (i64, i64);

impl Routes {
    /// The uploads of `U`: all, one, and taking one back, by `U` as `asked` makes it of the request.
    #[must_use]
    pub fn uploads<U: Undo>(
        self,
        list: &'static str,
        one: &'static str,
        undo: &'static str,
        asked: fn(&Call) -> Result<U, Problem>,
    ) -> Self {
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
            .versionless(OF_MANY)
            .gives::<Answered>(200)
            .answered_by(move |call: Call| async move { undo_import(&call, asked(&call)?).await }),
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

async fn undo_import<U: Undo>(call: &Call, upload: U) -> Result<Response, Problem> {
    allowed::<U>(call).await?;
    let (UndoImport {}, cx) = call.command::<UndoImport>()?;
    if cx.reason().is_none() {
        return Err(Problem::field("reason", "say why: an auditor will ask"));
    }
    let (id, upload) = (call.id().to_owned(), Arc::new(upload));
    let done = call.store.perform(&cx, "import", |work| {
        let (id, upload) = (id.clone(), upload.clone());
        Box::pin(async move { take_back(work, id, &upload).await })
    });
    Ok(call.carried_out(&done.await?, false))
}

async fn take_back<U: Undo>(work: &mut Work, id: String, upload: &Arc<U>) -> Result<Outcome, Problem> {
    // Nobody appends from here on: what is about the objects now is all that will be.
    work.lock().await?;
    let (import, version) = work.load::<Import>(&id).await?;
    let Some(events) = import.kept(U::REGISTER).map(|kept| kept.events) else { return Err(not_found(&id)) };
    if import.is_undone() {
        return Ok(Outcome { id, version, changed: false });
    }
    let touched = touched::<U>(work, &id, events).await?;
    let Earlier { before, left } = earlier::<U>(work, &touched).await?;
    work.preload(touched.keys().cloned().collect()).await?;
    let (mut commands, mut errors) = (Vec::new(), Vec::new());
    for (index, (stream, (_, last))) in touched.iter().enumerate() {
        pace(index).await;
        let id = stream.id();
        let (now, standing) = work.load::<U::Of>(id).await?;
        if !U::IN_PART && standing != *last {
            errors.push(changed_since(id));
            continue;
        }
        let before = before.get(id).and_then(Option::as_ref);
        match upload.back(&Touched { id, before, left: left.get(id).unwrap_or(now), now }) {
            Ok(back) => commands.extend(back.into_iter().map(|command| (id, command))),
            Err(in_the_way) => errors.extend(in_the_way),
        }
    }
    errors.extend(U::relying(work, &before).await?);
    for (index, (object, command)) in commands.into_iter().enumerate() {
        pace(index).await;
        let about = U::about(object, &command).to_owned();
        match work.execute::<U::Of>(object, None, command).await {
            Ok(_) => {}
            Err(Refused::Rule(broken)) => errors.push(field_error(about, broken.to_string())),
            Err(Refused::Store(error)) => return Err(error.into()),
            // No version was named.
            Err(Refused::Stale { .. }) => return Err(Problem::internal()),
        }
    }
    if !errors.is_empty() {
        let in_the_way = match errors.len() {
            1 => "something stands in the way".to_owned(),
            count => format!("{count} things stand in the way"),
        };
        let detail = format!("{in_the_way}, and nothing was taken back: see errors");
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

/// What an upload touched, as it was.
struct Earlier<A> {
    before: Before<A>,
    /// As the upload left it, where that may be another thing than what stands.
    left: BTreeMap<String, A>,
}

async fn earlier<U: Undo>(work: &mut Work, touched: &BTreeMap<Stream, Run>) -> Result<Earlier<U::Of>, Problem> {
    // What it began, and nobody changed since, had nothing before and stands as it was left.
    let told = touched.iter().filter(|(_, (first, _))| U::IN_PART || *first > 1);
    let streams: Vec<Stream> = told.map(|(stream, _)| stream.clone()).collect();
    let mut earlier: Earlier<U::Of> = Earlier {
        before: touched.keys().map(|stream| (stream.id().to_owned(), None)).collect(),
        left: BTreeMap::new(),
    };
    for event in work.session().await?.streams(&streams).await? {
        let Some((first, last)) = touched.get(&event.stream) else { continue };
        let decode = || event.decode::<<U::Of as Aggregate>::Event>().map_err(eventstore::StoreError::from);
        let id = || event.stream.id().to_owned();
        if event.version < *first
            && let Some(happened) = decode()?
        {
            earlier.before.entry(id()).or_default().get_or_insert_default().apply(happened);
        }
        if U::IN_PART
            && event.version <= *last
            && let Some(happened) = decode()?
        {
            earlier.left.entry(id()).or_default().apply(happened);
        }
    }
    for before in earlier.before.values_mut() {
        before.take_if(|object| !U::is_there(object));
    }
    Ok(earlier)
}

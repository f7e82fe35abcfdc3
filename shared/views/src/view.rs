use crate::fold::{self, Changes, Fault};
use crate::folder::{Folder, Memory};
use eventstore::{EventOf, Recorded};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;
use std::marker::PhantomData;

/// What folding one event gives: an error is a fault of the code, and stops the view for this tenant until it is mended.
pub type Folded<T> = Result<T, serde_json::Error>;

/// The key of a view with one row for each of `E`'s streams.
pub fn stream_key<E: EventOf>(event: &Recorded) -> Vec<String> {
    if event.stream.kind() == E::STREAM { vec![event.stream.id().to_owned()] } else { Vec::new() }
}

/// A read model: what one key shows after each event. No I/O; the same code serves live, catching up and rebuilding.
/// A row is what its JSON says and no more: what is not written is forgotten between events.
pub trait View: Serialize + DeserializeOwned + Send + Sync + Unpin + 'static {
    /// Lower case and underscores; its table is `view_<name>`, made by `create_view('<name>')` in a migration.
    const NAME: &'static str;

    /// What lists may filter and sort by: generated columns of the table.
    const COLUMNS: &'static [Column] = &[];

    /// The order of a list that asks for none; by key where there is none.
    const ORDER: Option<Column> = None;

    /// Fields that histories do not tell and lists do not search: what secrets are checked against.
    const UNTOLD: &'static [&'static str] = &[];

    /// Whether a list finds rows by words: not where what people would look for is sealed.
    const SEARCHED: bool = true;

    /// The rows that this event touches.
    fn keys(event: &Recorded) -> Folded<Vec<String>>;

    /// What the row shows after the event; nothing where it ends.
    fn apply(current: Option<Self>, key: &str, event: &Recorded) -> Folded<Option<Self>>;
}

/// A generated column over a view's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    pub name: &'static str,
    pub kind: Kind,
    is_ranged: bool,
    may_lack: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Int,
    /// As 2026-03-01.
    Day,
    /// As 2026-03-01T09:30:00Z, by which days sort among instants.
    Instant,
    /// One of these words.
    Word(&'static [&'static str]),
}

impl Column {
    const fn of(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, is_ranged: matches!(kind, Kind::Day | Kind::Instant), may_lack: false }
    }

    pub const fn text(name: &'static str) -> Self {
        Self::of(name, Kind::Text)
    }

    pub const fn int(name: &'static str) -> Self {
        Self::of(name, Kind::Int)
    }

    pub const fn day(name: &'static str) -> Self {
        Self::of(name, Kind::Day)
    }

    pub const fn instant(name: &'static str) -> Self {
        Self::of(name, Kind::Instant)
    }

    pub const fn word(name: &'static str, words: &'static [&'static str]) -> Self {
        Self::of(name, Kind::Word(words))
    }

    pub const fn flag(name: &'static str) -> Self {
        Self::word(name, &["true", "false"])
    }

    /// Some rows say none of its words: they are asked for by an empty text.
    #[must_use]
    pub const fn or_none(self) -> Self {
        Self { may_lack: true, ..self }
    }

    /// A list filters by it with bounds too, as it does by every day and instant.
    #[must_use]
    pub const fn ranged(self) -> Self {
        Self { is_ranged: true, ..self }
    }

    /// All that it may be asked for, where that is known beforehand.
    pub fn choices(&self) -> Vec<&'static str> {
        let Kind::Word(words) = self.kind else { return Vec::new() };
        words.iter().copied().chain(self.may_lack.then_some("")).collect()
    }

    /// The parameters by which a list keeps what is at least a value, and what is below one.
    pub fn bounds(&self) -> Option<(String, String)> {
        let below = if self.kind == Kind::Int { "below" } else { "before" };
        self.is_ranged.then(|| (format!("{}_from", self.name), format!("{}_{below}", self.name)))
    }
}

/// A view whose row type is forgotten, so that a service can hold all of its views in one list.
pub trait AnyView: Send + Sync {
    fn name(&self) -> &'static str;
    fn keys(&self, event: &Recorded) -> Folded<Vec<String>>;
    fn fold(&self, standing: BTreeMap<String, Value>, events: &[Recorded]) -> Result<Changes, Fault>;
    fn folder(&self) -> Box<dyn Folder>;
}

pub struct Typed<V>(pub PhantomData<fn() -> V>);

impl<V: View> AnyView for Typed<V> {
    fn name(&self) -> &'static str {
        V::NAME
    }

    fn keys(&self, event: &Recorded) -> Folded<Vec<String>> {
        V::keys(event)
    }

    fn fold(&self, standing: BTreeMap<String, Value>, events: &[Recorded]) -> Result<Changes, Fault> {
        fold::changes::<V>(standing, events)
    }

    fn folder(&self) -> Box<dyn Folder> {
        Box::new(Memory::<V>::default())
    }
}

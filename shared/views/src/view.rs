use eventstore::Recorded;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::marker::PhantomData;

/// What folding one event gives: an error is a fault of the code, and stops the view for this tenant until it is mended.
pub type Folded<T> = Result<T, serde_json::Error>;

/// A read model: what one key shows after each event. No I/O; the same code serves live, catching up and rebuilding.
pub trait View: Serialize + DeserializeOwned + Send + Sync + Unpin + 'static {
    /// Lower case and underscores; its table is `view_<name>`, made by `create_view('<name>')` in a migration.
    const NAME: &'static str;

    /// What lists may filter and sort by: generated columns of the table.
    const COLUMNS: &'static [Column] = &[];

    /// The order of a list that asks for none; by key where there is none.
    const ORDER: Option<Column> = None;

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
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Int,
}

impl Column {
    pub const fn text(name: &'static str) -> Self {
        Self { name, kind: Kind::Text }
    }

    pub const fn int(name: &'static str) -> Self {
        Self { name, kind: Kind::Int }
    }
}

/// A view whose row type is forgotten, so that a service can hold all of its views in one list.
pub trait AnyView: Send + Sync {
    fn name(&self) -> &'static str;
    fn keys(&self, event: &Recorded) -> Folded<Vec<String>>;
    fn apply(&self, current: Option<Value>, key: &str, event: &Recorded) -> Folded<Option<Value>>;
}

pub struct Typed<V>(pub PhantomData<fn() -> V>);

impl<V: View> AnyView for Typed<V> {
    fn name(&self) -> &'static str {
        V::NAME
    }

    fn keys(&self, event: &Recorded) -> Folded<Vec<String>> {
        V::keys(event)
    }

    fn apply(&self, current: Option<Value>, key: &str, event: &Recorded) -> Folded<Option<Value>> {
        let current = current.map(serde_json::from_value).transpose()?;
        V::apply(current, key, event)?.map(serde_json::to_value).transpose()
    }
}

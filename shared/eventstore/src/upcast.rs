//! Events are for good, and their data is in the schema that its program wrote. Reading brings it up to today's.

use serde_json::Value;

/// Makes the data of one schema that of the next. It is pure, and stays as it was released: what it once made has been
/// published and is held by others.
pub type Upcast = fn(Value) -> Value;

/// An event whose data is another than when it was first stored.
#[derive(Clone, Copy, Debug)]
pub struct Change {
    /// Its name without the stream type, as it is stored.
    pub event: &'static str,
    /// What brings schema 1 to 2, 2 to 3, and so on.
    pub upcasts: &'static [Upcast],
}

/// Why an event is not read: it would be misread.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error(
        "{event_type} is in schema {found}, and this program knows none after {known}: a newer program recorded it, run \
         that one"
    )]
    Newer { event_type: String, found: u32, known: u32 },
    #[error("this program knows no event {0}: a newer program recorded it, run that one")]
    Unknown(String),
    #[error("the data of {0} is no JSON object, and cannot be brought to its next schema")]
    Shapeless(String),
    #[error("{event_type} does not say what this program expects of it: {error}")]
    Malformed { event_type: String, error: String },
}

/// The schema in which an event with these upcasts is recorded now.
pub fn current_schema(upcasts: &[Upcast]) -> u32 {
    u32::try_from(upcasts.len()).unwrap_or(u32::MAX).saturating_add(1)
}

/// What is still to be done with data of `schema`.
pub fn ahead(upcasts: &'static [Upcast], event_type: &str, schema: u32) -> Result<&'static [Upcast], Unreadable> {
    let done = usize::try_from(schema).unwrap_or(usize::MAX).saturating_sub(1);
    upcasts.get(done..).ok_or_else(|| Unreadable::Newer {
        event_type: event_type.to_owned(),
        found: schema,
        known: current_schema(upcasts),
    })
}

/// The data in its next schema.
pub fn next(upcast: Upcast, event_type: &str, data: Value) -> Result<Value, Unreadable> {
    // An upcast sets fields without asking, which only an object takes.
    if data.is_object() { Ok(upcast(data)) } else { Err(Unreadable::Shapeless(event_type.to_owned())) }
}

//! An event's name and data, as serde reads and writes an adjacently tagged enum.

use crate::EventOf;
use serde::Serialize;
use serde::de::value::{BorrowedStrDeserializer, MapAccessDeserializer, MapDeserializer};
use serde::de::{DeserializeSeed, MapAccess};
use serde_json::{Error, Value};
use std::fmt;

/// The variant's stored name and its data.
pub fn tagged(event: &impl Serialize) -> Result<(String, Value), Error> {
    let mut value = serde_json::to_value(event)?;
    let name = value.get("type").and_then(Value::as_str).map(ToOwned::to_owned);
    let data = value.get_mut("data").map(Value::take);
    match (name, data) {
        (Some(name), Some(data)) => Ok((name, data)),
        _ => Err(serde::de::Error::custom("an event is tagged with `type` and `data`, and has data")),
    }
}

/// The event of this name with this data, of which nothing is copied on the way.
pub fn untagged<E: EventOf>(name: &str, data: &Value) -> Result<E, Error> {
    E::deserialize(MapAccessDeserializer::new(Entries { name, data, begun: 0 }))
}

/// `type` and then `data`: in this order serde need not keep the data until it knows what it is.
struct Entries<'a> {
    name: &'a str,
    data: &'a Value,
    begun: u8,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        self.begun += 1;
        let key = match self.begun {
            1 => "type",
            2 => "data",
            _ => return Ok(None),
        };
        seed.deserialize(BorrowedStrDeserializer::new(key)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        match self.begun {
            1 => seed.deserialize(BorrowedStrDeserializer::new(self.name)),
            _ => seed.deserialize(self.data),
        }
    }
}

/// The stored names of all of `E`'s events, as serde knows them.
pub fn names<E: EventOf>() -> &'static [&'static str] {
    // No event is called nothing: the refusal lists those that there are.
    let nameless = MapDeserializer::<_, Names>::new(std::iter::once(("type", "")));
    match E::deserialize(nameless) {
        Err(Names(names)) => names,
        Ok(_) => &[],
    }
}

/// An error that says which variants there are.
#[derive(Debug)]
struct Names(&'static [&'static str]);

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

impl std::error::Error for Names {}

impl serde::de::Error for Names {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self(&[])
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self(expected)
    }
}

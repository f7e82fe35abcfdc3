use crate::library::{Event, follow};
use crate::release;
use ::library::Contents;
use chrono::{DateTime, Utc};
use eventstore::Recorded;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;
use uuid::Uuid;
use views::{Column, Folded, View, stream_key};

/// A library without its items, under its ref. A list filters and sorts by `name`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = Library)]
pub struct KnownLibrary {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The draft was changed since the last version.
    pub unpublished: bool,
    /// The first comes first.
    pub versions: Vec<LibraryVersion>,
    /// The last version that was pushed to each tenant. One that was closed or handed over before it arrived has not got it.
    pub pushed: BTreeMap<Uuid, u32>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LibraryVersion {
    pub version: u32,
    /// SHA-256 of its items as canonical JSON, in hexadecimal.
    pub digest: String,
    /// How many it has.
    pub items: u32,
    pub published_at: DateTime<Utc>,
}

impl View for KnownLibrary {
    const NAME: &'static str = "library";
    const COLUMNS: &'static [Column] = &[Column::text("name")];

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        Ok(stream_key::<Event>(event))
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        Ok(match (event.decode::<Event>()?, current) {
            (None, current) => current,
            (Some(Event::Registered(profile)), _) => Some(Self {
                name: profile.name,
                description: profile.description,
                unpublished: false,
                versions: Vec::new(),
                pushed: BTreeMap::new(),
            }),
            (Some(happened), current) => current.map(|library| library.follow(happened, event.recorded_at)),
        })
    }
}

impl KnownLibrary {
    fn follow(mut self, happened: Event, published_at: DateTime<Utc>) -> Self {
        match happened {
            Event::Registered(profile) | Event::Described(profile) => {
                (self.name, self.description) = (profile.name, profile.description);
            }
            Event::Drafted { .. } => self.unpublished = true,
            Event::Published { version, digest, items } => {
                self.versions.push(LibraryVersion { version, digest, items, published_at });
                self.unpublished = false;
            }
            Event::Pushed { version, tenants, .. } => {
                self.pushed.extend(tenants.into_iter().map(|tenant| (tenant, version)));
            }
        }
        self
    }
}

/// The items of a library: those of its draft under its ref, and those of a version under `<library>/<version>`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KnownContents {
    pub items: Contents,
}

impl View for KnownContents {
    const NAME: &'static str = "library_contents";

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        let mut keys = stream_key::<release::Event>(event);
        if event.event_type == "library.drafted" {
            keys.push(event.stream.id().to_owned());
        }
        Ok(keys)
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        if let Some(release::Event::Published(published)) = event.decode()? {
            let items = published.items.into_iter().map(|item| (item.key(), item)).collect();
            return Ok(Some(Self { items }));
        }
        let Some(Event::Drafted { items, removed }) = event.decode::<Event>()? else { return Ok(current) };
        let mut draft = current.map(|row| row.items).unwrap_or_default();
        follow(&mut draft, items, &removed);
        Ok(Some(Self { items: draft }))
    }
}

#[cfg(test)]
mod tests {
    use super::{KnownContents, KnownLibrary};
    use crate::library::{Event, Profile};
    use crate::release::{self, Published};
    use ::library::Item;
    use serde_json::json;
    use testkit::recorded;
    use uuid::Uuid;
    use views::View;

    fn asset(name: &str) -> Item {
        serde_json::from_value(json!({"asset": {"ref": name, "name": name, "kind": "primary"}})).expect("an item")
    }

    #[test]
    fn a_library_tells_its_versions_and_who_has_which() {
        let profile = |name: &str| Profile { name: name.to_owned(), description: None };
        let events = [
            Event::Registered(profile("Small")),
            Event::Drafted { items: vec![asset("A-1")], removed: vec![] },
            Event::Published { version: 1, digest: "00".to_owned(), items: 1 },
            Event::Described(profile("Small company")),
            Event::Pushed { version: 1, tenants: vec![Uuid::nil()], accepted: false },
        ];
        let mut row = None;
        for (version, event) in (1..).zip(&events) {
            row = KnownLibrary::apply(row, "small", &recorded("small", version, event)).expect("folded");
        }
        let row = row.expect("a row");
        assert_eq!((row.name.as_str(), row.unpublished, row.versions.len()), ("Small company", false, 1));
        assert_eq!(row.pushed[&Uuid::nil()], 1);
    }

    #[test]
    fn a_draft_goes_on_and_a_version_stays() {
        let drafted = |items, removed| Event::Drafted { items, removed };
        let one = recorded("small", 2, &drafted(vec![asset("A-1"), asset("A-2")], vec![]));
        let two = recorded("small", 3, &drafted(vec![asset("A-3")], vec!["asset:A-1".to_owned()]));
        assert_eq!(KnownContents::keys(&one).expect("keys"), ["small"]);
        let row = KnownContents::apply(None, "small", &one).expect("folded");
        let row = KnownContents::apply(row, "small", &two).expect("folded").expect("a row");
        assert_eq!(row.items.keys().collect::<Vec<_>>(), ["asset:A-2", "asset:A-3"]);

        let (library, name, digest) = ("small".to_owned(), "Small".to_owned(), "00".to_owned());
        let published = Published { library, name, version: 1, digest, items: vec![asset("A-2")] };
        let event = recorded("small/1", 1, &release::Event::Published(published));
        assert_eq!(KnownContents::keys(&event).expect("keys"), ["small/1"]);
        let row = KnownContents::apply(None, "small/1", &event).expect("folded").expect("a row");
        assert_eq!(row.items.len(), 1);
        let titled = recorded("small", 4, &Event::Described(Profile { name: "x".to_owned(), description: None }));
        assert!(KnownContents::keys(&titled).expect("keys").is_empty());
    }
}

//! A consultancy's library: one stream, in the organisation's partition. What it says is changed as a draft and published as versions,
//! each of which is a [`crate::release::Release`].

use ::library::{Contents, Item};
use eventstore::{Cx, aggregate};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use uuid::Uuid;

/// As many as anybody reads through.
const MOST_VERSIONS: u32 = 500;

#[derive(Default, Serialize, Deserialize)]
pub struct Library {
    profile: Option<Profile>,
    draft: Contents,
    /// How many versions there are, and the digest of the last.
    versions: u32,
    digest: String,
    /// The last version that each tenant got.
    pushed: BTreeMap<Uuid, u32>,
}

/// What is said of a library beside its items.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

#[derive(Clone, Debug)]
pub enum Command {
    Register(Profile),
    Describe(Profile),
    /// The draft says exactly this from now on.
    Draft(Contents),
    /// The draft, whose digest this is, is the next version.
    Publish {
        digest: String,
    },
    /// These tenants get the version, as a proposal or accepted already.
    Push {
        version: u32,
        tenants: Vec<Uuid>,
        accepted: bool,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    Registered(Profile),
    Described(Profile),
    /// Has only what the draft says otherwise than before.
    Drafted {
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        items: Vec<Item>,
        /// Keys of the items that are gone.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        removed: Vec<String>,
    },
    Published {
        version: u32,
        digest: String,
        /// How many it has.
        items: u32,
    },
    Pushed {
        version: u32,
        tenants: Vec<Uuid>,
        accepted: bool,
    },
}

#[derive(Debug, PartialEq, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Broken {
    #[error("there is a library of this ref already: choose another one")]
    Taken,
    #[error("this organisation has no such library")]
    NotRegistered,
    #[error("the draft has no items: say what the library holds first")]
    Empty,
    #[error("a library has {0} versions at most: begin another one")]
    TooManyVersions(u32),
    #[error("it has no version {0}: publish it first")]
    NoSuchVersion(u32),
    #[error("{tenant} has version {newer} already: publish what the older one said as a new version")]
    Older { tenant: Uuid, newer: u32 },
}

impl Library {
    pub fn draft(&self) -> &Contents {
        &self.draft
    }

    pub fn name(&self) -> Option<&str> {
        self.profile.as_ref().map(|profile| profile.name.as_str())
    }

    /// The number of the last version; 0 where there is none.
    pub fn last_version(&self) -> u32 {
        self.versions
    }

    fn decide(&self, command: Command, _: &Cx) -> Result<Vec<Event>, Broken> {
        let Some(profile) = &self.profile else {
            let Command::Register(profile) = command else { return Err(Broken::NotRegistered) };
            return Ok(vec![Event::Registered(profile)]);
        };
        match command {
            Command::Register(same) | Command::Describe(same) if same == *profile => Ok(vec![]),
            Command::Register(_) => Err(Broken::Taken),
            Command::Describe(profile) => Ok(vec![Event::Described(profile)]),
            Command::Draft(contents) => Ok(self.drafted(contents).into_iter().collect()),
            Command::Publish { .. } if self.draft.is_empty() => Err(Broken::Empty),
            Command::Publish { digest } if self.digest == digest => Ok(vec![]),
            Command::Publish { .. } if self.versions == MOST_VERSIONS => Err(Broken::TooManyVersions(MOST_VERSIONS)),
            Command::Publish { digest } => {
                let items = u32::try_from(self.draft.len()).unwrap_or(u32::MAX);
                Ok(vec![Event::Published { version: self.versions + 1, digest, items }])
            }
            Command::Push { version, tenants, accepted } => self.push(version, tenants, accepted),
        }
    }

    fn drafted(&self, contents: Contents) -> Option<Event> {
        let removed: Vec<String> = self.draft.keys().filter(|key| !contents.contains_key(*key)).cloned().collect();
        let news = contents.into_iter().filter(|(key, item)| self.draft.get(key) != Some(item));
        let items: Vec<Item> = news.map(|(_, item)| item).collect();
        (!items.is_empty() || !removed.is_empty()).then_some(Event::Drafted { items, removed })
    }

    fn push(&self, version: u32, mut tenants: Vec<Uuid>, accepted: bool) -> Result<Vec<Event>, Broken> {
        if version == 0 || version > self.versions {
            return Err(Broken::NoSuchVersion(version));
        }
        tenants.sort_unstable();
        tenants.dedup();
        let last = |tenant: &Uuid| self.pushed.get(tenant).copied().unwrap_or_default();
        if let Some(tenant) = tenants.iter().find(|tenant| last(tenant) > version) {
            return Err(Broken::Older { tenant: *tenant, newer: last(tenant) });
        }
        tenants.retain(|tenant| last(tenant) < version);
        Ok(if tenants.is_empty() { vec![] } else { vec![Event::Pushed { version, tenants, accepted }] })
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Registered(profile) | Event::Described(profile) => self.profile = Some(profile),
            Event::Drafted { items, removed } => follow(&mut self.draft, items, &removed),
            Event::Published { version, digest, .. } => (self.versions, self.digest) = (version, digest),
            Event::Pushed { version, tenants, .. } => {
                self.pushed.extend(tenants.into_iter().map(|tenant| (tenant, version)));
            }
        }
    }
}

/// The draft after a change of it.
pub fn follow(draft: &mut Contents, items: Vec<Item>, removed: &[String]) {
    draft.extend(items.into_iter().map(|item| (item.key(), item)));
    for key in removed {
        draft.remove(key);
    }
}

aggregate!(Library, "library", Command, Event, Broken);

#[cfg(test)]
mod tests {
    use super::{Broken, Command, Event, Library, Profile};
    use crate::testing::cx;
    use ::library::{Contents, checked_contents};
    use eventstore::TenantId;
    use serde_json::json;
    use uuid::Uuid;

    fn when(library: &mut Library, command: Command) -> Result<Vec<Event>, Broken> {
        let events = library.decide(command, &cx(TenantId::random()))?;
        for event in events.clone() {
            library.apply(event);
        }
        Ok(events)
    }

    fn contents(names: &[&str]) -> Contents {
        let items = names.iter().map(|name| json!({"asset": {"ref": name, "name": name, "kind": "primary"}}));
        checked_contents(items.map(|item| serde_json::from_value(item).expect("an item")).collect()).expect("contents")
    }

    fn registered() -> Library {
        let mut library = Library::default();
        let profile = Profile { name: "Small".to_owned(), description: None };
        when(&mut library, Command::Register(profile)).expect("registered");
        library
    }

    #[test]
    fn nothing_comes_before_it_is_registered_and_that_once() {
        let mut library = Library::default();
        assert_eq!(when(&mut library, Command::Draft(contents(&["A-1"]))), Err(Broken::NotRegistered));
        let mut library = registered();
        let other = Profile { name: "Other".to_owned(), description: None };
        assert_eq!(when(&mut library, Command::Register(other)), Err(Broken::Taken));
    }

    #[test]
    fn a_draft_tells_what_changes_and_a_version_what_it_says() {
        let mut library = registered();
        let publish = |digest: &str| Command::Publish { digest: digest.to_owned() };
        assert_eq!(when(&mut library, publish("a")), Err(Broken::Empty));
        when(&mut library, Command::Draft(contents(&["A-1", "A-2"]))).expect("drafted");
        let changed = when(&mut library, Command::Draft(contents(&["A-2", "A-3"]))).expect("drafted");
        assert!(matches!(changed.as_slice(), [Event::Drafted { items, removed }]
            if items.len() == 1 && removed == &["asset:A-1"]));
        assert_eq!(when(&mut library, Command::Draft(contents(&["A-2", "A-3"]))), Ok(vec![]));
        let published = Event::Published { version: 1, digest: "a".to_owned(), items: 2 };
        assert_eq!(when(&mut library, publish("a")), Ok(vec![published]));
        assert_eq!(when(&mut library, publish("a")), Ok(vec![]), "it says what the last version says");
    }

    #[test]
    fn a_tenant_gets_each_version_once_and_never_an_older_one() {
        let mut library = registered();
        let (one, two) = (Uuid::nil(), Uuid::max());
        let push = |version, tenants: &[Uuid]| Command::Push { version, tenants: tenants.to_vec(), accepted: false };
        assert_eq!(when(&mut library, push(1, &[one])), Err(Broken::NoSuchVersion(1)));
        for (digest, name) in [("a", "A-1"), ("b", "A-2")] {
            when(&mut library, Command::Draft(contents(&[name]))).expect("drafted");
            when(&mut library, Command::Publish { digest: digest.to_owned() }).expect("published");
        }
        let pushed = |version, tenants: &[Uuid]| Event::Pushed { version, tenants: tenants.to_vec(), accepted: false };
        assert_eq!(when(&mut library, push(1, &[one, one])), Ok(vec![pushed(1, &[one])]));
        assert_eq!(when(&mut library, push(1, &[one])), Ok(vec![]));
        assert_eq!(when(&mut library, push(2, &[two, one])), Ok(vec![pushed(2, &[one, two])]));
        assert_eq!(when(&mut library, push(1, &[two])), Err(Broken::Older { tenant: two, newer: 2 }));
    }
}

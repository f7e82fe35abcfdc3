//! What a library proposes in a tenant, and what the client decided on it.

use crate::item::Item;
use crate::line::{self, Decision, Lines};
use eventstore::{Cx, TenantId, aggregate};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One stream a library, in each service that takes some of its items: a later version goes on where the one before was decided.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Proposal {
    /// The last one that came.
    pub version: u32,
    pub lines: Lines,
}

#[derive(Clone, Debug)]
pub enum Command {
    /// A version came, with the items that are this service's.
    Receive(Version),
    Decide {
        accept: Vec<String>,
        decline: Vec<String>,
    },
}

/// Which version of which library, and all that it says here.
#[derive(Clone, Debug)]
pub struct Version {
    pub organisation: Uuid,
    pub library: String,
    pub name: String,
    pub version: u32,
    pub items: Vec<Item>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    /// Has only what the library says otherwise than before.
    Received {
        organisation: Uuid,
        library: String,
        name: String,
        version: u32,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        items: Vec<Item>,
        /// Keys of the items that the library has no more.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        removed: Vec<String>,
    },
    /// By the keys of the items.
    Decided {
        version: u32,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        accepted: Vec<String>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        declined: Vec<String>,
    },
}

#[derive(Debug, PartialEq, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Broken {
    #[error("{} is no line of this proposal: read it again, it may have gone with a later version", .0)]
    NoSuchLine(String),
    #[error("{} is accepted already: change it where it stands", .0)]
    AcceptedAlready(String),
    #[error("{} is both accepted and declined: say one of the two", .0)]
    Both(String),
}

/// The stream of a library's proposal: the library is named by the organisation that keeps it.
pub fn id(organisation: Uuid, library: &str) -> String {
    TenantId(organisation).derive("library", library).to_string()
}

impl Proposal {
    /// The keys of the lines on which nobody has decided.
    pub fn open(&self) -> impl Iterator<Item = &String> {
        self.lines.iter().filter(|(_, line)| line.decision == Decision::Open).map(|(key, _)| key)
    }

    /// What accepting the line brings here: nothing where that was done, or where the library only has it no more.
    pub fn to_take(&self, key: &str) -> Option<&Item> {
        let line = self.lines.get(key).filter(|line| line.decision != Decision::Accepted)?;
        line.says()
    }

    fn decide(&self, command: Command, _: &Cx) -> Result<Vec<Event>, Broken> {
        match command {
            Command::Receive(version) => Ok(self.receive(version).into_iter().collect()),
            Command::Decide { accept, decline } => self.decide_on(accept, decline),
        }
    }

    fn receive(&self, received: Version) -> Option<Event> {
        let Version { organisation, library, name, version, items } = received;
        let (items, removed) = line::news(&self.lines, items);
        // A library that has nothing for this service is not heard of here.
        let concerns = self.version > 0 || !items.is_empty();
        (version > self.version && concerns).then_some(Event::Received {
            organisation,
            library,
            name,
            version,
            items,
            removed,
        })
    }

    fn decide_on(&self, mut accept: Vec<String>, mut decline: Vec<String>) -> Result<Vec<Event>, Broken> {
        for keys in [&mut accept, &mut decline] {
            keys.sort_unstable();
            keys.dedup();
        }
        if let Some(both) = accept.iter().find(|key| decline.binary_search(key).is_ok()) {
            return Err(Broken::Both(both.clone()));
        }
        let mut decisions = Vec::new();
        for (keys, wanted) in [(accept, Decision::Accepted), (decline, Decision::Declined)] {
            let mut news = Vec::new();
            for key in keys {
                let line = self.lines.get(&key).ok_or_else(|| Broken::NoSuchLine(key.clone()))?;
                match (line.decision, wanted) {
                    (Decision::Accepted, Decision::Declined) => return Err(Broken::AcceptedAlready(key)),
                    (standing, wanted) if standing == wanted => {}
                    _ => news.push(key),
                }
            }
            decisions.push(news);
        }
        let [accepted, declined] = decisions.try_into().unwrap_or_default();
        if accepted.is_empty() && declined.is_empty() {
            return Ok(vec![]);
        }
        Ok(vec![Event::Decided { version: self.version, accepted, declined }])
    }

    pub(crate) fn apply(&mut self, event: Event) {
        match event {
            Event::Received { version, items, removed, .. } => {
                self.version = version;
                line::receive(&mut self.lines, items, &removed);
            }
            Event::Decided { accepted, declined, .. } => line::decide(&mut self.lines, &accepted, &declined),
        }
    }
}

aggregate!(Proposal, "proposal", Command, Event, Broken);

#[cfg(test)]
mod tests {
    use super::{Broken, Command, Event, Proposal, Version};
    use crate::item::{Item, Supplier};
    use crate::line::Decision;
    use crate::words::Criticality;
    use eventstore::{Actor, Cx, TenantId};
    use uuid::Uuid;

    fn item(reference: &str, name: &str) -> Item {
        let (reference, name) = (reference.to_owned(), name.to_owned());
        Item::Supplier(Supplier { reference, name, criticality: Criticality::Low, services: vec![], information: None })
    }

    fn when(proposal: &mut Proposal, command: Command) -> Result<usize, Broken> {
        let cx = Cx::new(TenantId::random(), Actor::Person("mara".to_owned()), chrono::DateTime::UNIX_EPOCH);
        let events = proposal.decide(command, &cx)?;
        let count = events.len();
        for event in events {
            proposal.apply(event);
        }
        Ok(count)
    }

    fn receive(proposal: &mut Proposal, version: u32, items: &[Item]) -> usize {
        let (library, name) = ("small".to_owned(), "Small".to_owned());
        let received = Version { organisation: Uuid::nil(), library, name, version, items: items.to_vec() };
        when(proposal, Command::Receive(received)).expect("received")
    }

    fn on(proposal: &mut Proposal, accept: &[&str], decline: &[&str]) -> Result<usize, Broken> {
        let texts = |keys: &[&str]| keys.iter().map(|key| format!("supplier:{key}")).collect();
        when(proposal, Command::Decide { accept: texts(accept), decline: texts(decline) })
    }

    fn open(proposal: &Proposal) -> Vec<&str> {
        proposal.open().filter_map(|key| key.strip_prefix("supplier:")).collect()
    }

    #[test]
    fn a_later_version_proposes_what_it_says_otherwise() {
        let mut proposal = Proposal::default();
        assert_eq!(receive(&mut proposal, 1, &[]), 0, "it is not heard of here");
        assert_eq!(receive(&mut proposal, 2, &[item("a", "A"), item("b", "B"), item("c", "C")]), 1);
        assert_eq!(receive(&mut proposal, 2, &[item("d", "D")]), 0, "the same version again");
        assert_eq!(receive(&mut proposal, 1, &[item("d", "D")]), 0, "an older one");
        assert_eq!(on(&mut proposal, &["a", "b"], &["c"]), Ok(1));
        assert_eq!(open(&proposal), [""; 0]);

        // What was declined stays so, what changed is open anew, and what was accepted and is gone is told.
        assert_eq!(receive(&mut proposal, 3, &[item("a", "New"), item("c", "C"), item("d", "D")]), 1);
        assert_eq!(open(&proposal), ["a", "b", "d"]);
        assert_eq!(proposal.to_take("supplier:a"), Some(&item("a", "New")));
        assert_eq!(proposal.to_take("supplier:b"), None);
        assert_eq!(on(&mut proposal, &["b"], &[]), Ok(1));
        assert!(!proposal.lines.contains_key("supplier:b"), "it is the client's own from now on");

        // Back at what was accepted, nothing is left to decide; what never was goes with the library.
        assert_eq!(receive(&mut proposal, 4, &[item("a", "A"), item("c", "Other")]), 1);
        assert_eq!(open(&proposal), ["c"]);
        assert_eq!(proposal.lines["supplier:a"].decision, Decision::Accepted);
        assert!(!proposal.lines.contains_key("supplier:d"));
    }

    #[test]
    fn a_line_is_decided_once() {
        let mut proposal = Proposal::default();
        receive(&mut proposal, 1, &[item("a", "A"), item("b", "B")]);
        assert_eq!(on(&mut proposal, &["x"], &[]), Err(Broken::NoSuchLine("supplier:x".to_owned())));
        assert_eq!(on(&mut proposal, &["a"], &["a"]), Err(Broken::Both("supplier:a".to_owned())));
        assert_eq!(on(&mut proposal, &["a", "a"], &["b"]), Ok(1));
        assert_eq!(on(&mut proposal, &["a"], &["b"]), Ok(0));
        assert_eq!(on(&mut proposal, &[], &["a"]), Err(Broken::AcceptedAlready("supplier:a".to_owned())));
        assert_eq!(on(&mut proposal, &["b"], &[]), Ok(1), "one may think better of it");
    }

    #[test]
    fn an_events_data_reads_as_agreed() {
        let decided = Event::Decided { version: 2, accepted: vec!["asset:A-1".to_owned()], declined: vec![] };
        let (name, data) = eventstore::tagged(&decided).expect("tagged");
        assert_eq!(name, "decided");
        assert_eq!(data, serde_json::json!({"version": 2, "accepted": ["asset:A-1"]}));
    }
}

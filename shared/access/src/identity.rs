use eventstore::{Cx, aggregate};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// Which person of an organisation a subject of its identity provider is. One stream a subject, in the organisation's own
/// partition, in every service; tenancy decides, the others copy. The subject itself is not recorded: with some providers it is
/// an address.
#[derive(Default, Serialize, Deserialize)]
pub struct Identity {
    linked: Option<Link>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Link {
    person: String,
    administrator: bool,
    issuer: String,
}

#[derive(Clone, Debug)]
pub enum Command {
    Link {
        person: String,
        administrator: bool,
        issuer: String,
    },
    /// The subject is nobody here from now on.
    Unlink,
    /// What tenancy decided.
    Copy(Event),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    Linked { person: String, administrator: bool, issuer: String },
    Unlinked { person: String },
}

#[derive(Debug, PartialEq, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Broken {
    #[error("subject: it is {0} already: end that first")]
    LinkedToAnother(String),
}

/// Under which a subject is known: SHA-256 of the issuer and it.
pub fn digest(issuer: &str, subject: &str) -> String {
    let digest = Sha256::new().chain_update(issuer).chain_update([0]).chain_update(subject).finalize();
    digest.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl Identity {
    /// Which person the subject is.
    pub fn person(&self) -> Option<&str> {
        self.linked.as_ref().map(|link| link.person.as_str())
    }

    fn decide(&self, command: Command, _: &Cx) -> Result<Vec<Event>, Broken> {
        match (command, &self.linked) {
            (Command::Link { person, .. }, Some(known)) if known.person != person => {
                Err(Broken::LinkedToAnother(known.person.clone()))
            }
            (Command::Link { person, administrator, issuer }, known) => {
                let link = Link { person, administrator, issuer };
                let Link { person, administrator, issuer } = link.clone();
                let linked = Event::Linked { person, administrator, issuer };
                Ok(if known.as_ref() == Some(&link) { vec![] } else { vec![linked] })
            }
            (Command::Unlink, Some(known)) => Ok(vec![Event::Unlinked { person: known.person.clone() }]),
            (Command::Unlink, None) => Ok(vec![]),
            (Command::Copy(event), _) => Ok(if self.holds(&event) { vec![] } else { vec![event] }),
        }
    }

    fn holds(&self, event: &Event) -> bool {
        match event {
            Event::Linked { person, administrator, issuer } => self.linked.as_ref().is_some_and(|known| {
                known.person == *person && known.administrator == *administrator && known.issuer == *issuer
            }),
            Event::Unlinked { .. } => self.linked.is_none(),
        }
    }

    fn apply(&mut self, event: Event) {
        self.linked = match event {
            Event::Linked { person, administrator, issuer } => Some(Link { person, administrator, issuer }),
            Event::Unlinked { .. } => None,
        };
    }
}

aggregate!(Identity, "identity", Command, Event, Broken);

#[cfg(test)]
mod tests {
    use super::{Broken, Command, Event, Identity, digest};
    use eventstore::{Actor, Cx, TenantId};

    fn given(events: Vec<Event>) -> Identity {
        let mut identity = Identity::default();
        for event in events {
            identity.apply(event);
        }
        identity
    }

    fn when(identity: &Identity, command: Command) -> Result<Vec<Event>, Broken> {
        let now = "2026-03-01T09:30:00Z".parse().expect("an instant");
        identity.decide(command, &Cx::new(TenantId::random(), Actor::Person("admin".to_owned()), now))
    }

    fn link(person: &str, administrator: bool) -> Command {
        Command::Link { person: person.to_owned(), administrator, issuer: "https://id.example.org".to_owned() }
    }

    fn linked(person: &str, administrator: bool) -> Event {
        Event::Linked { person: person.to_owned(), administrator, issuer: "https://id.example.org".to_owned() }
    }

    fn unlinked(person: &str) -> Event {
        Event::Unlinked { person: person.to_owned() }
    }

    #[test]
    fn a_subject_is_one_person_until_that_is_ended() {
        assert_eq!(when(&given(vec![]), link("mara", false)), Ok(vec![linked("mara", false)]));
        let identity = given(vec![linked("mara", false)]);
        assert_eq!(when(&identity, link("mara", false)), Ok(vec![]));
        assert_eq!(when(&identity, link("mara", true)), Ok(vec![linked("mara", true)]));
        assert_eq!(when(&identity, link("olga", false)), Err(Broken::LinkedToAnother("mara".to_owned())));
        assert_eq!(when(&identity, Command::Unlink), Ok(vec![unlinked("mara")]));
        let ended = given(vec![linked("mara", false), unlinked("mara")]);
        assert_eq!(when(&ended, Command::Unlink), Ok(vec![]));
        assert_eq!(when(&ended, link("olga", false)), Ok(vec![linked("olga", false)]));
    }

    #[test]
    fn what_is_so_already_is_copied_no_second_time() {
        let identity = given(vec![linked("mara", false)]);
        assert_eq!(when(&identity, Command::Copy(linked("mara", false))), Ok(vec![]));
        assert_eq!(when(&identity, Command::Copy(unlinked("mara"))), Ok(vec![unlinked("mara")]));
        assert_eq!(when(&given(vec![]), Command::Copy(unlinked("mara"))), Ok(vec![]));
    }

    #[test]
    fn issuers_do_not_share_subjects() {
        assert_ne!(digest("https://a.example.org", "1"), digest("https://b.example.org", "1"));
        assert_ne!(digest("https://a.example.org/1", "1"), digest("https://a.example.org/", "11"));
        assert_eq!(digest("a", "b").len(), 64);
    }
}

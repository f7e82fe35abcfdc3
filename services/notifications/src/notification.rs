use eventstore::{Cx, aggregate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One thing that one person was told.
#[derive(Default, Serialize, Deserialize)]
pub struct Notification {
    person: Option<String>,
    read: bool,
    /// Its mail was sent, or given up.
    settled: bool,
}

/// What is told, to whom, about what.
#[derive(Clone, Debug, PartialEq)]
pub struct News {
    pub person: String,
    pub kind: Kind,
    /// One sentence, which names no third person.
    pub text: String,
    pub about: About,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, strum::VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[schema(as = NotificationKind)]
pub enum Kind {
    RiskAssigned,
    TreatmentDecided,
    TreatmentTakenBack,
    ControlAssigned,
    ControlRequired,
    FindingAssigned,
    /// Of a risk or a control.
    OwnershipEnded,
    RoleGranted,
    RoleRevoked,
    RoleChanged,
}

/// The object that a notification is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = NotificationSubject)]
pub struct About {
    #[schema(example = "risk")]
    pub service: String,
    #[schema(example = "R-7")]
    pub object: String,
}

/// A way to reach a person beside the inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    Email,
}

#[derive(Clone, Debug)]
pub enum Command {
    Raise { news: News, channels: Vec<Channel> },
    Read,
    SettleEmail(Settled),
}

/// What became of a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    Sent,
    GivenUp { error: String },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    Raised {
        person: String,
        kind: Kind,
        text: String,
        about: About,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        channels: Vec<Channel>,
    },
    Read {},
    Emailed {},
    EmailFailed {
        error: String,
    },
}

#[derive(Debug, PartialEq, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Broken {
    #[error("nobody was told anything here")]
    NotRaised,
}

impl Notification {
    pub fn is_for(&self, person: &str) -> bool {
        self.person.as_deref() == Some(person)
    }

    fn decide(&self, command: Command, _: &Cx) -> Result<Vec<Event>, Broken> {
        match (command, self.person.is_some()) {
            (Command::Raise { news: News { person, kind, text, about }, channels }, false) => {
                Ok(vec![Event::Raised { person, kind, text, about, channels }])
            }
            (Command::Read | Command::SettleEmail(_), false) => Err(Broken::NotRaised),
            (Command::Read, true) if !self.read => Ok(vec![Event::Read {}]),
            (Command::SettleEmail(settled), true) if !self.settled => Ok(vec![match settled {
                Settled::Sent => Event::Emailed {},
                Settled::GivenUp { error } => Event::EmailFailed { error },
            }]),
            (Command::Raise { .. } | Command::Read | Command::SettleEmail(_), true) => Ok(vec![]),
        }
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Raised { person, .. } => self.person = Some(person),
            Event::Read {} => self.read = true,
            Event::Emailed {} | Event::EmailFailed { .. } => self.settled = true,
        }
    }
}

aggregate!(Notification, "notification", Command, Event, Broken);

#[cfg(test)]
pub mod tests {
    use super::{About, Broken, Channel, Command, Event, Kind, News, Notification, Settled};
    use eventstore::{Actor, Cx, TenantId};

    pub fn raised() -> Event {
        let News { person, kind, text, about } = news();
        Event::Raised { person, kind, text, about, channels: vec![Channel::Email] }
    }

    fn news() -> News {
        News {
            person: "mara".to_owned(),
            kind: Kind::RiskAssigned,
            text: "Risk R-7 is yours: you own it from now on.".to_owned(),
            about: About { service: "risk".to_owned(), object: "R-7".to_owned() },
        }
    }

    fn decided(given: Vec<Event>, command: Command) -> Result<Vec<Event>, Broken> {
        let mut notification = Notification::default();
        for event in given {
            notification.apply(event);
        }
        let now = "2026-03-01T09:30:00Z".parse().expect("an instant");
        notification.decide(command, &Cx::new(TenantId::random(), Actor::Person("mara".to_owned()), now))
    }

    #[test]
    fn it_is_raised_once() {
        let raise = || Command::Raise { news: news(), channels: vec![Channel::Email] };
        assert_eq!(decided(vec![], raise()), Ok(vec![raised()]));
        assert_eq!(decided(vec![raised()], raise()), Ok(vec![]));
    }

    #[test]
    fn it_is_read_once() {
        assert_eq!(decided(vec![raised()], Command::Read), Ok(vec![Event::Read {}]));
        assert_eq!(decided(vec![raised(), Event::Read {}], Command::Read), Ok(vec![]));
        assert_eq!(decided(vec![], Command::Read), Err(Broken::NotRaised));
    }

    #[test]
    fn its_mail_is_settled_once() {
        let sent = || Command::SettleEmail(Settled::Sent);
        let given_up = || Command::SettleEmail(Settled::GivenUp { error: "refused".to_owned() });
        let failed = Event::EmailFailed { error: "refused".to_owned() };
        assert_eq!(decided(vec![raised()], sent()), Ok(vec![Event::Emailed {}]));
        assert_eq!(decided(vec![raised()], given_up()), Ok(vec![failed.clone()]));
        assert_eq!(decided(vec![raised(), Event::Emailed {}], given_up()), Ok(vec![]));
        assert_eq!(decided(vec![raised(), failed], sent()), Ok(vec![]));
    }
}

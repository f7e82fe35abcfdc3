use eventstore::{Cx, aggregate};
use sealed::Sealed;
use serde::{Deserialize, Serialize};

/// Somebody whom the organisation's identity provider looks after, by SCIM. One stream a person, under their handle, in the
/// organisation's own partition. What the provider says of them is sealed by their key.
#[derive(Default, Serialize, Deserialize)]
pub struct Member {
    known: Option<Known>,
    active: bool,
}

/// What is known of them while the provider looks after them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// The attributes of their SCIM user, as JSON.
    pub attributes: Sealed,
    /// Under which their subject at the provider is linked, where this was done here.
    pub identity: Option<String>,
}

#[derive(Clone, Debug)]
pub enum Command {
    /// This is known of them from now on. The same text is never sealed alike: who asks says whether it is another one.
    Describe {
        known: Known,
        changed: bool,
    },
    Activate,
    Deactivate,
    /// The provider looks after them no more.
    Remove,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    /// They are active.
    Provisioned {
        attributes: Sealed,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        identity: Option<String>,
    },
    Changed {
        attributes: Sealed,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        identity: Option<String>,
    },
    Deactivated {},
    Activated {},
    Removed {},
}

#[derive(Debug, PartialEq, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Broken {
    #[error("the identity provider does not look after this person")]
    NotProvisioned,
}

impl Member {
    pub fn known(&self) -> Option<&Known> {
        self.known.as_ref()
    }

    /// Whether the provider says that they are let in.
    pub fn is_active(&self) -> bool {
        self.active
    }

    fn decide(&self, command: Command, _: &Cx) -> Result<Vec<Event>, Broken> {
        match (command, &self.known) {
            (Command::Describe { known: Known { attributes, identity }, .. }, None) => {
                Ok(vec![Event::Provisioned { attributes, identity }])
            }
            (Command::Describe { known: Known { attributes, identity }, changed }, Some(before)) => {
                let is_new = changed || before.identity != identity;
                Ok(is_new.then_some(Event::Changed { attributes, identity }).into_iter().collect())
            }
            (Command::Activate | Command::Deactivate, None) => Err(Broken::NotProvisioned),
            (Command::Activate, Some(_)) => Ok(if self.active { vec![] } else { vec![Event::Activated {}] }),
            (Command::Deactivate, Some(_)) => Ok(if self.active { vec![Event::Deactivated {}] } else { vec![] }),
            (Command::Remove, known) => Ok(known.as_ref().map(|_| Event::Removed {}).into_iter().collect()),
        }
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Provisioned { attributes, identity } => {
                *self = Self { known: Some(Known { attributes, identity }), active: true };
            }
            Event::Changed { attributes, identity } => self.known = Some(Known { attributes, identity }),
            Event::Deactivated {} => self.active = false,
            Event::Activated {} => self.active = true,
            Event::Removed {} => *self = Self::default(),
        }
    }
}

aggregate!(Member, "member", Command, Event, Broken);

#[cfg(test)]
mod tests {
    use super::{Broken, Command, Event, Known, Member};
    use crate::testing::cx;
    use eventstore::TenantId;
    use sealed::{PersonKey, Sealed};

    fn sealed() -> Sealed {
        PersonKey::new().and_then(|key| key.seal("here", "{}")).expect("sealed")
    }

    fn when(given: &[Event], command: Command) -> Result<Vec<Event>, Broken> {
        let mut member = Member::default();
        for event in given {
            member.apply(event.clone());
        }
        member.decide(command, &cx(TenantId::random()))
    }

    #[test]
    fn only_what_changed_is_recorded() {
        let (attributes, other) = (sealed(), Some("another".to_owned()));
        let describe = |identity: &Option<String>, changed| {
            let known = Known { attributes: attributes.clone(), identity: identity.clone() };
            Command::Describe { known, changed }
        };
        let provisioned = Event::Provisioned { attributes: attributes.clone(), identity: None };
        assert_eq!(when(&[], describe(&None, true)), Ok(vec![provisioned.clone()]));
        let given = [provisioned];
        assert_eq!(when(&given, describe(&None, false)), Ok(vec![]));
        let changed = |identity| Event::Changed { attributes: attributes.clone(), identity };
        assert_eq!(when(&given, describe(&None, true)), Ok(vec![changed(None)]));
        assert_eq!(when(&given, describe(&other, false)), Ok(vec![changed(other.clone())]));
    }

    #[test]
    fn a_person_is_switched_off_and_on_and_let_go() {
        let provisioned = || Event::Provisioned { attributes: sealed(), identity: None };
        let off = || Event::Deactivated {};
        assert_eq!(when(&[provisioned()], Command::Activate), Ok(vec![]));
        assert_eq!(when(&[provisioned()], Command::Deactivate), Ok(vec![off()]));
        assert_eq!(when(&[provisioned(), off()], Command::Deactivate), Ok(vec![]));
        assert_eq!(when(&[provisioned(), off()], Command::Activate), Ok(vec![Event::Activated {}]));
        assert_eq!(when(&[provisioned()], Command::Remove), Ok(vec![Event::Removed {}]));
        assert_eq!(when(&[provisioned(), Event::Removed {}], Command::Remove), Ok(vec![]));
        for command in [Command::Activate, Command::Deactivate] {
            assert_eq!(when(&[], command), Err(Broken::NotProvisioned));
        }
    }
}

use eventstore::{Cx, aggregate};
use sealed::Sealed;
use serde::{Deserialize, Serialize};

/// Somebody of an organisation: what they are called and where mail reaches them, sealed. One stream a person, under their handle, in
/// the organisation's own partition. The handle stays for good: what a person did stays theirs.
#[derive(Default, Serialize, Deserialize)]
pub struct Person {
    known: Option<Known>,
    erased: bool,
}

/// What is known of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    pub name: Sealed,
    pub email: Option<Sealed>,
}

#[derive(Clone, Debug)]
pub enum Command {
    /// This is known of them from now on. The same text is never sealed alike: who asks says what is another one.
    Describe { known: Known, renamed: bool, moved: bool },
    /// Nobody will know any more who it was. The key is destroyed beside it.
    Erase,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    Registered {
        name: Sealed,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        email: Option<Sealed>,
    },
    Renamed {
        name: Sealed,
    },
    AddressChanged {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        email: Option<Sealed>,
    },
    Erased {},
}

#[derive(Debug, PartialEq, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Broken {
    #[error("the person was erased, and their handle is nobody else's: whoever comes anew takes another one")]
    Erased,
}

impl Person {
    pub fn known(&self) -> Option<&Known> {
        self.known.as_ref()
    }

    fn decide(&self, command: Command, _: &Cx) -> Result<Vec<Event>, Broken> {
        match command {
            Command::Describe { .. } if self.erased => Err(Broken::Erased),
            Command::Describe { known: Known { name, email }, renamed, moved } => Ok(if self.known.is_none() {
                vec![Event::Registered { name, email }]
            } else {
                let renamed = renamed.then_some(Event::Renamed { name });
                renamed.into_iter().chain(moved.then_some(Event::AddressChanged { email })).collect()
            }),
            Command::Erase => Ok(if self.erased { vec![] } else { vec![Event::Erased {}] }),
        }
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Registered { name, email } => self.known = Some(Known { name, email }),
            Event::Renamed { name } => {
                self.known = self.known.take().map(|known| Known { name, ..known });
            }
            Event::AddressChanged { email } => {
                self.known = self.known.take().map(|known| Known { email, ..known });
            }
            Event::Erased {} => *self = Self { known: None, erased: true },
        }
    }
}

aggregate!(Person, "person", Command, Event, Broken);

#[cfg(test)]
mod tests {
    use super::{Broken, Command, Event, Known, Person};
    use crate::testing::cx;
    use eventstore::TenantId;
    use sealed::{PersonKey, Sealed};

    fn sealed(text: &str) -> Sealed {
        PersonKey::new().and_then(|key| key.seal("here", text)).expect("sealed")
    }

    fn when(given: Vec<Event>, command: Command) -> Result<Vec<Event>, Broken> {
        let mut person = Person::default();
        for event in given {
            person.apply(event);
        }
        person.decide(command, &cx(TenantId::random()))
    }

    #[test]
    fn a_person_is_registered_and_then_only_what_changed_is_recorded() {
        let known = Known { name: sealed("Mara"), email: Some(sealed("mara@example.org")) };
        let Known { name, email } = known.clone();
        let describe = |renamed, moved| Command::Describe { known: known.clone(), renamed, moved };
        let registered = Event::Registered { name: name.clone(), email: email.clone() };
        assert_eq!(when(vec![], describe(true, true)), Ok(vec![registered.clone()]));
        let (renamed, moved) = (Event::Renamed { name }, Event::AddressChanged { email });
        let given = || vec![registered.clone()];
        assert_eq!(when(given(), describe(false, false)), Ok(vec![]));
        assert_eq!(when(given(), describe(true, false)), Ok(vec![renamed.clone()]));
        assert_eq!(when(given(), describe(true, true)), Ok(vec![renamed, moved]));
    }

    #[test]
    fn who_was_erased_stays_so_and_their_handle_is_nobody_elses() {
        let registered = Event::Registered { name: sealed("Mara"), email: None };
        assert_eq!(when(vec![registered.clone()], Command::Erase), Ok(vec![Event::Erased {}]));
        let erased = || vec![registered.clone(), Event::Erased {}];
        assert_eq!(when(erased(), Command::Erase), Ok(vec![]));
        let known = Known { name: sealed("Another"), email: None };
        assert_eq!(when(erased(), Command::Describe { known, renamed: true, moved: true }), Err(Broken::Erased));
    }
}

use crate::Role;
use eventstore::{Cx, aggregate};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use uuid::Uuid;

/// A tenant's owner and the roles of its people. One stream a tenant, in every service; tenancy decides, the others copy.
#[derive(Default, Serialize, Deserialize)]
pub struct Admission {
    organisation: Option<Uuid>,
    roles: BTreeMap<String, Role>,
}

#[derive(Clone, Debug)]
pub enum Command {
    Open { organisation: Uuid },
    Grant { person: String, role: Role },
    Revoke { person: String },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    Opened { organisation: Uuid },
    Granted { person: String, role: Role },
    Revoked { person: String },
}

#[derive(Debug, PartialEq, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Broken {
    #[error("the tenant belongs to another organisation")]
    OwnedByAnother,
    #[error("nobody gives or takes their own role: ask another manager")]
    OwnRole,
    #[error("{0} is the last ISMS manager: make somebody else one first")]
    LastManager(String),
}

impl Admission {
    fn decide(&self, command: Command, cx: &Cx) -> Result<Vec<Event>, Broken> {
        let own = |person: &str| matches!(&cx.actor, eventstore::Actor::Person(actor) if actor == person);
        match command {
            Command::Open { organisation } => match self.organisation {
                None => Ok(vec![Event::Opened { organisation }]),
                Some(owner) if owner == organisation => Ok(vec![]),
                Some(_) => Err(Broken::OwnedByAnother),
            },
            Command::Grant { person, role } => {
                if self.roles.get(&person) == Some(&role) {
                    return Ok(vec![]);
                }
                if own(&person) {
                    return Err(Broken::OwnRole);
                }
                if role != Role::IsmsManager && self.is_last_manager(&person) {
                    return Err(Broken::LastManager(person));
                }
                Ok(vec![Event::Granted { person, role }])
            }
            Command::Revoke { person } => {
                if !self.roles.contains_key(&person) {
                    return Ok(vec![]);
                }
                if own(&person) {
                    return Err(Broken::OwnRole);
                }
                if self.is_last_manager(&person) {
                    return Err(Broken::LastManager(person));
                }
                Ok(vec![Event::Revoked { person }])
            }
        }
    }

    fn is_last_manager(&self, person: &str) -> bool {
        let mut managers = self.roles.iter().filter(|(_, role)| **role == Role::IsmsManager);
        managers.next().is_some_and(|(name, _)| name == person) && managers.next().is_none()
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Opened { organisation } => self.organisation = Some(organisation),
            Event::Granted { person, role } => {
                self.roles.insert(person, role);
            }
            Event::Revoked { person } => {
                self.roles.remove(&person);
            }
        }
    }
}

aggregate!(Admission, "access", Command, Event, Broken);

#[cfg(test)]
mod tests {
    use super::{Admission, Broken, Command, Event};
    use crate::Role;
    use eventstore::{Actor, Cx, TenantId};

    fn given(events: Vec<Event>) -> Admission {
        let mut admission = Admission::default();
        for event in events {
            admission.apply(event);
        }
        admission
    }

    fn by(person: &str) -> Cx {
        let now = "2026-03-01T09:30:00Z".parse().expect("an instant");
        Cx::new(TenantId::random(), Actor::Person(person.to_owned()), now)
    }

    fn granted(person: &str, role: Role) -> Event {
        Event::Granted { person: person.to_owned(), role }
    }

    #[test]
    fn nobody_raises_their_own_role() {
        let command = Command::Grant { person: "mara".to_owned(), role: Role::IsmsManager };
        let admission = given(vec![granted("mara", Role::Viewer)]);
        assert_eq!(admission.decide(command, &by("mara")), Err(Broken::OwnRole));
    }

    #[test]
    fn the_last_manager_stays_until_there_is_another() {
        let one = given(vec![granted("mara", Role::IsmsManager)]);
        let two = given(vec![granted("mara", Role::IsmsManager), granted("jo", Role::IsmsManager)]);
        let revoke = || Command::Revoke { person: "mara".to_owned() };
        let lower = || Command::Grant { person: "mara".to_owned(), role: Role::Viewer };
        assert_eq!(one.decide(revoke(), &by("admin")), Err(Broken::LastManager("mara".to_owned())));
        assert_eq!(one.decide(lower(), &by("admin")), Err(Broken::LastManager("mara".to_owned())));
        assert_eq!(two.decide(revoke(), &by("admin")), Ok(vec![Event::Revoked { person: "mara".to_owned() }]));
    }

    #[test]
    fn what_is_so_already_is_no_event() {
        let admission = given(vec![granted("mara", Role::Viewer)]);
        let command = Command::Grant { person: "mara".to_owned(), role: Role::Viewer };
        assert_eq!(admission.decide(command, &by("admin")), Ok(vec![]));
    }
}

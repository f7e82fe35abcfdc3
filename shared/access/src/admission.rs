use crate::Role;
use eventstore::{Actor, Cx, aggregate};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// A tenant's owner and the roles of its people. One stream a tenant, in every service; tenancy decides, the others copy.
#[derive(Default, Serialize, Deserialize)]
pub struct Admission {
    organisation: Option<Uuid>,
    roles: BTreeMap<String, BTreeSet<Role>>,
}

#[derive(Clone, Debug)]
pub enum Command {
    Open {
        organisation: Uuid,
    },
    /// Another organisation owns it from now on. People are their organisation's: nobody keeps a role.
    HandOver {
        organisation: Uuid,
    },
    /// The person has exactly these roles from now on; none ends the membership.
    Assign {
        person: String,
        roles: BTreeSet<Role>,
    },
    /// What tenancy decided.
    Copy(Event),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    Opened {
        organisation: Uuid,
    },
    Granted {
        person: String,
        role: Role,
    },
    Revoked {
        person: String,
        role: Role,
    },
    /// The tenant is another organisation's, and all roles in it are ended.
    HandedOver {
        organisation: Uuid,
    },
}

#[derive(Debug, PartialEq, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Broken {
    #[error("the tenant belongs to another organisation")]
    OwnedByAnother,
    #[error("nobody owns it: it is no tenant of this installation")]
    NotOpened,
    #[error("nobody gives or takes their own roles: ask another manager")]
    OwnRole,
    #[error("{0} is the last ISMS manager: make somebody else one first")]
    LastManager(String),
}

impl Admission {
    /// Whether the person has a role.
    pub fn admits(&self, person: &str) -> bool {
        self.roles.contains_key(person)
    }

    fn decide(&self, command: Command, cx: &Cx) -> Result<Vec<Event>, Broken> {
        match command {
            Command::Open { organisation } => match self.organisation {
                None => Ok(vec![Event::Opened { organisation }]),
                Some(owner) if owner == organisation => Ok(vec![]),
                Some(_) => Err(Broken::OwnedByAnother),
            },
            Command::HandOver { organisation } => match self.organisation {
                None => Err(Broken::NotOpened),
                Some(owner) if owner == organisation => Ok(vec![]),
                Some(_) => Ok(vec![Event::HandedOver { organisation }]),
            },
            Command::Assign { person, roles } => self.assign(person, &roles, &cx.actor),
            Command::Copy(event) => Ok(if self.holds(&event) { vec![] } else { vec![event] }),
        }
    }

    fn assign(&self, person: String, roles: &BTreeSet<Role>, actor: &Actor) -> Result<Vec<Event>, Broken> {
        let before = self.roles.get(&person).cloned().unwrap_or_default();
        if before == *roles {
            return Ok(vec![]);
        }
        if matches!(actor, Actor::Person(actor) if *actor == person) {
            return Err(Broken::OwnRole);
        }
        if !roles.contains(&Role::IsmsManager) && self.is_last_manager(&person) {
            return Err(Broken::LastManager(person));
        }
        let granted = roles.difference(&before).map(|role| Event::Granted { person: person.clone(), role: *role });
        let revoked = before.difference(roles).map(|role| Event::Revoked { person: person.clone(), role: *role });
        Ok(granted.chain(revoked).collect())
    }

    fn is_last_manager(&self, person: &str) -> bool {
        let mut managers = self.roles.iter().filter(|(_, roles)| roles.contains(&Role::IsmsManager));
        managers.next().is_some_and(|(name, _)| name == person) && managers.next().is_none()
    }

    fn holds(&self, event: &Event) -> bool {
        let has = |person: &String, role: &Role| self.roles.get(person).is_some_and(|roles| roles.contains(role));
        match event {
            Event::Opened { organisation } | Event::HandedOver { organisation } => {
                self.organisation == Some(*organisation)
            }
            Event::Granted { person, role } => has(person, role),
            Event::Revoked { person, role } => !has(person, role),
        }
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Opened { organisation } => self.organisation = Some(organisation),
            Event::HandedOver { organisation } => {
                self.organisation = Some(organisation);
                self.roles.clear();
            }
            Event::Granted { .. } | Event::Revoked { .. } => event.assign_in(&mut self.roles),
        }
    }
}

impl Event {
    /// Gives or takes the role; a person without one is not there.
    pub(crate) fn assign_in(self, people: &mut BTreeMap<String, BTreeSet<Role>>) {
        match self {
            Self::Opened { .. } | Self::HandedOver { .. } => {}
            Self::Granted { person, role } => {
                people.entry(person).or_default().insert(role);
            }
            Self::Revoked { person, role } => {
                if let Some(roles) = people.get_mut(&person) {
                    roles.remove(&role);
                    if roles.is_empty() {
                        people.remove(&person);
                    }
                }
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
    use uuid::Uuid;

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

    fn revoked(person: &str, role: Role) -> Event {
        Event::Revoked { person: person.to_owned(), role }
    }

    fn assign(person: &str, roles: &[Role]) -> Command {
        Command::Assign { person: person.to_owned(), roles: roles.iter().copied().collect() }
    }

    #[test]
    fn roles_are_given_and_taken_one_event_each() {
        let admission = given(vec![granted("jo", Role::Viewer), granted("jo", Role::RiskOwner)]);
        assert_eq!(
            admission.decide(assign("jo", &[Role::RiskOwner, Role::ControlOwner]), &by("mara")),
            Ok(vec![granted("jo", Role::ControlOwner), revoked("jo", Role::Viewer)])
        );
    }

    #[test]
    fn who_has_no_role_any_more_is_not_admitted() {
        let mut admission = given(vec![granted("jo", Role::Viewer), granted("jo", Role::RiskOwner)]);
        for (role, admitted) in [(Role::Viewer, true), (Role::RiskOwner, false)] {
            admission.apply(revoked("jo", role));
            assert_eq!(admission.admits("jo"), admitted);
        }
    }

    #[test]
    fn another_owner_ends_all_roles() {
        let (consultancy, client) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let hand_over = Command::HandOver { organisation: client };
        let mut admission =
            given(vec![Event::Opened { organisation: consultancy }, granted("mara", Role::IsmsManager)]);
        let handed_over = Event::HandedOver { organisation: client };
        assert_eq!(admission.decide(hand_over.clone(), &by("stele")), Ok(vec![handed_over.clone()]));
        assert_eq!(admission.decide(Command::Copy(handed_over.clone()), &by("tenancy")), Ok(vec![handed_over.clone()]));
        admission.apply(handed_over.clone());
        assert!(!admission.admits("mara"));
        assert_eq!(admission.decide(hand_over.clone(), &by("stele")), Ok(vec![]));
        assert_eq!(admission.decide(Command::Copy(handed_over), &by("tenancy")), Ok(vec![]));
        assert_eq!(given(vec![]).decide(hand_over, &by("stele")), Err(Broken::NotOpened));
    }

    #[test]
    fn nobody_changes_their_own_roles() {
        let admission = given(vec![granted("mara", Role::Viewer)]);
        assert_eq!(admission.decide(assign("mara", &[Role::IsmsManager]), &by("mara")), Err(Broken::OwnRole));
    }

    #[test]
    fn the_last_manager_stays_until_there_is_another() {
        let one = given(vec![granted("mara", Role::IsmsManager)]);
        let two = given(vec![granted("mara", Role::IsmsManager), granted("jo", Role::IsmsManager)]);
        let last = || Err(Broken::LastManager("mara".to_owned()));
        assert_eq!(one.decide(assign("mara", &[]), &by("admin")), last());
        assert_eq!(one.decide(assign("mara", &[Role::Viewer]), &by("admin")), last());
        assert_eq!(two.decide(assign("mara", &[]), &by("admin")), Ok(vec![revoked("mara", Role::IsmsManager)]));
    }

    #[test]
    fn what_is_so_already_is_no_event() {
        let admission = given(vec![granted("mara", Role::Viewer)]);
        assert_eq!(admission.decide(assign("mara", &[Role::Viewer]), &by("admin")), Ok(vec![]));
        assert_eq!(admission.decide(Command::Copy(granted("mara", Role::Viewer)), &by("tenancy")), Ok(vec![]));
        assert_eq!(admission.decide(Command::Copy(revoked("jo", Role::Viewer)), &by("tenancy")), Ok(vec![]));
    }
}

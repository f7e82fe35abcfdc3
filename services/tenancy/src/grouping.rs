use access::RoleName;
use eventstore::{Cx, TenantId, aggregate};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Which roles in the tenant the people of one of the organisation's groups have, and who has which by it. One stream a group, in the
/// tenant's partition.
#[derive(Default, Serialize, Deserialize)]
pub struct Grouping {
    roles: BTreeSet<RoleName>,
    given: BTreeSet<Held>,
}

/// A person and a role of theirs.
pub type Held = (String, RoleName);

/// What is to be given and taken.
#[derive(Debug, PartialEq)]
pub struct Due {
    pub give: Vec<Held>,
    pub take: Vec<Held>,
}

#[derive(Clone, Debug)]
pub enum Command {
    /// Whoever is in the group has exactly these roles by it from now on.
    Set {
        group: String,
        roles: BTreeSet<RoleName>,
    },
    Give {
        person: String,
        role: RoleName,
    },
    Take {
        person: String,
        role: RoleName,
    },
    /// The group is another organisation's than the tenant from now on, or gone. Nobody has anything by it.
    End,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    Set {
        group: String,
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        roles: BTreeSet<RoleName>,
    },
    /// The person holds the role because they are in the group.
    Given {
        person: String,
        role: RoleName,
    },
    Taken {
        person: String,
        role: RoleName,
    },
    Ended {},
}

/// Whether somebody may give the roles is decided where they are.
#[derive(Debug, PartialEq, thiserror::Error, strum::IntoStaticStr)]
pub enum Broken {}

/// The stream's id: another one in each tenant, so that no two events that follow from one of a group are called the same.
pub fn id(tenant: TenantId, group: &str) -> String {
    tenant.derive("grouping", group).to_string()
}

impl Grouping {
    pub fn roles(&self) -> &BTreeSet<RoleName> {
        &self.roles
    }

    /// What of the group's people is to be given and taken, now that these are in it.
    pub fn due(&self, members: &BTreeSet<String>) -> Due {
        let wanted: BTreeSet<Held> = members
            .iter()
            .flat_map(|person| self.roles.iter().map(move |role| (person.clone(), role.clone())))
            .collect();
        let difference = |one: &BTreeSet<Held>, other: &BTreeSet<Held>| one.difference(other).cloned().collect();
        Due { give: difference(&wanted, &self.given), take: difference(&self.given, &wanted) }
    }

    #[expect(clippy::unnecessary_wraps, reason = "the shape of every decision")]
    fn decide(&self, command: Command, _: &Cx) -> Result<Vec<Event>, Broken> {
        let holds = |person: &String, role: &RoleName| self.given.contains(&(person.clone(), role.clone()));
        let event = match command {
            Command::Set { group, roles } => (roles != self.roles).then_some(Event::Set { group, roles }),
            Command::Give { person, role } => (!holds(&person, &role)).then_some(Event::Given { person, role }),
            Command::Take { person, role } => holds(&person, &role).then_some(Event::Taken { person, role }),
            Command::End => (!self.roles.is_empty() || !self.given.is_empty()).then_some(Event::Ended {}),
        };
        Ok(event.into_iter().collect())
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Set { roles, .. } => self.roles = roles,
            Event::Given { person, role } => drop(self.given.insert((person, role))),
            Event::Taken { person, role } => drop(self.given.remove(&(person, role))),
            Event::Ended {} => *self = Self::default(),
        }
    }
}

aggregate!(Grouping, "grouping", Command, Event, Broken);

#[cfg(test)]
mod tests {
    use super::{Command, Due, Event, Grouping};
    use crate::testing::cx;
    use access::{Role, RoleName};
    use eventstore::TenantId;
    use std::collections::BTreeSet;

    fn given(events: &[Event]) -> Grouping {
        let mut grouping = Grouping::default();
        events.iter().cloned().for_each(|event| grouping.apply(event));
        grouping
    }

    fn set(roles: &[Role]) -> Event {
        Event::Set { group: "g-1".to_owned(), roles: roles.iter().copied().map(RoleName::Common).collect() }
    }

    fn people(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn who_joins_gets_the_roles_and_who_leaves_loses_what_they_had_by_it() {
        let viewer = |person: &str| (person.to_owned(), RoleName::Common(Role::Viewer));
        let owner = |person: &str| (person.to_owned(), RoleName::Common(Role::RiskOwner));
        let grouping = given(&[set(&[Role::Viewer])]);
        assert_eq!(grouping.due(&people(&["a"])), Due { give: vec![viewer("a")], take: vec![] });
        let has = |person: &str| Event::Given { person: person.to_owned(), role: Role::Viewer.into() };
        assert_eq!(
            given(&[set(&[Role::Viewer]), has("a")]).due(&people(&["b"])),
            Due { give: vec![viewer("b")], take: vec![viewer("a")] }
        );
        let other = given(&[set(&[Role::Viewer]), has("a"), set(&[Role::RiskOwner])]);
        assert_eq!(other.due(&people(&["a"])), Due { give: vec![owner("a")], take: vec![viewer("a")] });
        let ended = given(&[set(&[Role::Viewer]), has("a"), Event::Ended {}]);
        assert_eq!(ended.due(&people(&["a"])), Due { give: vec![], take: vec![] });
    }

    #[test]
    fn what_is_so_already_is_no_event() {
        let when = |events: &[Event], command| given(events).decide(command, &cx(TenantId::random())).expect("no rule");
        let (person, role) = ("a".to_owned(), RoleName::Common(Role::Viewer));
        let had = [set(&[Role::Viewer]), Event::Given { person: person.clone(), role: role.clone() }];
        assert_eq!(when(&had, Command::Give { person: person.clone(), role: role.clone() }), []);
        assert_eq!(when(&had[..1], Command::Take { person, role }), []);
        let roles = [Role::Viewer.into()].into();
        assert_eq!(when(&had, Command::Set { group: "g-1".to_owned(), roles }), []);
        assert_eq!((when(&had, Command::End), when(&[], Command::End)), (vec![Event::Ended {}], vec![]));
    }
}

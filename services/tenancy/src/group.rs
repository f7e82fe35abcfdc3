use eventstore::{Cx, aggregate};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// People of the organisation whom its identity provider names together. One stream a group, in the organisation's own partition. What
/// they may do by it, each tenant says for itself.
#[derive(Default, Serialize, Deserialize)]
pub struct Group {
    described: Option<Description>,
    members: BTreeSet<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    pub name: String,
    /// Its id at the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
}

#[derive(Clone, Debug)]
pub enum Command {
    /// It is called so and has exactly these people from now on.
    Describe {
        description: Description,
        members: BTreeSet<String>,
    },
    Leave {
        person: String,
    },
    Delete,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    Created(Description),
    Changed(Description),
    Joined { person: String },
    Left { person: String },
    Deleted {},
}

/// No rule can be broken: whether somebody is there to join is looked up before.
#[derive(Debug, PartialEq, thiserror::Error, strum::IntoStaticStr)]
pub enum Broken {}

impl Group {
    pub fn description(&self) -> Option<&Description> {
        self.described.as_ref()
    }

    pub fn members(&self) -> &BTreeSet<String> {
        &self.members
    }

    #[expect(clippy::unnecessary_wraps, reason = "the shape of every decision")]
    fn decide(&self, command: Command, _: &Cx) -> Result<Vec<Event>, Broken> {
        let left = |person: &String| Event::Left { person: person.clone() };
        Ok(match command {
            Command::Describe { description, members } => {
                let described = match &self.described {
                    None => Some(Event::Created(description)),
                    Some(known) => (*known != description).then_some(Event::Changed(description)),
                };
                let joined = members.difference(&self.members).map(|person| Event::Joined { person: person.clone() });
                described.into_iter().chain(joined).chain(self.members.difference(&members).map(left)).collect()
            }
            Command::Leave { person } => self.members.get(&person).map(left).into_iter().collect(),
            Command::Delete if self.described.is_none() => vec![],
            Command::Delete => self.members.iter().map(left).chain([Event::Deleted {}]).collect(),
        })
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Created(description) | Event::Changed(description) => self.described = Some(description),
            Event::Joined { person } => drop(self.members.insert(person)),
            Event::Left { person } => drop(self.members.remove(&person)),
            Event::Deleted {} => *self = Self::default(),
        }
    }
}

aggregate!(Group, "group", Command, Event, Broken);

#[cfg(test)]
mod tests {
    use super::{Command, Description, Event, Group};
    use crate::testing::cx;
    use eventstore::TenantId;

    fn when(given: &[Event], command: Command) -> Vec<Event> {
        let mut group = Group::default();
        given.iter().cloned().for_each(|event| group.apply(event));
        group.decide(command, &cx(TenantId::random())).expect("no rule")
    }

    fn owners() -> Description {
        Description { name: "Owners".to_owned(), external_id: None }
    }

    fn describe(description: Description, members: &[&str]) -> Command {
        Command::Describe { description, members: members.iter().map(|person| (*person).to_owned()).collect() }
    }

    fn joined(person: &str) -> Event {
        Event::Joined { person: person.to_owned() }
    }

    fn left(person: &str) -> Event {
        Event::Left { person: person.to_owned() }
    }

    #[test]
    fn people_join_and_leave_one_event_each() {
        let created = Event::Created(owners());
        assert_eq!(when(&[], describe(owners(), &["a"])), [created.clone(), joined("a")]);
        let given = [created, joined("a"), joined("b")];
        assert_eq!(when(&given, describe(owners(), &["a", "b"])), []);
        assert_eq!(when(&given, describe(owners(), &["c"])), [joined("c"), left("a"), left("b")]);
        let other = Description { name: "Others".to_owned(), external_id: Some("1".to_owned()) };
        assert_eq!(when(&given, describe(other.clone(), &["a", "b"])), [Event::Changed(other)]);
        assert_eq!(when(&given, Command::Leave { person: "b".to_owned() }), [left("b")]);
        assert_eq!(when(&given, Command::Leave { person: "c".to_owned() }), []);
    }

    #[test]
    fn who_is_in_a_group_that_ends_has_left_it() {
        let given = [Event::Created(owners()), joined("a")];
        assert_eq!(when(&given, Command::Delete), [left("a"), Event::Deleted {}]);
        assert_eq!(when(&[], Command::Delete), []);
    }
}

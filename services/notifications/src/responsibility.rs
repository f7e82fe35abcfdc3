use crate::notification::About;
use eventstore::{Cx, aggregate};
use serde::{Deserialize, Serialize};

/// Who owns an object of another service, as that service said last. Its id is `<service>:<object>`.
#[derive(Default, Serialize, Deserialize)]
pub struct Responsibility {
    person: Option<String>,
}

#[derive(Clone, Debug)]
pub enum Change {
    Assign {
        about: About,
        person: String,
    },
    /// Nobody owns it any more.
    End(About),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    Assigned { about: About, person: String },
    Ended { about: About },
}

/// No rule can be broken: what another service decided is recorded.
#[derive(Debug, PartialEq, thiserror::Error, strum::IntoStaticStr)]
pub enum Broken {}

impl Responsibility {
    pub fn owner(&self) -> Option<&str> {
        self.person.as_deref()
    }

    #[expect(clippy::unnecessary_wraps, reason = "the shape of every decision")]
    fn decide(&self, change: Change, _: &Cx) -> Result<Vec<Event>, Broken> {
        Ok(match (change, &self.person) {
            (Change::Assign { person, .. }, Some(known)) if *known == person => vec![],
            (Change::Assign { about, person }, _) => vec![Event::Assigned { about, person }],
            (Change::End(about), Some(_)) => vec![Event::Ended { about }],
            (Change::End(_), None) => vec![],
        })
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Assigned { person, .. } => self.person = Some(person),
            Event::Ended { .. } => self.person = None,
        }
    }
}

aggregate!(Responsibility, "responsibility", Change, Event, Broken);

#[cfg(test)]
mod tests {
    use super::{Change, Event, Responsibility};
    use crate::notification::About;
    use eventstore::{Actor, Cx, TenantId};

    #[test]
    fn the_last_one_assigned_is_the_owner() {
        let about = About { service: "risk".to_owned(), object: "R-7".to_owned() };
        let now = "2026-03-01T09:30:00Z".parse().expect("an instant");
        let cx = Cx::new(TenantId::random(), Actor::Service("notifications".to_owned()), now);
        let mut risk = Responsibility::default();
        for person in ["mara", "jo"] {
            let assign = Change::Assign { about: about.clone(), person: person.to_owned() };
            let assigned = Event::Assigned { about: about.clone(), person: person.to_owned() };
            assert_eq!(risk.decide(assign.clone(), &cx), Ok(vec![assigned.clone()]));
            risk.apply(assigned);
            assert_eq!(risk.decide(assign, &cx), Ok(vec![]));
        }
        assert_eq!(risk.owner(), Some("jo"));
        for expected in [vec![Event::Ended { about: about.clone() }], vec![]] {
            assert_eq!(risk.decide(Change::End(about.clone()), &cx), Ok(expected.clone()));
            for event in expected {
                risk.apply(event);
            }
        }
        assert_eq!(risk.owner(), None);
    }
}

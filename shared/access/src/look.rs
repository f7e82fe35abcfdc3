use eventstore::{Cx, aggregate};
use serde::{Deserialize, Serialize};

/// One look of an auditor, by the actor of its event. A stream of its own, in the service that answered: nobody folds the looks before
/// it, however many there were.
#[derive(Default, Serialize, Deserialize)]
pub struct Look {
    taken: bool,
}

#[derive(Clone, Debug)]
pub enum Command {
    Take(Taken),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    Taken(Taken),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Taken {
    /// What was asked for: path and query, as they were sent.
    pub path: String,
    /// That of the answer: 404 where there was nothing to see.
    pub status: u16,
    /// The position of the service's log that was shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u32>,
}

#[derive(Debug, PartialEq, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Broken {
    #[error("there is a look of this id already")]
    Taken,
}

impl Look {
    fn decide(&self, command: Command, _: &Cx) -> Result<Vec<Event>, Broken> {
        let Command::Take(taken) = command;
        if self.taken { Err(Broken::Taken) } else { Ok(vec![Event::Taken(taken)]) }
    }

    #[expect(clippy::needless_pass_by_value, reason = "the shape of every aggregate")]
    fn apply(&mut self, event: Event) {
        let Event::Taken(_) = event;
        self.taken = true;
    }
}

aggregate!(Look, "look", Command, Event, Broken);

#[cfg(test)]
mod tests {
    use super::{Broken, Command, Event, Look, Taken};
    use crate::testing::by;

    #[test]
    fn a_look_is_taken_once() {
        let taken = || Taken { path: "/v1/tenants/x/risks".to_owned(), status: 404, position: None };
        let mut look = Look::default();
        assert_eq!(look.decide(Command::Take(taken()), &by("mara")), Ok(vec![Event::Taken(taken())]));
        look.apply(Event::Taken(taken()));
        assert_eq!(look.decide(Command::Take(taken()), &by("mara")), Err(Broken::Taken));
    }

    #[test]
    fn an_events_data_reads_as_agreed() {
        let taken = Taken { path: "/v1/tenants/x/risks?limit=1".to_owned(), status: 200, position: Some(7) };
        let (name, data) = eventstore::tagged(&Event::Taken(taken)).expect("tagged");
        assert_eq!(name, "taken");
        assert_eq!(data, serde_json::json!({"path": "/v1/tenants/x/risks?limit=1", "status": 200, "position": 7}));
    }
}

use eventstore::{Cx, aggregate};
use serde::{Deserialize, Serialize};

/// That somebody of an organisation is let in nowhere, whatever their roles and by whatever token they come. One stream a person, in
/// the organisation's own partition, in every service; tenancy decides, the others copy.
#[derive(Default, Serialize, Deserialize)]
pub struct Lockout {
    stands: bool,
}

#[derive(Clone, Copy, Debug)]
pub enum Command {
    Begin,
    End,
    /// What tenancy decided.
    Copy(Event),
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    Begun {},
    Ended {},
}

/// No rule can be broken.
#[derive(Debug, PartialEq, thiserror::Error, strum::IntoStaticStr)]
pub enum Broken {}

impl Lockout {
    /// Whether it has begun and not ended.
    pub fn stands(&self) -> bool {
        self.stands
    }

    #[expect(clippy::unnecessary_wraps, reason = "the shape of every decision")]
    fn decide(&self, command: Command, _: &Cx) -> Result<Vec<Event>, Broken> {
        let event = match command {
            Command::Begin => Event::Begun {},
            Command::End => Event::Ended {},
            Command::Copy(event) => event,
        };
        Ok(if self.stands == (event == Event::Begun {}) { vec![] } else { vec![event] })
    }

    fn apply(&mut self, event: Event) {
        self.stands = match event {
            Event::Begun {} => true,
            Event::Ended {} => false,
        };
    }
}

aggregate!(Lockout, "lockout", Command, Event, Broken);

#[cfg(test)]
mod tests {
    use super::{Command, Event, Lockout};
    use crate::testing::by;

    #[test]
    fn it_begins_and_ends_and_nothing_is_recorded_twice() {
        let mut lockout = Lockout::default();
        let mut when = |command, recorded: &[Event]| {
            assert_eq!(lockout.decide(command, &by("key")), Ok(recorded.to_vec()));
            recorded.iter().copied().for_each(|event| lockout.apply(event));
        };
        when(Command::End, &[]);
        when(Command::Begin, &[Event::Begun {}]);
        when(Command::Begin, &[]);
        when(Command::Copy(Event::Begun {}), &[]);
        when(Command::Copy(Event::Ended {}), &[Event::Ended {}]);
        when(Command::End, &[]);
    }
}

//! What this service knows of the controls that treat its risks: its own copy of what the controls service decided.

mod named;

pub use named::{checked_controls, control_meant, excluded, is_excluded, refuse_excluded, streams};

use crate::control_state::{ControlState, Effectiveness, State};
use eventstore::{Cx, aggregate};
use serde::{Deserialize, Serialize};
use std::convert::Infallible;

#[derive(Default, Serialize, Deserialize)]
pub struct Control(ControlState);

/// What the controls service said happened.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Heard {
    Included,
    Excluded,
    ImplementationSet(State),
    EvidenceAttached,
    EvidenceDetached,
    Tested(Effectiveness),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    Noted(ControlState),
}

impl Control {
    #[expect(
        clippy::unnecessary_wraps,
        reason = "the shape of every decision; what was decided elsewhere is not refused"
    )]
    fn decide(&self, heard: Heard, _: &Cx) -> Result<Vec<Event>, Infallible> {
        let standing = self.0.clone();
        let next = match heard {
            Heard::Included => ControlState { applicable: Some(true), ..standing },
            Heard::Excluded => ControlState { applicable: Some(false), ..standing },
            Heard::ImplementationSet(state) => ControlState { state, ..standing },
            Heard::EvidenceAttached => ControlState { evidence: standing.evidence + 1, ..standing },
            Heard::EvidenceDetached => ControlState { evidence: standing.evidence.saturating_sub(1), ..standing },
            Heard::Tested(result) => ControlState { effectiveness: Some(result), ..standing },
        };
        Ok(if next == self.0 { vec![] } else { vec![Event::Noted(next)] })
    }

    fn apply(&mut self, Event::Noted(state): Event) {
        self.0 = state;
    }
}

aggregate!(Control, "control", Heard, Event, Infallible);

#[cfg(test)]
mod tests {
    use super::{Control, Event, Heard};
    use crate::control_state::{ControlState, Effectiveness, State};
    use crate::fixture::cx;

    fn noted(state: State, applicable: Option<bool>, evidence: u32) -> Event {
        Event::Noted(ControlState { state, applicable, evidence, effectiveness: None })
    }

    #[test]
    fn what_is_heard_adds_up() {
        let mut control = Control::default();
        let mut told = Vec::new();
        for heard in [
            Heard::Included,
            Heard::ImplementationSet(State::Operating),
            Heard::EvidenceAttached,
            Heard::EvidenceAttached,
            Heard::EvidenceDetached,
            Heard::Included,
            Heard::Tested(Effectiveness::Ineffective),
        ] {
            let events = control.decide(heard, &cx()).expect("decided");
            events.iter().cloned().for_each(|event| control.apply(event));
            told.extend(events);
        }
        let tested = Event::Noted(ControlState {
            state: State::Operating,
            applicable: Some(true),
            evidence: 1,
            effectiveness: Some(Effectiveness::Ineffective),
        });
        let expected = [
            noted(State::NotStarted, Some(true), 0),
            noted(State::Operating, Some(true), 0),
            noted(State::Operating, Some(true), 1),
            noted(State::Operating, Some(true), 2),
            noted(State::Operating, Some(true), 1),
            tested,
        ];
        assert_eq!(told, expected);
    }
}

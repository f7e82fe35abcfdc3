use crate::control::Event;
use eventstore::Recorded;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use views::{Folded, View, stream_key};

/// How far a control is implemented.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ControlImplementationState)]
pub enum State {
    #[default]
    NotStarted,
    Planned,
    Partial,
    Implemented,
    Operating,
}

/// What the last test of a control showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ControlEffectiveness)]
pub enum Effectiveness {
    Effective,
    PartlyEffective,
    Ineffective,
}

/// How a control stands. Of one that nothing was heard of: not started, applicability undecided.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ControlState {
    pub state: State,
    /// Absent while nobody has decided it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applicable: Option<bool>,
    /// How many pieces of evidence are attached.
    pub evidence: u32,
    /// Absent while nobody has tested it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effectiveness: Option<Effectiveness>,
}

impl View for ControlState {
    const NAME: &'static str = "control_state";

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        Ok(stream_key::<Event>(event))
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        Ok(event.decode()?.map(|Event::Noted(state)| state).or(current))
    }
}

#[cfg(test)]
mod tests {
    use super::{ControlState, State};
    use crate::control::Event;
    use crate::fixture::stored;
    use views::View;

    #[test]
    fn the_row_is_what_was_noted_last() {
        let noted = |state| {
            let standing = ControlState { state, applicable: Some(true), evidence: 1, effectiveness: None };
            (stored("control-A.8.13", &Event::Noted(standing.clone())), standing)
        };
        let ((planned, _), (operating, last)) = (noted(State::Planned), noted(State::Operating));
        assert_eq!(ControlState::keys(&planned).expect("keys"), ["A.8.13"]);
        let row = ControlState::apply(None, "A.8.13", &planned).expect("folded");
        assert_eq!(ControlState::apply(row, "A.8.13", &operating).expect("folded"), Some(last));
    }
}

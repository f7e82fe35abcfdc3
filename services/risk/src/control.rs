//! What this service knows of the controls that treat its risks: its own copy of what the controls service decided.

use crate::checks::{Faults, tidy};
use eventstore::{Cx, Recorded, Stream, Work, aggregate};
use messaging::Reaction;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use service::{FieldError, Problem, field_error};
use std::convert::Infallible;
use std::sync::Arc;
use utoipa::ToSchema;
use views::{Folded, View};

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

/// How a control stands. Of one that nothing was heard of: not started, applicability undecided.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ControlState {
    pub state: State,
    /// Absent while nobody has decided it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applicable: Option<bool>,
    /// How many pieces of evidence are attached.
    pub evidence: u32,
}

#[derive(Default, Serialize, Deserialize)]
pub struct Control(ControlState);

/// What the controls service said happened.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Heard {
    Included,
    Excluded,
    ImplementationSet(State),
    EvidenceAttached,
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
        };
        Ok(if next == self.0 { vec![] } else { vec![Event::Noted(next)] })
    }

    fn apply(&mut self, Event::Noted(state): Event) {
        self.0 = state;
    }
}

aggregate!(Control, "control", Heard, Event, Infallible);

impl Heard {
    /// Nothing where the event says nothing that is kept here.
    fn from(event: &Recorded) -> serde_json::Result<Option<Self>> {
        Ok(match event.event_type.as_str() {
            "control.included" => Some(Self::Included),
            "control.excluded" => Some(Self::Excluded),
            "control.implementation_set" => {
                let state = event.data.get("state").cloned().unwrap_or(Value::Null);
                Some(Self::ImplementationSet(serde_json::from_value(state)?))
            }
            "control.evidence_attached" => Some(Self::EvidenceAttached),
            _ => None,
        })
    }
}

/// Keeps a risk's picture of its controls true without asking another service.
pub fn when_a_control_changes_then_note_it() -> Reaction {
    Arc::new(|work, event| {
        Box::pin(async move {
            if let Some(heard) = Heard::from(event)? {
                work.execute::<Control>(event.stream.id(), None, heard).await?;
            }
            Ok(())
        })
    })
}

/// A list of controls of Annex A, each once, in the standard's order.
pub fn checked_controls(field: &str, written: &[String]) -> Result<Vec<String>, Vec<FieldError>> {
    let mut faults = Faults::default();
    let known = written.iter().filter_map(|id| faults.keep(checked_control(field, id))).collect::<Vec<_>>();
    let errors = faults.into_errors();
    if errors.is_empty() { Ok(tidy(known)) } else { Err(errors) }
}

pub fn checked_control(field: &str, written: &str) -> Result<String, FieldError> {
    let control = catalogue::control(written.trim()).ok_or_else(|| {
        let written: String = written.trim().chars().take(20).collect();
        let detail = format!("`{written}` is no control of ISO/IEC 27001:2022 Annex A: write an id such as A.8.13");
        field_error(field, detail)
    })?;
    Ok(control.id.clone())
}

/// What is said of a control that a treatment cannot rely on.
pub fn excluded(id: &str) -> String {
    format!("{id} is excluded as not applicable: include it first, or choose another control")
}

/// Refuses controls that are known not to apply.
pub async fn refuse_excluded(work: &mut Work, field: &str, ids: &[String]) -> Result<(), Problem> {
    work.preload(streams(ids)).await?;
    let mut faults = Faults::default();
    for id in ids {
        if is_excluded(work, id).await? {
            faults.wrong(field, excluded(id));
        }
    }
    faults.settle(Some(()))
}

pub async fn is_excluded(work: &mut Work, id: &str) -> Result<bool, Problem> {
    let (control, _) = work.load::<Control>(id).await?;
    Ok(control.0.applicable == Some(false))
}

pub fn streams(ids: &[String]) -> Vec<Stream> {
    ids.iter().map(|id| Stream::new("control", id)).collect()
}

impl View for ControlState {
    const NAME: &'static str = "control_state";

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        Ok(event.decode::<Event>()?.map(|_| event.stream.id().to_owned()).into_iter().collect())
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        Ok(event.decode()?.map(|Event::Noted(state)| state).or(current))
    }
}

#[cfg(test)]
mod tests {
    use super::{Control, ControlState, Event, Heard, State, checked_controls};
    use crate::fixture::{cx, recorded};
    use serde_json::json;

    fn noted(state: State, applicable: Option<bool>, evidence: u32) -> Event {
        Event::Noted(ControlState { state, applicable, evidence })
    }

    #[test]
    fn what_is_heard_adds_up() {
        let mut control = Control::default();
        let mut told = Vec::new();
        for heard in
            [Heard::Included, Heard::ImplementationSet(State::Operating), Heard::EvidenceAttached, Heard::Included]
        {
            let events = control.decide(heard, &cx()).expect("decided");
            events.iter().cloned().for_each(|event| control.apply(event));
            told.extend(events);
        }
        let expected = [
            noted(State::NotStarted, Some(true), 0),
            noted(State::Operating, Some(true), 0),
            noted(State::Operating, Some(true), 1),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn events_of_the_controls_service_are_understood_by_their_names() {
        let heard = |kind: &str, data| Heard::from(&recorded("control-A.8.13", kind, data));
        let set = json!({"state": "implemented", "how": "nightly"});
        let understood = heard("control.implementation_set", set).expect("understood");
        assert_eq!(understood, Some(Heard::ImplementationSet(State::Implemented)));
        assert_eq!(heard("control.required", json!({"risk": "R-1"})).expect("understood"), None);
        assert!(heard("control.implementation_set", json!({"state": "done"})).is_err());
    }

    #[test]
    fn controls_are_those_of_annex_a_in_its_order() {
        let texts = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
        let checked = checked_controls("controls", &texts(&["A.8.13", "A.5.10", "A.5.2", " A.8.13"]));
        assert_eq!(checked, Ok(texts(&["A.5.2", "A.5.10", "A.8.13"])));
        let errors = checked_controls("controls", &texts(&["A.9.2.6", "A.8.13", "8.13"])).expect_err("refused");
        assert_eq!(errors.len(), 2);
        assert!(errors[0].detail.starts_with("`A.9.2.6` is no control"), "{}", errors[0].detail);
    }
}

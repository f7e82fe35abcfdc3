//! What may be left of a risk, by how its controls are known to work.

use super::detail::{LinkedControl, Role};
use super::{RegisteredRisk, State as RiskState};
use crate::control_state::{Effectiveness, State};
use crate::methodology::{AdoptedMethodology, Graded, Level};
use crate::risk::Stage;
use serde::Serialize;
use utoipa::ToSchema;

/// Changes with the rule below, so that a figure that somebody wrote down can be made out.
const FORMULA: u32 = 1;

/// What may be left of a risk. A control that works halves what its kind bears on, one that partly works or was never tested takes
/// a quarter away, and one that is not implemented, does not work or does not apply takes nothing. What is left is rounded up.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct SuggestedResidual {
    pub likelihood: Graded,
    pub impact: Graded,
    pub level: Level,
    /// The assessment that it starts from: the inherent one with all controls, or the current one with those of the treatment alone.
    pub from: Stage,
    /// The version of the rule.
    pub formula: u32,
    /// What each control adds to it.
    pub controls: Vec<Contribution>,
}

#[derive(Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = ControlContribution)]
pub struct Contribution {
    #[schema(example = "A.8.13")]
    pub id: String,
    pub works: Works,
    /// A preventive control bears on the likelihood, a detective or corrective one on the impact.
    pub bears_on: Vec<BearsOn>,
}

/// How far a control is known to work today.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ControlWorks)]
pub enum Works {
    Fully,
    /// It was tested so, is implemented in part, or was never tested.
    Partly,
    NotYet,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ControlBearsOn)]
pub enum BearsOn {
    Likelihood,
    Impact,
}

impl Works {
    fn of(control: &LinkedControl) -> Self {
        match (control.state, control.effectiveness) {
            _ if control.applicable == Some(false) => Self::NotYet,
            (State::NotStarted | State::Planned, _) | (_, Some(Effectiveness::Ineffective)) => Self::NotYet,
            (State::Implemented | State::Operating, Some(Effectiveness::Effective)) => Self::Fully,
            (State::Partial, _) | (_, Some(Effectiveness::PartlyEffective) | None) => Self::Partly,
        }
    }

    /// The part of what it bears on that it leaves.
    fn leaves(self) -> f64 {
        match self {
            Self::Fully => 0.5,
            Self::Partly => 0.75,
            Self::NotYet => 1.0,
        }
    }
}

/// Nothing where there is nothing to start from.
pub fn suggested(
    risk: &RegisteredRisk,
    controls: &[LinkedControl],
    methodology: &AdoptedMethodology,
) -> Option<SuggestedResidual> {
    if risk.state == RiskState::Closed {
        return None;
    }
    // Those that exist are in the current assessment already.
    let (from, start) = match (&risk.inherent, &risk.current) {
        (Some(inherent), _) => (Stage::Inherent, inherent),
        (None, Some(current)) => (Stage::Current, current),
        (None, None) => return None,
    };
    let counted = controls.iter().filter(|control| from == Stage::Inherent || control.role == Role::Treatment);
    let mut contributions: Vec<Contribution> = Vec::new();
    for control in counted {
        // One that exists and is part of the treatment too counts once.
        if contributions.iter().all(|contribution| contribution.id != control.id) {
            let bears_on = bears_on(&control.id);
            contributions.push(Contribution { id: control.id.clone(), works: Works::of(control), bears_on });
        }
    }
    let left = |score, on| left(score, contributions.iter().filter(|told| told.bears_on.contains(&on)));
    let likelihood = left(start.rating.likelihood.score, BearsOn::Likelihood);
    let impact = left(start.rating.impact.score, BearsOn::Impact);
    let (likelihood, impact, level) = methodology.graded(likelihood, impact)?;
    Some(SuggestedResidual { likelihood, impact, level, from, formula: FORMULA, controls: contributions })
}

fn bears_on(control: &str) -> Vec<BearsOn> {
    let kinds = catalogue::control(control).map_or(&[][..], |control| &control.attributes.control_type);
    let is = |kind: &str| kinds.iter().any(|named| named == kind);
    let likelihood = is("Preventive").then_some(BearsOn::Likelihood);
    let impact = (is("Detective") || is("Corrective")).then_some(BearsOn::Impact);
    likelihood.into_iter().chain(impact).collect()
}

/// The least score that is not below what the controls leave of `score`, which is at least 1.
fn left<'a>(score: u8, controls: impl Iterator<Item = &'a Contribution>) -> u8 {
    let kept: f64 = controls.map(|control| control.works.leaves()).product();
    let exact = 1.0 + f64::from(score.saturating_sub(1)) * kept;
    (1..score).find(|least| f64::from(*least) >= exact).unwrap_or(score)
}

#[cfg(test)]
mod tests {
    use super::{BearsOn, SuggestedResidual, Works, left, suggested};
    use crate::control_state::{ControlState, Effectiveness, State};
    use crate::methodology::AdoptedMethodology;
    use crate::register::detail::linked;
    use crate::register::tests::folded;
    use crate::risk::tests::{assessment, decided, profile, texts};
    use crate::risk::{Event, Stage, TreatmentOption};

    fn state(state: State, effectiveness: Option<Effectiveness>) -> ControlState {
        ControlState { state, applicable: Some(true), evidence: 0, effectiveness }
    }

    fn of(events: &[Event], states: &[(&str, ControlState)]) -> Option<SuggestedResidual> {
        let states = states.iter().map(|(id, state)| ((*id).to_owned(), state.clone())).collect();
        let risk = folded(events);
        suggested(&risk, &linked(&risk, &states), &AdoptedMethodology::baseline())
    }

    fn told(suggestion: &SuggestedResidual) -> (u8, u8, Stage) {
        (suggestion.likelihood.score, suggestion.impact.score, suggestion.from)
    }

    fn treated() -> Vec<Event> {
        vec![
            Event::Identified(profile("Leak")),
            Event::Assessed(assessment(Stage::Current, "5", "5")),
            // Preventive, and corrective.
            decided(TreatmentOption::Mitigate, &["A.8.3", "A.8.13"], &[]),
        ]
    }

    #[test]
    fn each_control_lowers_what_its_kind_bears_on_as_far_as_it_is_known_to_work() {
        let operating = |effectiveness| state(State::Operating, effectiveness);
        let suggest =
            |first, second| told(&of(&treated(), &[("A.8.3", first), ("A.8.13", second)]).expect("suggested"));
        let effective = operating(Some(Effectiveness::Effective));
        assert_eq!(suggest(effective.clone(), operating(None)), (3, 4, Stage::Current));
        assert_eq!(suggest(state(State::Planned, None), effective.clone()), (5, 3, Stage::Current));
        assert_eq!(suggest(operating(Some(Effectiveness::Ineffective)), state(State::Partial, None)).0, 5);
        let excluded = ControlState { applicable: Some(false), ..effective };
        assert_eq!(suggest(excluded, state(State::NotStarted, None)), (5, 5, Stage::Current));
    }

    #[test]
    fn what_exists_counts_where_it_starts_without_controls() {
        let mut events = treated();
        events.push(Event::ExistingControlsNoted { controls: texts(&["A.5.15"]) });
        let effective = state(State::Operating, Some(Effectiveness::Effective));
        let states = [("A.5.15", effective.clone()), ("A.8.3", effective)];
        assert_eq!(told(&of(&events, &states).expect("suggested")), (3, 5, Stage::Current));
        events.push(Event::Assessed(assessment(Stage::Inherent, "5", "5")));
        let suggestion = of(&events, &states).expect("suggested");
        assert_eq!(told(&suggestion), (2, 5, Stage::Inherent));
        assert_eq!(
            suggestion.controls.iter().map(|told| told.works).collect::<Vec<_>>(),
            [Works::Fully, Works::Fully, Works::NotYet]
        );
        assert_eq!(suggestion.controls[0].bears_on, [BearsOn::Likelihood]);
    }

    #[test]
    fn nothing_is_suggested_of_what_was_never_assessed_or_is_closed() {
        assert_eq!(of(&[Event::Identified(profile("Leak"))], &[]), None);
        let mut closed = treated();
        closed.push(Event::Closed { released_controls: vec![] });
        assert_eq!(of(&closed, &[]), None);
    }

    #[test]
    fn no_score_falls_below_one_or_rises() {
        for score in 1..=6 {
            assert_eq!(left(score, std::iter::empty()), score);
        }
    }
}

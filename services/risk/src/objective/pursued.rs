use super::{Event, Profile, Verdict};
use chrono::NaiveDate;
use eventstore::Recorded;
use serde::{Deserialize, Serialize};
use strum::VariantNames;
use utoipa::ToSchema;
use views::{Column, Folded, View, stream_key};

/// An objective, and how far it is. A list filters and sorts by `owner`, `state` and `due`; otherwise it is in the order of refs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = Objective)]
pub struct PursuedObjective {
    #[serde(flatten)]
    pub profile: Profile,
    pub state: ObjectiveState,
    /// The last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluated: Option<Evaluated>,
    /// How many there were: the history tells each.
    pub evaluations: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, strum::VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ObjectiveState {
    /// Nobody has evaluated it yet.
    Set,
    OnTrack,
    AtRisk,
    Achieved,
    Missed,
    Dropped,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ObjectiveEvaluation)]
pub struct Evaluated {
    pub on: NaiveDate,
    pub result: String,
    pub verdict: Verdict,
}

impl View for PursuedObjective {
    const NAME: &'static str = "objective";
    const COLUMNS: &'static [Column] =
        &[Column::text("owner"), Column::word("state", ObjectiveState::VARIANTS), Column::day("due")];
    const ORDER: Option<Column> = Some(Column::text("place"));

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        Ok(stream_key::<Event>(event))
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        let Some(happened) = event.decode()? else { return Ok(current) };
        Ok(match (current, happened) {
            (None, Event::Set(profile)) => {
                Some(Self { profile, state: ObjectiveState::Set, evaluated: None, evaluations: 0 })
            }
            (None, _) => return Err(serde::de::Error::custom("an objective's first event sets it")),
            (Some(row), Event::Set(profile) | Event::Changed(profile)) => Some(Self { profile, ..row }),
            (Some(row), Event::Evaluated { on, result, verdict }) => Some(Self {
                state: verdict.into(),
                evaluated: Some(Evaluated { on, result, verdict }),
                evaluations: row.evaluations + 1,
                ..row
            }),
            (Some(row), Event::Dropped {}) => Some(Self { state: ObjectiveState::Dropped, ..row }),
        })
    }
}

impl From<Verdict> for ObjectiveState {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::OnTrack => Self::OnTrack,
            Verdict::AtRisk => Self::AtRisk,
            Verdict::Achieved => Self::Achieved,
            Verdict::Missed => Self::Missed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ObjectiveState, PursuedObjective};
    use crate::fixture::stored;
    use crate::objective::tests::{evaluated, profile};
    use crate::objective::{Event, Verdict};
    use views::View;

    #[test]
    fn the_state_is_that_of_the_last_evaluation_until_it_is_given_up() {
        let fold =
            |row, event: &Event| PursuedObjective::apply(row, "O-1", &stored("objective-O-1", event)).expect("folded");
        let set = fold(None, &Event::Set(profile("Restore")));
        assert_eq!(set.as_ref().map(|row| row.state), Some(ObjectiveState::Set));
        let at_risk = fold(set, &evaluated("2026-02-01", Verdict::AtRisk));
        let achieved = fold(at_risk, &evaluated("2026-03-01", Verdict::Achieved)).expect("a row");
        assert_eq!((achieved.state, achieved.evaluations), (ObjectiveState::Achieved, 2));
        let changed = fold(Some(achieved), &Event::Changed(profile("Faster"))).expect("a row");
        assert_eq!((changed.profile.what.as_str(), changed.state), ("Faster", ObjectiveState::Achieved));
        let dropped = fold(Some(changed), &Event::Dropped {}).expect("a row");
        assert_eq!(dropped.state, ObjectiveState::Dropped);
        let early = stored("objective-O-1", &Event::Dropped {});
        assert!(PursuedObjective::apply(None, "O-1", &early).is_err());
    }
}

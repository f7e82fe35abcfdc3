use super::{Event, Profile, State};
use chrono::NaiveDate;
use eventstore::Recorded;
use serde::{Deserialize, Serialize};
use strum::VariantNames;
use utoipa::ToSchema;
use views::{Column, Folded, View, stream_key};

/// A change of the ISMS that was planned. A list filters and sorts by `owner`, `state` and `due`; otherwise it is in the order of refs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlannedChange {
    #[serde(flatten)]
    pub profile: Profile,
    pub state: State,
    /// What came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<ChangeOutcome>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangeOutcome {
    pub on: NaiveDate,
    pub result: String,
}

impl View for PlannedChange {
    const NAME: &'static str = "change";
    const COLUMNS: &'static [Column] =
        &[Column::text("owner"), Column::word("state", State::VARIANTS), Column::day("due")];
    const ORDER: Option<Column> = Some(Column::text("place"));

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        Ok(stream_key::<Event>(event))
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        let Some(happened) = event.decode()? else { return Ok(current) };
        Ok(match (current, happened) {
            (None, Event::Planned(profile)) => Some(Self { profile, state: State::Planned, outcome: None }),
            (None, _) => return Err(serde::de::Error::custom("a change's first event plans it")),
            (Some(row), Event::Planned(profile) | Event::Replanned(profile)) => Some(Self { profile, ..row }),
            (Some(row), Event::CarriedOut { on, result }) => {
                Some(Self { state: State::CarriedOut, outcome: Some(ChangeOutcome { on, result }), ..row })
            }
            (Some(row), Event::Dropped {}) => Some(Self { state: State::Dropped, ..row }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::PlannedChange;
    use crate::change::tests::{carried_out, profile};
    use crate::change::{Event, State};
    use crate::fixture::stored;
    use views::View;

    #[test]
    fn the_row_says_what_was_planned_and_what_came_of_it() {
        let fold = |row, event: &Event| PlannedChange::apply(row, "C-1", &stored("change-C-1", event)).expect("folded");
        let planned = fold(None, &Event::Planned(profile("Move")));
        let replanned = fold(planned, &Event::Replanned(profile("Stay"))).expect("a row");
        assert_eq!((replanned.profile.what.as_str(), replanned.state), ("Stay", State::Planned));
        let row = fold(Some(replanned.clone()), &carried_out()).expect("a row");
        assert_eq!(
            (row.state, row.outcome.map(|outcome| outcome.result)),
            (State::CarriedOut, Some("Moved".to_owned()))
        );
        assert_eq!(fold(Some(replanned), &Event::Dropped {}).map(|row| row.state), Some(State::Dropped));
    }
}

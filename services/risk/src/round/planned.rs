use super::{Event, Included, Plan};
use chrono::{DateTime, NaiveDate, Utc};
use eventstore::Recorded;
use serde::{Deserialize, Serialize};
use strum::VariantNames;
use utoipa::ToSchema;
use views::{Column, Folded, View, stream_key};

/// A round of assessments. A list filters and sorts by `state` and `due`; otherwise it is in the order of refs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AssessmentRound {
    pub name: String,
    pub state: RoundState,
    pub due: NaiveDate,
    pub started_at: DateTime<Utc>,
    /// In the order of refs, with how often each had been assessed before.
    pub risks: Vec<Included>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed: Option<Completed>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, strum::VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum RoundState {
    Running,
    Completed,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = CompletedRound)]
pub struct Completed {
    pub at: DateTime<Utc>,
    /// The position of the tenant's log that its result shows.
    pub position: i64,
    /// How many of its risks were assessed since it began.
    pub assessed: u32,
    /// The others.
    pub unassessed: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl View for AssessmentRound {
    const NAME: &'static str = "round";
    const COLUMNS: &'static [Column] = &[Column::word("state", RoundState::VARIANTS), Column::day("due")];
    const ORDER: Option<Column> = Some(Column::text("place"));

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        Ok(stream_key::<Event>(event))
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        Ok(match event.decode()? {
            None => current,
            Some(Event::Started(Plan { name, due, risks })) => {
                let started_at = event.occurred_at;
                Some(Self { name, state: RoundState::Running, due, started_at, risks, completed: None })
            }
            Some(Event::Completed { assessed, unassessed }) => {
                let (at, position, reason) = (event.occurred_at, event.position, event.metadata.reason.clone());
                let completed = Some(Completed { at, position, assessed, unassessed, reason });
                current.map(|row| Self { state: RoundState::Completed, completed, ..row })
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{AssessmentRound, RoundState};
    use crate::fixture::stored;
    use crate::round::Event;
    use crate::round::tests::plan;
    use views::View;

    #[test]
    fn a_round_runs_until_it_is_completed() {
        let fold = |row, event: &Event| AssessmentRound::apply(row, "S", &stored("round-S", event)).expect("folded");
        let running = fold(None, &Event::Started(plan(&[("R-1", 2)])));
        assert_eq!(running.as_ref().map(|row| row.state), Some(RoundState::Running));
        let row = fold(running, &Event::Completed { assessed: 1, unassessed: vec![] }).expect("a row");
        assert_eq!(
            (row.state, row.completed.map(|over| (over.position, over.assessed))),
            (RoundState::Completed, Some((1, 1)))
        );
    }
}

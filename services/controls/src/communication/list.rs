use super::{Event, Occurrence, Profile};
use chrono::NaiveDate;
use eventstore::Recorded;
use serde::{Deserialize, Serialize};
use service::Dated;
use strum::VariantNames;
use utoipa::ToSchema;
use views::{Column, Folded, View, stream_key};

/// A line of the communication plan. A list filters and sorts by `subject`, `owner` (empty: nobody), `state` and `next_on`; otherwise it
/// is in the order in which people count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlannedCommunication {
    pub subject: String,
    pub occasion: String,
    pub with_whom: String,
    pub means: String,
    pub owner: Option<String>,
    /// The day by which it is due next.
    pub next_on: Option<NaiveDate>,
    pub state: CommunicationState,
    /// When it was kept to last, and what was said.
    pub last_on: Option<NaiveDate>,
    pub last_record: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, strum::VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum CommunicationState {
    Planned,
    Stopped,
}

/// A line as it is shown.
#[derive(Debug, Serialize, ToSchema)]
pub struct ShownCommunication {
    #[serde(flatten)]
    communication: PlannedCommunication,
    /// The day by which it was due has passed.
    overdue: bool,
}

impl PlannedCommunication {
    fn planned(profile: Profile) -> Self {
        let Profile { subject, occasion, with_whom, means, owner, next_on } = profile;
        let state = CommunicationState::Planned;
        Self { subject, occasion, with_whom, means, owner, next_on, state, last_on: None, last_record: None }
    }

    fn follow(self, event: Event) -> Self {
        match event {
            Event::Planned(profile) | Event::Described(profile) => {
                Self { last_on: self.last_on, last_record: self.last_record, ..Self::planned(profile) }
            }
            Event::Made(Occurrence { made_on, record, next_on }) => {
                Self { last_on: Some(made_on), last_record: Some(record), next_on, ..self }
            }
            Event::Stopped {} => Self { state: CommunicationState::Stopped, ..self },
        }
    }
}

impl View for PlannedCommunication {
    const NAME: &'static str = "communication";
    const COLUMNS: &'static [Column] = &[
        Column::text("subject"),
        Column::text("owner"),
        Column::word("state", CommunicationState::VARIANTS),
        Column::day("next_on"),
    ];
    const ORDER: Option<Column> = Some(Column::text("place"));

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        Ok(stream_key::<Event>(event))
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        Ok(match (current, event.decode::<Event>()?) {
            (current, None) => current,
            (None, Some(Event::Planned(profile))) => Some(Self::planned(profile)),
            (current, Some(event)) => current.map(|line| line.follow(event)),
        })
    }
}

impl Dated for PlannedCommunication {
    type Shown = ShownCommunication;

    fn on(self, today: NaiveDate) -> ShownCommunication {
        let is_planned = self.state == CommunicationState::Planned;
        let overdue = is_planned && self.next_on.is_some_and(|day| day < today);
        ShownCommunication { overdue, communication: self }
    }
}

#[cfg(test)]
mod tests {
    use super::PlannedCommunication;
    use crate::communication::Event;
    use crate::communication::tests::{made, profile};
    use service::Dated;

    #[test]
    fn a_line_is_overdue_until_it_is_kept_to_or_stopped() {
        let overdue = |events: Vec<Event>, day: &str| {
            let line =
                events.into_iter().fold(PlannedCommunication::planned(profile("Risks")), PlannedCommunication::follow);
            line.on(day.parse().expect("a day")).overdue
        };
        assert_eq!([overdue(vec![], "2026-06-30"), overdue(vec![], "2026-07-01")], [false, true]);
        assert!(!overdue(vec![Event::Made(made(Some("2026-09-30")))], "2026-07-01"));
        assert!(overdue(vec![Event::Made(made(Some("2026-09-30")))], "2026-10-01"));
        assert!(!overdue(vec![Event::Made(made(None))], "2999-01-01"));
        assert!(!overdue(vec![Event::Stopped {}], "2026-07-01"));
    }
}

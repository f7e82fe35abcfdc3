use super::PlannedAction;
use super::decided::follow;
use crate::risk::Event;
use eventstore::Recorded;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use views::{Column, Folded, View};

/// An action of a risk's treatment, under `<risk>/<ref>`. A list filters and sorts by `risk`, `who`, `due` and `done` (the day; empty:
/// not done); otherwise it is in the order of risks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = ActionOfRisk)]
pub struct RegisteredAction {
    pub risk: String,
    #[serde(flatten)]
    pub action: PlannedAction,
}

impl View for RegisteredAction {
    const NAME: &'static str = "action";
    const COLUMNS: &'static [Column] =
        &[Column::text("risk"), Column::text("who"), Column::day("due"), Column::day("done")];
    const ORDER: Option<Column> = Some(Column::text("place"));

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        let Some(
            Event::ActionPlanned { action, .. } | Event::ActionDone { action, .. } | Event::ActionDropped { action },
        ) = event.decode()?
        else {
            return Ok(vec![]);
        };
        // No ref has a slash.
        Ok(vec![format!("{}/{action}", event.stream.id())])
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        let Some(happened) = event.decode()? else { return Ok(current) };
        let mut actions: Vec<PlannedAction> = current.map(|row| row.action).into_iter().collect();
        follow(&mut actions, happened);
        Ok(actions.pop().map(|action| Self { risk: event.stream.id().to_owned(), action }))
    }
}

#[cfg(test)]
mod tests {
    use super::RegisteredAction;
    use crate::fixture::stored;
    use crate::risk::Event;
    use crate::risk::tests::{day, planned, profile};
    use eventstore::Recorded;
    use views::View;

    #[test]
    fn a_row_begins_with_its_plan_and_ends_when_it_is_given_up() {
        let event = |event: &Event| stored("risk-R-7", event);
        let apply = |row, event: &Recorded| RegisteredAction::apply(row, "R-7/T-1", event).expect("folded");
        let first = event(&planned("T-1", "2026-03-31"));
        assert_eq!(RegisteredAction::keys(&first).expect("keys"), ["R-7/T-1"]);
        assert!(RegisteredAction::keys(&event(&Event::Identified(profile("Leak")))).expect("keys").is_empty());
        let later = event(&planned("T-1", "2026-04-30"));
        let done = event(&Event::ActionDone { action: "T-1".to_owned(), on: day("2026-04-02") });
        let row = apply(apply(apply(None, &first), &later), &done).expect("a row");
        assert_eq!(
            (row.risk.as_str(), row.action.due, row.action.done),
            ("R-7", day("2026-04-30"), Some(day("2026-04-02")))
        );
        let dropped = event(&Event::ActionDropped { action: "T-1".to_owned() });
        assert_eq!(apply(apply(None, &first), &dropped), None);
    }
}

use super::{Event, Petition, Waiver};
use chrono::{DateTime, NaiveDate, Utc};
use eventstore::Recorded;
use serde::{Deserialize, Serialize};
use service::{Dated, Sheet, cell};
use strum::VariantNames;
use utoipa::ToSchema;
use views::{Column, Folded, View, stream_key};

/// An exception. A list filters and sorts by `title`, `state`, `requested_by`, `document` (empty: none) and `expires_on`; otherwise it is
/// in the order in which people count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RegisteredException {
    pub title: String,
    /// What is not done.
    pub waived: String,
    pub controls: Vec<String>,
    pub document: Option<String>,
    pub justification: String,
    /// What is done instead.
    pub compensating_measure: String,
    /// The last day on which it holds.
    pub expires_on: NaiveDate,
    pub requested_by: String,
    pub state: ExceptionState,
    /// Who decided it as it is asked for now, and when.
    pub decided_by: Option<String>,
    pub decided_at: Option<DateTime<Utc>>,
}

/// What was decided of it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, strum::IntoStaticStr, strum::VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ExceptionState {
    Requested,
    Approved,
    Refused,
    Ended,
}

/// An exception as it is shown.
#[derive(Debug, Serialize, ToSchema)]
pub struct ShownException {
    #[serde(flatten)]
    exception: RegisteredException,
    /// It is approved, and its day has not passed.
    in_force: bool,
    /// Its day has passed.
    expired: bool,
}

impl RegisteredException {
    fn requested(waiver: Waiver, requested_by: String) -> Self {
        let Waiver { title, waived, controls, document, justification, compensating_measure, expires_on } = waiver;
        Self {
            title,
            waived,
            controls,
            document,
            justification,
            compensating_measure,
            expires_on,
            requested_by,
            state: ExceptionState::Requested,
            decided_by: None,
            decided_at: None,
        }
    }

    fn decided(self, state: ExceptionState, by: String, at: DateTime<Utc>) -> Self {
        Self { state, decided_by: Some(by), decided_at: Some(at), ..self }
    }
}

impl View for RegisteredException {
    const NAME: &'static str = "exception";
    const COLUMNS: &'static [Column] = &[
        Column::text("title"),
        Column::word("state", ExceptionState::VARIANTS),
        Column::text("requested_by"),
        Column::text("document"),
        Column::day("expires_on"),
    ];
    const ORDER: Option<Column> = Some(Column::text("place"));

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        Ok(stream_key::<Event>(event))
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        let at = event.recorded_at;
        Ok(match event.decode::<Event>()? {
            None => current,
            Some(
                Event::Requested { waiver, requested_by }
                | Event::Changed { waiver, requested_by }
                | Event::Restored(Petition { waiver, requested_by, asked_by: _ }),
            ) => Some(Self::requested(waiver, requested_by)),
            Some(Event::Removed {}) => None,
            Some(Event::Approved { approver }) => {
                current.map(|row| row.decided(ExceptionState::Approved, approver, at))
            }
            Some(Event::Refused { approver }) => current.map(|row| row.decided(ExceptionState::Refused, approver, at)),
            Some(Event::Ended {}) => current.map(|row| Self { state: ExceptionState::Ended, ..row }),
        })
    }
}

impl Sheet for RegisteredException {
    const HEADING: &'static [&'static str] = &[
        "ref_id",
        "name",
        "description",
        "controls",
        "document",
        "justification",
        "compensating_measure",
        "expiration_date",
        "state",
        "requested_by",
        "decided_by",
    ];

    fn cells(self, key: &str) -> Vec<String> {
        vec![
            key.to_owned(),
            self.title,
            self.waived,
            self.controls.join("|"),
            cell(self.document),
            self.justification,
            self.compensating_measure,
            self.expires_on.to_string(),
            <&str>::from(self.state).to_owned(),
            self.requested_by,
            cell(self.decided_by),
        ]
    }
}

impl Dated for RegisteredException {
    type Shown = ShownException;

    fn on(self, today: NaiveDate) -> ShownException {
        let expired = self.expires_on < today;
        ShownException { in_force: self.state == ExceptionState::Approved && !expired, expired, exception: self }
    }
}

#[cfg(test)]
mod tests {
    use super::RegisteredException;
    use crate::exception::Event;
    use crate::exception::tests::waiver;
    use service::Dated;
    use testkit::recorded;
    use views::View;

    #[test]
    fn it_holds_through_its_last_day_and_only_once_approved() {
        let requested = Event::Requested { waiver: waiver("2026-06-30"), requested_by: "sam".to_owned() };
        let apply = |row, version, event: &Event| {
            RegisteredException::apply(row, "E-1", &recorded("E-1", version, event)).expect("folded")
        };
        let row = apply(None, 1, &requested);
        let on = |row: &Option<RegisteredException>, day: &str| {
            let shown = row.clone().expect("a row").on(day.parse().expect("a day"));
            (shown.in_force, shown.expired)
        };
        assert_eq!(on(&row, "2026-06-01"), (false, false));
        let row = apply(row, 2, &Event::Approved { approver: "mara".to_owned() });
        assert_eq!([on(&row, "2026-06-30"), on(&row, "2026-07-01")], [(true, false), (false, true)]);
        let changed = Event::Changed { waiver: waiver("2026-12-31"), requested_by: "sam".to_owned() };
        let row = apply(row, 3, &changed);
        assert_eq!(on(&row, "2026-07-01"), (false, false), "what was changed is approved anew");
    }
}

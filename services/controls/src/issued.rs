use crate::edition::Event;
use chrono::{DateTime, Utc};
use eventstore::Recorded;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use views::{Column, Folded, View, stream_key};

/// A Statement of Applicability that was issued, under its number. A list filters and sorts by `digest`; otherwise the first comes
/// first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IssuedSoa {
    pub number: u32,
    /// SHA-256 of the document's bytes, in hexadecimal.
    pub digest: String,
    /// The position of the tenant's log whose state it is.
    pub issued_position: u32,
    pub issued_at: DateTime<Utc>,
    /// Who issued it.
    pub issued_by: String,
    pub included: u32,
    pub excluded: u32,
}

impl View for IssuedSoa {
    const NAME: &'static str = "soa_issue";
    const COLUMNS: &'static [Column] = &[Column::text("digest")];
    const ORDER: Option<Column> = Some(Column::text("place"));

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        Ok(match event.decode::<Event>()? {
            Some(Event::Issued { number, .. }) => vec![number.to_string()],
            Some(Event::Approved { .. }) | None => vec![],
        })
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        Ok(match event.decode::<Event>()? {
            Some(Event::Issued { number, digest, position, included, excluded }) => Some(Self {
                number,
                digest,
                issued_position: position,
                issued_at: event.recorded_at,
                issued_by: event.metadata.actor.to_string(),
                included,
                excluded,
            }),
            Some(Event::Approved { .. }) | None => current,
        })
    }
}

/// What was approved and issued last of a framework's statement.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LastEditions {
    pub approval: Option<Approval>,
    pub issue: Option<LastIssue>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LastIssue {
    pub number: u32,
    pub digest: String,
}

/// Somebody's approval of the statement as it was then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Approval {
    pub approved_by: String,
    pub approved_at: DateTime<Utc>,
    /// Of what was approved.
    pub digest: String,
    pub approved_position: u32,
}

impl View for LastEditions {
    const NAME: &'static str = "soa";

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        Ok(stream_key::<Event>(event))
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        let current = current.unwrap_or_default();
        Ok(Some(match event.decode::<Event>()? {
            Some(Event::Approved { digest, position }) => {
                let (approved_by, approved_at) = (event.metadata.actor.to_string(), event.recorded_at);
                Self {
                    approval: Some(Approval { approved_by, approved_at, digest, approved_position: position }),
                    ..current
                }
            }
            Some(Event::Issued { number, digest, .. }) => Self { issue: Some(LastIssue { number, digest }), ..current },
            None => current,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::{IssuedSoa, LastEditions};
    use crate::edition::Event;
    use testkit::recorded;
    use views::View;

    #[test]
    fn each_issue_has_a_row_of_its_own_and_the_last_approval_stands() {
        let approved = recorded("iso27001_2022", 1, &Event::Approved { digest: "a".to_owned(), position: 90 });
        let issued = Event::Issued { number: 1, digest: "a".to_owned(), position: 91, included: 90, excluded: 3 };
        let issued = recorded("iso27001_2022", 2, &issued);
        assert_eq!(IssuedSoa::keys(&approved).expect("keys"), Vec::<String>::new());
        assert_eq!(IssuedSoa::keys(&issued).expect("keys"), ["1"]);
        let row = IssuedSoa::apply(None, "1", &issued).expect("folded").expect("a row");
        assert_eq!((row.issued_position, row.issued_by.as_str()), (91, "mara"));
        let last = LastEditions::apply(None, "", &approved).expect("folded");
        let last = LastEditions::apply(last, "", &issued).expect("folded").expect("a row");
        assert_eq!(last.approval.map(|approval| approval.digest), Some("a".to_owned()));
        assert_eq!(last.issue.map(|issue| (issue.number, issue.digest)), Some((1, "a".to_owned())));
    }
}

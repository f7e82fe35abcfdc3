use super::{Event, Kind, Profile};
use chrono::NaiveDate;
use eventstore::Recorded;
use serde::{Deserialize, Serialize};
use service::{Dated, Sheet, cell};
use strum::VariantNames;
use utoipa::ToSchema;
use views::{Column, Folded, View, stream_key};

/// A finding. A list filters and sorts by `title`, `kind`, `state`, `owner` (empty: nobody), `source`, `raised_on` and `due` (empty: no
/// day); otherwise it is in the order in which people count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RaisedFinding {
    pub title: String,
    pub kind: Kind,
    /// What was found, and where.
    pub description: Option<String>,
    /// The clauses and the controls of Annex A that it is about.
    pub requirements: Vec<String>,
    /// The audit that it comes from, in words.
    pub source: Option<String>,
    pub raised_on: NaiveDate,
    /// Who sees to it.
    pub owner: Option<String>,
    /// The last day on which it is to be seen to.
    pub due: Option<NaiveDate>,
    pub state: FindingState,
    /// The day on which it was closed.
    pub closed_on: Option<NaiveDate>,
}

#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, strum::VariantNames, strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum FindingState {
    Open,
    Closed,
}

/// A finding as it is shown.
#[derive(Debug, Serialize, ToSchema)]
pub struct ShownFinding {
    #[serde(flatten)]
    finding: RaisedFinding,
    /// It is open, and its day has passed.
    overdue: bool,
}

impl RaisedFinding {
    fn raised(profile: Profile) -> Self {
        let Profile { title, kind, description, requirements, source, raised_on, owner, due } = profile;
        Self {
            title,
            kind,
            description,
            requirements,
            source,
            raised_on,
            owner,
            due,
            state: FindingState::Open,
            closed_on: None,
        }
    }
}

impl View for RaisedFinding {
    const NAME: &'static str = "finding";
    const COLUMNS: &'static [Column] = &[
        Column::text("title"),
        Column::word("kind", Kind::VARIANTS),
        Column::word("state", FindingState::VARIANTS),
        Column::text("owner"),
        Column::text("source"),
        Column::day("raised_on"),
        Column::day("due"),
    ];
    const ORDER: Option<Column> = Some(Column::text("place"));

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        Ok(stream_key::<Event>(event))
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        Ok(match event.decode::<Event>()? {
            None => current,
            Some(Event::Raised(profile)) => Some(Self::raised(profile)),
            Some(Event::Described(profile)) => current.map(|finding| {
                let Self { state, closed_on, .. } = finding;
                Self { state, closed_on, ..Self::raised(profile) }
            }),
            Some(Event::Closed {}) => {
                let closed_on = Some(event.occurred_at.date_naive());
                current.map(|finding| Self { state: FindingState::Closed, closed_on, ..finding })
            }
            Some(Event::Reopened {}) => {
                current.map(|finding| Self { state: FindingState::Open, closed_on: None, ..finding })
            }
            Some(Event::Removed {}) => None,
        })
    }
}

impl Sheet for RaisedFinding {
    const HEADING: &'static [&'static str] = &[
        "ref_id",
        "name",
        "kind",
        "description",
        "requirements",
        "source",
        "raised_on",
        "owner",
        "due_date",
        "status",
        "closed_on",
    ];

    fn cells(self, key: &str) -> Vec<String> {
        let (kind, state) = (<&str>::from(self.kind).to_owned(), <&str>::from(self.state).to_owned());
        vec![
            key.to_owned(),
            self.title,
            kind,
            cell(self.description),
            self.requirements.join("|"),
            cell(self.source),
            self.raised_on.to_string(),
            cell(self.owner),
            cell(self.due),
            state,
            cell(self.closed_on),
        ]
    }
}

impl Dated for RaisedFinding {
    type Shown = ShownFinding;

    fn on(self, today: NaiveDate) -> ShownFinding {
        let overdue = self.state == FindingState::Open && self.due.is_some_and(|day| day < today);
        ShownFinding { overdue, finding: self }
    }
}

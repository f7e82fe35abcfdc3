use super::{Event, Kind, Profile};
use access::RoleName;
use chrono::NaiveDate;
use eventstore::Recorded;
use serde::{Deserialize, Serialize};
use strum::VariantNames;
use utoipa::ToSchema;
use views::{Column, Folded, View, stream_key};

/// What people must be able to do or be aware of. A list filters and sorts by `title`, `kind`, `state` and `due_on`; otherwise it is
/// in the order in which people count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RegisteredCompetence {
    pub title: String,
    pub kind: Kind,
    pub criterion: String,
    /// Who must have it.
    pub people: Vec<String>,
    /// Whoever has one of these roles must have it, too.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub roles: Vec<RoleName>,
    /// The day by which they must.
    pub due_on: Option<NaiveDate>,
    pub state: CompetenceState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, strum::VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum CompetenceState {
    Needed,
    Retired,
}

impl From<Profile> for RegisteredCompetence {
    fn from(Profile { title, kind, criterion, people, roles, due_on }: Profile) -> Self {
        Self { title, kind, criterion, people, roles, due_on, state: CompetenceState::Needed }
    }
}

impl View for RegisteredCompetence {
    const NAME: &'static str = "competence";
    const COLUMNS: &'static [Column] = &[
        Column::text("title"),
        Column::word("kind", Kind::VARIANTS),
        Column::word("state", CompetenceState::VARIANTS),
        Column::day("due_on"),
    ];
    const ORDER: Option<Column> = Some(Column::text("place"));

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        Ok(stream_key::<Event>(event))
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        Ok(match event.decode::<Event>()? {
            None => current,
            Some(Event::Registered(profile) | Event::Described(profile)) => Some(profile.into()),
            Some(Event::Retired {}) => current.map(|row| Self { state: CompetenceState::Retired, ..row }),
        })
    }
}

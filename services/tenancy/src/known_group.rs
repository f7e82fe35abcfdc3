use crate::group::{Description, Event};
use chrono::{DateTime, Utc};
use eventstore::Recorded;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use utoipa::ToSchema;
use views::{Folded, View, stream_key};

/// A group of the organisation's people, as its identity provider names them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct KnownGroup {
    pub name: String,
    /// Its id at the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Who is in it.
    pub members: BTreeSet<String>,
    pub since: DateTime<Utc>,
}

impl View for KnownGroup {
    const NAME: &'static str = "group";

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        Ok(stream_key::<Event>(event))
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        Ok(match event.decode::<Event>()? {
            Some(Event::Created(Description { name, external_id })) => {
                Some(Self { name, external_id, members: BTreeSet::new(), since: event.recorded_at })
            }
            Some(Event::Changed(Description { name, external_id })) => {
                current.map(|row| Self { name, external_id, ..row })
            }
            Some(Event::Joined { person }) => current.map(|mut row| {
                row.members.insert(person);
                row
            }),
            Some(Event::Left { person }) => current.map(|mut row| {
                row.members.remove(&person);
                row
            }),
            Some(Event::Deleted {}) => None,
            None => current,
        })
    }
}

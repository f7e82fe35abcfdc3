use crate::evidence::{Event, EvidenceKind};
use chrono::{DateTime, Utc};
use eventstore::Recorded;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use views::{Column, Folded, View, stream_key};

/// A piece of evidence. A list filters and sorts by `title`; otherwise it is in the order of recording, for ids grow with
/// time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Exhibit {
    pub title: String,
    pub kind: EvidenceKind,
    pub note: String,
    /// Of the note's UTF-8 bytes, in hexadecimal.
    pub sha256: String,
    /// Ids of controls.
    pub supports: Vec<String>,
    pub collected_at: DateTime<Utc>,
    pub valid_until: Option<DateTime<Utc>>,
}

impl View for Exhibit {
    const NAME: &'static str = "evidence";
    const COLUMNS: &'static [Column] = &[Column::text("title")];

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        Ok(stream_key::<Event>(event))
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        Ok(event.decode::<Event>()?.map(Self::from).or(current))
    }
}

impl From<Event> for Exhibit {
    fn from(event: Event) -> Self {
        let Event::Collected { title, kind, note, sha256, supports, collected_at, valid_until } = event;
        Self { title, kind, note, sha256, supports, collected_at, valid_until }
    }
}

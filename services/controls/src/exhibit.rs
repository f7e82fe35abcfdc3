use crate::evidence::{Event, EvidenceKind, Piece};
use eventstore::Recorded;
use serde::{Deserialize, Serialize};
use strum::VariantNames;
use utoipa::ToSchema;
use uuid::Uuid;
use views::{Column, Folded, View, stream_key};

/// A piece of evidence. A list filters and sorts by `title`, `kind`, `source` (empty: it is not said), `valid_until` (empty: without
/// end) and `replaced` (whether other evidence has taken its place); otherwise it is in the order of recording, for ids grow with time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Exhibit {
    #[serde(flatten)]
    pub piece: Piece,
    /// The evidence that has taken its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced_by: Option<Uuid>,
}

impl View for Exhibit {
    const NAME: &'static str = "evidence";
    const COLUMNS: &'static [Column] = &[
        Column::text("title"),
        Column::word("kind", EvidenceKind::VARIANTS),
        Column::text("source"),
        Column::instant("valid_until"),
        Column::flag("replaced"),
    ];

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        Ok(stream_key::<Event>(event))
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        Ok(match event.decode::<Event>()? {
            None => current,
            Some(Event::Collected(piece)) => Some(Self { piece, replaced_by: None }),
            Some(Event::Replaced { by }) => current.map(|exhibit| Self { replaced_by: Some(by), ..exhibit }),
        })
    }
}

use crate::line::Decision;
use crate::proposal::{Event, Proposal};
use chrono::{DateTime, Utc};
use eventstore::Recorded;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use views::{Column, Folded, View, stream_key};

/// What a library proposes here, and what was decided on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProposedLibrary {
    #[serde(flatten)]
    pub library: Origin,
    pub proposal: Proposal,
}

/// Whose it is, and when it came.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = ProposalOrigin)]
pub struct Origin {
    /// The organisation that keeps the library.
    pub organisation: Uuid,
    /// What the organisation calls it.
    #[schema(example = "small-company")]
    pub library: String,
    pub name: String,
    /// When the last version came.
    pub received_at: DateTime<Utc>,
}

/// A proposal in short. A list filters and sorts by `library`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProposalInShort)]
pub struct Summary {
    #[serde(flatten)]
    library: Origin,
    /// The last version that came.
    version: u32,
    /// How many lines nobody has decided.
    open: usize,
    accepted: usize,
    declined: usize,
}

impl ProposedLibrary {
    pub fn in_short(self) -> Summary {
        let count = |decision| self.proposal.lines.values().filter(|line| line.decision == decision).count();
        let [open, accepted, declined] = [Decision::Open, Decision::Accepted, Decision::Declined].map(count);
        Summary { library: self.library, version: self.proposal.version, open, accepted, declined }
    }
}

impl View for ProposedLibrary {
    const NAME: &'static str = "proposal";
    const COLUMNS: &'static [Column] = &[Column::text("library")];

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        Ok(stream_key::<Event>(event))
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        let Some(happened) = event.decode::<Event>()? else { return Ok(current) };
        let standing = current.as_ref().map(|row| row.library.clone());
        let library = match &happened {
            Event::Received { organisation, library, name, .. } => Some(Origin {
                organisation: *organisation,
                library: library.clone(),
                name: name.clone(),
                received_at: event.recorded_at,
            }),
            Event::Decided { .. } => standing,
        };
        let mut proposal = current.map(|row| row.proposal).unwrap_or_default();
        proposal.apply(happened);
        Ok(library.map(|library| Self { library, proposal }))
    }
}

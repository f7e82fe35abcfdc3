//! Read models: pure folds of a service's own events, kept as versioned rows, so that "as of" is a query and not a replay.

mod catch_up;
mod checkpoint;
mod fold;
mod folder;
mod listing;
mod query;
mod rebuild;
mod rows;
mod set;
mod tally;
mod view;

pub use listing::{Filter, Listing};
pub use query::{Page, Row, get, get_many, keys_where, list, shown, standing, versions};
pub use rebuild::{Difference, RebuildError, Rebuilt, Told};
pub use set::ViewSet;
pub use tally::{Tally, tally};
pub use view::{Column, Folded, Kind, View, stream_key};

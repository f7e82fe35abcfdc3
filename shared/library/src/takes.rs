use crate::item::Item;
use eventstore::{Session, Work};
use service::{Call, Problem};

/// Which items a service takes, and how.
pub trait Takes: 'static {
    /// Where the proposals are listed, below the tenant's path.
    const LIST: &'static str;
    const ONE: &'static str;
    const HISTORY: &'static str;
    const DECISIONS: &'static str;

    fn takes(item: &Item) -> bool;

    /// Up to where all rows are shown that [`Takes::standing`] reads.
    fn position(call: &Call, session: &mut Session) -> impl Future<Output = Result<i64, Problem>> + Send;

    /// What stands here of what the items say, in their words: of each of them what it says itself, and nothing where there is none.
    fn standing(
        session: &mut Session,
        position: i64,
        items: Vec<Item>,
    ) -> impl Future<Output = Result<Vec<Item>, Problem>> + Send;

    /// Carries an item out by the commands that a person would give.
    fn take(work: &mut Work, item: Item) -> impl Future<Output = Result<(), Problem>> + Send;
}

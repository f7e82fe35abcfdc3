//! Assets as bodies and files name them.

use super::Asset;
use crate::checks::Faults;
use eventstore::{Aggregate, Stream, Work};
use service::Problem;

/// What is said of a ref that no asset has.
pub fn unknown(id: &str) -> String {
    format!("{id} is not in the asset register: add it first")
}

/// Refuses refs that no asset has.
pub async fn refuse_unknown(work: &mut Work, field: &str, ids: &[String]) -> Result<(), Problem> {
    work.preload(streams(ids)).await?;
    let mut faults = Faults::default();
    for id in ids {
        if !exists(work, id).await? {
            faults.wrong(field, unknown(id));
        }
    }
    faults.settle(Some(()))
}

pub async fn exists(work: &mut Work, id: &str) -> Result<bool, Problem> {
    Ok(work.load::<Asset>(id).await?.0.profile().is_some())
}

pub fn streams(ids: &[String]) -> Vec<Stream> {
    ids.iter().map(|id| Stream::new(Asset::TYPE, id)).collect()
}

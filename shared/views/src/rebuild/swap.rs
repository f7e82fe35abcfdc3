use super::attempt::Attempt;
use super::fresh::Fresh;
use super::{BATCH, RebuildError, Rebuilt, shadow};
use crate::checkpoint;
use eventstore::{EventStore, StoreError, crash_point};

/// Puts a fresh view in the live one's place, in one transaction: whoever reads sees the one or the other.
pub async fn swap(store: &EventStore, attempt: Attempt, mut fresh: Fresh<'_>) -> Result<Rebuilt, RebuildError> {
    let mut session = store.session(fresh.tenant).await?;
    shadow::without_limits(session.connection()).await?;
    // From here on nobody else moves the view. Appends go on: what they bring after `last` is for the catch-up worker.
    checkpoint::lock(session.connection(), fresh.tenant, &[fresh.view()]).await?;
    let last = session.head().await?;
    while fresh.position < last {
        let events = session.events_after(fresh.position, BATCH.min(last - fresh.position)).await?;
        if events.is_empty() {
            let missing = format!("the event at position {} is missing", fresh.position + 1);
            return Err(StoreError::Contract(missing).into());
        }
        if let Some(fault) = fresh.take(session.connection(), &events).await? {
            return Err(fresh.error(fault));
        }
    }
    shadow::replace(session.connection(), &fresh).await?;
    checkpoint::advance(session.connection(), fresh.tenant, &[fresh.view()], last).await?;
    attempt.end(session.connection(), &fresh).await?;
    crash_point(store.service(), "swapping");
    let rebuilt = Rebuilt { view: fresh.view(), events: last, rows: fresh.rows };
    session.commit().await?;
    Ok(rebuilt)
}

use super::BATCH;
use eventstore::{EventStore, Recorded, StoreError, TenantId};
use tokio::sync::mpsc;

/// A tenant's log, read ahead by one batch while the one before is folded and written.
pub struct Log(mpsc::Receiver<Result<Vec<Recorded>, StoreError>>);

impl Log {
    /// What is after `position`, up to `last` or to the end. It ends by itself when nobody wants more of it.
    pub fn read(store: EventStore, tenant: TenantId, position: i64, last: i64) -> Self {
        let (batches, read) = mpsc::channel(1);
        tokio::spawn(async move {
            let mut position = position;
            while position < last {
                let batch = next(&store, tenant, position, BATCH.min(last - position)).await;
                match &batch {
                    Ok(events) => match events.last() {
                        Some(newest) => position = newest.position,
                        None => return,
                    },
                    Err(_) => position = last,
                }
                if batches.send(batch).await.is_err() {
                    return;
                }
            }
        });
        Self(read)
    }

    pub async fn next(&mut self) -> Result<Option<Vec<Recorded>>, StoreError> {
        self.0.recv().await.transpose()
    }
}

async fn next(store: &EventStore, tenant: TenantId, position: i64, limit: i64) -> Result<Vec<Recorded>, StoreError> {
    store.session(tenant).await?.events_after(position, limit).await
}

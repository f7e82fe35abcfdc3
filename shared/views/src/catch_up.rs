use crate::view::AnyView;
use crate::{ViewSet, checkpoint, set};
use eventstore::{EventStore, StoreError, TenantId};
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;

const BATCH: i64 = 500;

/// How often every tenant is looked at, whether or not an append said so: a killed process says nothing.
const SWEEP: Duration = Duration::from_secs(5);

impl ViewSet {
    /// Brings views that are behind up to the log, for as long as the caller lets it run.
    pub async fn keep_up(&self, store: &EventStore) {
        let mut lagging = store.lagging();
        loop {
            self.sweep(store).await;
            let deadline = tokio::time::sleep(SWEEP);
            tokio::pin!(deadline);
            loop {
                tokio::select! {
                    () = &mut deadline => break,
                    tenant = lagging.recv() => match tenant {
                        Ok(tenant) => self.report(self.catch_up(store, tenant).await, tenant),
                        // Too many at once to name: the sweep finds them all.
                        Err(RecvError::Lagged(_)) => break,
                        Err(RecvError::Closed) => return,
                    },
                }
            }
        }
    }

    async fn sweep(&self, store: &EventStore) {
        match store.behind(&self.names()).await {
            Ok(tenants) => {
                for tenant in tenants {
                    self.report(self.catch_up(store, tenant).await, tenant);
                }
            }
            Err(error) => tracing::warn!(%error, "cannot see which views are behind; trying again"),
        }
    }

    #[expect(clippy::unused_self, reason = "reads as what the set does with the outcome")]
    fn report(&self, outcome: Result<(), StoreError>, tenant: TenantId) {
        if let Err(error) = outcome {
            tracing::warn!(tenant.id = %tenant, %error, "a view did not catch up; trying again");
        }
    }

    /// Brings all views of one tenant up to the log, each in transactions of its own. A view with a fault stays behind.
    pub async fn catch_up(&self, store: &EventStore, tenant: TenantId) -> Result<(), StoreError> {
        for view in self.iter() {
            while step(store, tenant, view).await? {}
        }
        Ok(())
    }
}

/// Takes the next batch; false where there is none, or where the view cannot take it.
async fn step(store: &EventStore, tenant: TenantId, view: &dyn AnyView) -> Result<bool, StoreError> {
    let mut session = store.session(tenant).await?;
    let checkpoints = checkpoint::lock(session.connection(), tenant, &[view.name()]).await?;
    let position = checkpoints.first().map_or(0, |(_, position)| *position);
    let events = session.events_after(position, BATCH).await?;
    if events.is_empty() {
        return Ok(false);
    }
    match set::apply(session.connection(), tenant, view, &events).await {
        Ok(taken) => {
            session.commit().await?;
            Ok(taken)
        }
        Err(error) => {
            // The transaction is lost; the reason is kept in one of its own.
            drop(session);
            let mut session = store.session(tenant).await?;
            checkpoint::fault(session.connection(), tenant, view.name(), &error.to_string()).await?;
            session.commit().await?;
            Err(error.into())
        }
    }
}

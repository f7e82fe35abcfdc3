use crate::view::AnyView;
use crate::{ViewSet, checkpoint, set};
use eventstore::{EventStore, StoreError, TenantId};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;

const BATCH: i64 = 500;

/// How often every tenant is looked at, whether or not an append said so: a killed process says nothing.
const SWEEP: Duration = Duration::from_secs(5);

/// When a view is tried again that another process is at, such as a rebuild that swaps it in.
const AGAIN: Duration = Duration::from_millis(200);

/// What became of one step.
enum Step {
    Taken,
    /// There is nothing to take, or the view cannot take it.
    Ended,
    /// Another process is at this view.
    Elsewhere,
}

impl ViewSet {
    /// Brings views that are behind up to the log, for as long as the caller lets it run.
    pub async fn keep_up(&self, store: &EventStore) {
        let mut lagging = store.lagging();
        let mut again = BTreeSet::new();
        loop {
            self.sweep(store, &mut again).await;
            let deadline = tokio::time::sleep(SWEEP);
            tokio::pin!(deadline);
            loop {
                tokio::select! {
                    () = &mut deadline => break,
                    tenant = lagging.recv() => match tenant {
                        Ok(tenant) => self.follow_up(store, tenant, &mut again).await,
                        // Too many at once to name: the sweep finds them all.
                        Err(RecvError::Lagged(_)) => break,
                        Err(RecvError::Closed) => return,
                    },
                    () = tokio::time::sleep(AGAIN), if !again.is_empty() => {
                        for tenant in std::mem::take(&mut again) {
                            self.follow_up(store, tenant, &mut again).await;
                        }
                    }
                }
            }
        }
    }

    async fn sweep(&self, store: &EventStore, again: &mut BTreeSet<TenantId>) {
        match store.behind(&self.names()).await {
            Ok(tenants) => {
                for tenant in tenants {
                    self.follow_up(store, tenant, again).await;
                }
            }
            Err(error) => tracing::warn!(%error, "cannot see which views are behind; trying again"),
        }
    }

    async fn follow_up(&self, store: &EventStore, tenant: TenantId, again: &mut BTreeSet<TenantId>) {
        match self.catch_up(store, tenant).await {
            Ok(true) => {}
            Ok(false) => {
                again.insert(tenant);
            }
            Err(error) => tracing::warn!(tenant.id = %tenant, %error, "a view did not catch up; trying again"),
        }
    }

    /// Brings all views of one tenant up to the log, each in transactions of its own. A view with a fault stays behind.
    /// False where another process is at one of them: it is not waited for, so that it holds up no other tenant.
    pub async fn catch_up(&self, store: &EventStore, tenant: TenantId) -> Result<bool, StoreError> {
        let mut all = true;
        for view in self.iter() {
            loop {
                match step(store, tenant, view).await? {
                    Step::Taken => {}
                    Step::Ended => break,
                    Step::Elsewhere => {
                        all = false;
                        break;
                    }
                }
            }
        }
        Ok(all)
    }
}

async fn step(store: &EventStore, tenant: TenantId, view: &dyn AnyView) -> Result<Step, StoreError> {
    let mut session = store.session(tenant).await?;
    let Some(position) = checkpoint::lock_if_free(session.connection(), tenant, view.name()).await? else {
        return Ok(Step::Elsewhere);
    };
    let events = session.events_after(position, BATCH).await?;
    if events.is_empty() {
        return Ok(Step::Ended);
    }
    match set::apply(session.connection(), tenant, view, &events).await {
        Ok(taken) => {
            session.commit().await?;
            Ok(if taken { Step::Taken } else { Step::Ended })
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

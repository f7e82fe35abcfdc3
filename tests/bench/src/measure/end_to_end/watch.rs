use anyhow::Context;
use eventstore::{EventStore, Recorded, TenantId};
use std::collections::HashMap;
use std::time::{Duration, Instant};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How long a view that did not follow at once is left alone.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Sees a service's events as soon as its views show them.
pub struct Watch {
    seen: UnboundedReceiver<(Instant, Recorded)>,
    watching: JoinHandle<anyhow::Result<()>>,
}

impl Watch {
    /// From now on.
    pub async fn start(store: &EventStore, tenants: &[TenantId]) -> anyhow::Result<Self> {
        let mut positions = HashMap::new();
        for tenant in tenants {
            positions.insert(*tenant, store.session(*tenant).await?.head().await?);
        }
        let (tell, seen) = unbounded_channel();
        Ok(Self { seen, watching: tokio::spawn(watch(store.clone(), positions, tell)) })
    }

    pub async fn next(&mut self) -> anyhow::Result<(Instant, Recorded)> {
        match self.seen.recv().await {
            Some(seen) => Ok(seen),
            None => Err((&mut self.watching).await?.err().context("it watches no more")?),
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

async fn watch(
    store: EventStore,
    mut positions: HashMap<TenantId, i64>,
    tell: UnboundedSender<(Instant, Recorded)>,
) -> anyhow::Result<()> {
    let mut appended = store.appended();
    // Those whose view has not shown all of their log when it was looked at.
    let mut behind: Vec<TenantId> = Vec::new();
    loop {
        let patience = if behind.is_empty() { Duration::MAX } else { LOOK_AGAIN };
        match timeout(patience, appended.recv()).await {
            Ok(Ok(tenant)) => behind.push(tenant),
            // Too many at once to name.
            Ok(Err(RecvError::Lagged(_))) => behind.extend(positions.keys()),
            Ok(Err(RecvError::Closed)) => return Ok(()),
            // Time to look again.
            Err(_) => {}
        }
        while let Ok(tenant) = appended.try_recv() {
            behind.push(tenant);
        }
        behind.sort_unstable();
        behind.dedup();
        let mut left = Vec::new();
        for tenant in behind {
            let Some(position) = positions.get_mut(&tenant) else { continue };
            let mut session = store.session(tenant).await?;
            let shown: Option<i64> =
                sqlx::query_scalar("select min(position) from view_checkpoints where tenant_id = $1")
                    .bind(tenant)
                    .fetch_one(session.connection())
                    .await?;
            let shown = shown.unwrap_or_default();
            let now = Instant::now();
            for event in session.events_after(*position, 1000).await? {
                if event.position > shown {
                    left.push(tenant);
                    break;
                }
                *position = event.position;
                tell.send((now, event))?;
            }
        }
        behind = left;
    }
}

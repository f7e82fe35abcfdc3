use crate::TenantId;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::broadcast;

const COUNTERS: usize = 4096;
const UNHEARD: usize = 4096;

/// Tells this process what was appended through it.
#[derive(Clone)]
pub struct Announcer {
    service: &'static str,
    pub appended: broadcast::Sender<TenantId>,
    pub lagging: broadcast::Sender<TenantId>,
    /// How often streams changed, by the hash of tenant and stream type.
    changes: Arc<[AtomicU64]>,
}

impl Announcer {
    pub fn new(service: &'static str) -> Self {
        let changes = (0..COUNTERS).map(|_| AtomicU64::new(0)).collect();
        Self { service, appended: broadcast::channel(UNHEARD).0, lagging: broadcast::channel(UNHEARD).0, changes }
    }

    /// `kinds`: the types of the streams that the command touched.
    pub fn appended<'a>(
        &self,
        tenant: TenantId,
        kinds: impl Iterator<Item = &'a str>,
        events: usize,
        views_followed: bool,
    ) {
        for kind in kinds {
            self.counter(tenant, kind).fetch_add(1, Ordering::Release);
        }
        metrics::counter!("stele_appends_total", "service" => self.service).increment(1);
        let events = u64::try_from(events).unwrap_or_default();
        metrics::counter!("stele_appended_events_total", "service" => self.service).increment(events);
        // No receiver is no fault: the command-line tools run no workers.
        let _ = self.appended.send(tenant);
        if !views_followed {
            let _ = self.lagging.send(tenant);
        }
    }

    pub fn changes(&self, tenant: TenantId, kind: &str) -> u64 {
        self.counter(tenant, kind).load(Ordering::Acquire)
    }

    fn counter(&self, tenant: TenantId, kind: &str) -> &AtomicU64 {
        let mut hasher = DefaultHasher::new();
        (tenant, kind).hash(&mut hasher);
        &self.changes[usize::try_from(hasher.finish() % 4096).unwrap_or_default()]
    }
}

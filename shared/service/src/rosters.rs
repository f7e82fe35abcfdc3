use access::{Admission, KEY, Roster};
use eventstore::{Aggregate, EventStore, NOW, StoreError, TenantId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long another process's change of a role may go unnoticed. Changes through this process are noticed at once.
const TRUSTED: Duration = Duration::from_millis(250);
const MOST: usize = 10_000;

/// The roles of the tenants that were asked for last, so that a request need not read them.
#[derive(Default)]
pub struct Rosters(Mutex<HashMap<TenantId, Known>>);

struct Known {
    roster: Arc<Roster>,
    changes: u64,
    read: Instant,
}

impl Rosters {
    /// The tenant's roles as they were a moment ago; nothing where that is not known.
    pub fn known(&self, store: &EventStore, tenant: TenantId) -> Option<Arc<Roster>> {
        let changes = store.changes(tenant, Admission::TYPE);
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.get(&tenant)?;
        (known.changes == changes && known.read.elapsed() < TRUSTED).then(|| known.roster.clone())
    }

    /// The tenant's roles as they are.
    pub async fn read(&self, store: &EventStore, tenant: TenantId) -> Result<Arc<Roster>, StoreError> {
        // First: what changes while it is read has the next request read again.
        let (changes, read) = (store.changes(tenant, Admission::TYPE), Instant::now());
        let mut session = store.session(tenant).await?;
        let row = views::get::<Roster>(&mut session, KEY, NOW - 1).await?;
        let roster = Arc::new(row.map(|row| row.data).unwrap_or_default());
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(tenant, Known { roster: roster.clone(), changes, read });
        Ok(roster)
    }
}

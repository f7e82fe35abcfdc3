use eventstore::{EventStore, NOW, StoreError, TenantId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use views::View;

/// How long another process's change may go unnoticed. Changes through this process are noticed at once.
const TRUSTED: Duration = Duration::from_millis(250);
const MOST: usize = 10_000;

/// The rows of `V` that requests were checked against last, so that the next need not read them. What is not there is never
/// remembered: nobody is turned away for what was so a moment ago.
pub struct Remembered<V> {
    /// The type of the streams that `V` is a fold of.
    kind: &'static str,
    rows: Mutex<HashMap<(TenantId, String), Known<V>>>,
}

struct Known<V> {
    row: Arc<V>,
    changes: u64,
    read: Instant,
}

impl<V: View> Remembered<V> {
    pub fn of(kind: &'static str) -> Self {
        Self { kind, rows: Mutex::default() }
    }

    pub async fn get(&self, store: &EventStore, tenant: TenantId, key: &str) -> Result<Option<Arc<V>>, StoreError> {
        // First: what changes while it is read has the next request read again.
        let (changes, read) = (store.changes(tenant, self.kind), Instant::now());
        let place = (tenant, key.to_owned());
        if let Some(row) = self.known(&place, changes) {
            return Ok(Some(row));
        }
        let mut session = store.session(tenant).await?;
        let row = views::get::<V>(&mut session, key, NOW - 1).await?;
        let Some(row) = row.map(|row| Arc::new(row.data)) else { return Ok(None) };
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        if rows.len() >= MOST {
            rows.clear();
        }
        rows.insert(place, Known { row: row.clone(), changes, read });
        Ok(Some(row))
    }

    /// Whether the row was read at some time and fits, as it was then.
    pub fn once_was(&self, tenant: TenantId, key: &str, fits: impl FnOnce(&V) -> bool) -> bool {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        rows.get(&(tenant, key.to_owned())).is_some_and(|known| fits(&known.row))
    }

    fn known(&self, place: &(TenantId, String), changes: u64) -> Option<Arc<V>> {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let known = rows.get(place)?;
        (known.changes == changes && known.read.elapsed() < TRUSTED).then(|| known.row.clone())
    }
}

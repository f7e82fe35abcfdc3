use eventstore::{EventStore, NOW, StoreError, TenantId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use views::View;

/// How long another process's change may go unnoticed. Changes through this process are noticed at once.
const TRUSTED: Duration = Duration::from_millis(250);
const MOST: usize = 10_000;

/// The rows of `V` that requests were checked against last, so that the next need not read them.
pub struct Remembered<V> {
    /// The type of the streams that `V` is a fold of.
    kind: &'static str,
    rows: Mutex<HashMap<(TenantId, String), Known<V>>>,
}

struct Known<V> {
    /// Nothing where there was no row.
    row: Option<Arc<V>>,
    changes: u64,
    read: Instant,
}

impl<V: View> Remembered<V> {
    pub fn of(kind: &'static str) -> Self {
        Self { kind, rows: Mutex::default() }
    }

    /// For rows that let somebody in: what was not there a moment ago is looked for again, so that nobody is turned away for it.
    pub async fn get(&self, store: &EventStore, tenant: TenantId, key: &str) -> Result<Option<Arc<V>>, StoreError> {
        self.known_or_read(store, tenant, key, Option::is_some).await
    }

    /// For rows that keep somebody out, of which there are few: that there was none a moment ago is remembered too.
    pub async fn is_there(&self, store: &EventStore, tenant: TenantId, key: &str) -> Result<bool, StoreError> {
        Ok(self.known_or_read(store, tenant, key, |_| true).await?.is_some())
    }

    async fn known_or_read(
        &self,
        store: &EventStore,
        tenant: TenantId,
        key: &str,
        counts: fn(&Option<Arc<V>>) -> bool,
    ) -> Result<Option<Arc<V>>, StoreError> {
        // First: what changes while it is read has the next request read again.
        let (changes, read) = (store.changes(tenant, self.kind), Instant::now());
        let place = (tenant, key.to_owned());
        if let Some(known) = self.known(&place, changes).filter(|known| counts(&known.row)) {
            return Ok(known.row);
        }
        let mut session = store.session(tenant).await?;
        let row = views::get::<V>(&mut session, key, NOW - 1).await?;
        let row = row.map(|row| Arc::new(row.data));
        if counts(&row) {
            let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
            if rows.len() >= MOST {
                rows.clear();
            }
            rows.insert(place, Known { row: row.clone(), changes, read });
        }
        Ok(row)
    }

    /// Whether the row was read at some time and fits, as it was then.
    pub fn once_was(&self, tenant: TenantId, key: &str, fits: impl FnOnce(&V) -> bool) -> bool {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        rows.get(&(tenant, key.to_owned())).and_then(|known| known.row.as_deref()).is_some_and(fits)
    }

    fn known(&self, place: &(TenantId, String), changes: u64) -> Option<Known<V>> {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let known = rows.get(place)?;
        let is_new = known.changes == changes && known.read.elapsed() < TRUSTED;
        is_new.then(|| Known { row: known.row.clone(), ..*known })
    }
}

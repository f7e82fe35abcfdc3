use std::hash::{DefaultHasher, Hash, Hasher};
use tokio::sync::{Mutex, MutexGuard};

const LANES: usize = 1024;

/// Commands on the same stream queue here, before they hold a connection, instead of colliding in the database.
/// Only an optimisation: between processes the expected version decides.
pub struct Lanes(Vec<Mutex<()>>);

impl Lanes {
    pub fn new() -> Self {
        Self((0..LANES).map(|_| Mutex::new(())).collect())
    }

    pub async fn wait(&self, what: &impl Hash) -> MutexGuard<'_, ()> {
        let mut hasher = DefaultHasher::new();
        what.hash(&mut hasher);
        let lane = usize::try_from(hasher.finish() % 1024).unwrap_or_default();
        self.0[lane].lock().await
    }
}

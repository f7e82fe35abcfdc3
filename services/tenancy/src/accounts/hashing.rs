use crate::one_time::random;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use service::Problem;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Semaphore;
use unicode_normalization::UnicodeNormalization;

/// OWASP, Password Storage Cheat Sheet: argon2id with 19 MiB, two rounds, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const ROUNDS: u32 = 2;
const LANES: u32 = 1;

/// How many hashes are made at once: each holds its memory, and a core.
const AT_ONCE: usize = 2;
/// How many may wait for that. Whoever comes then is asked to come again.
const WAITING: usize = 64;

/// Fits no password that anybody knows: who is not known is checked against it, and that takes as long.
const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGlzIGhlcmUu$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

/// Hashes passwords, a few at a time, away from the threads that answer requests.
#[derive(Clone)]
pub struct Hasher(Arc<Inner>);

struct Inner {
    turns: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
}

impl Hasher {
    pub fn new() -> Self {
        Self(Arc::new(Inner { turns: Arc::new(Semaphore::new(AT_ONCE)), waiting: Arc::new(AtomicUsize::new(0)) }))
    }

    pub async fn hash(&self, password: &str) -> Result<String, Problem> {
        let password = normal(password);
        self.in_turn(move || hash(password.as_bytes()))
            .await?
            .inspect_err(|_| tracing::error!("no password can be hashed"))
    }

    /// Whether the password is the one that `known` was made of. Where nothing is known it is not, and that takes as long.
    pub async fn fits(&self, password: &str, known: Option<String>) -> Result<bool, Problem> {
        let password = normal(password);
        let is_known = known.is_some();
        let known = known.unwrap_or_else(|| NOBODYS.to_owned());
        let fits = self.in_turn(move || verify(password.as_bytes(), &known)).await?;
        Ok(fits && is_known)
    }

    async fn in_turn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
        let waits = Waits::begin(self.0.waiting.clone())?;
        let turn = self.0.turns.clone().acquire_owned().await.map_err(|_| Problem::internal())?;
        // Who hangs up ends the request, and not the work: the turn is the work's.
        let work = move || {
            let _held = (waits, turn);
            work()
        };
        tokio::task::spawn_blocking(work).await.map_err(|error| {
            tracing::error!(%error, "hashing a password failed");
            Problem::internal()
        })
    }
}

/// One more who waits, until it is dropped.
struct Waits(Arc<AtomicUsize>);

impl Waits {
    fn begin(waiting: Arc<AtomicUsize>) -> Result<Self, Problem> {
        let waits = Self(waiting);
        if waits.0.fetch_add(1, Ordering::Relaxed) < WAITING + AT_ONCE {
            Ok(waits)
        } else {
            Err(Problem::unavailable("many people sign in at this moment: try again"))
        }
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The same letters are the same password, by whichever keyboard they come (NIST SP 800-63B, 3.1.1.2).
fn normal(password: &str) -> String {
    password.nfkc().collect()
}

fn argon2() -> Result<Argon2<'static>, Problem> {
    let parameters = Params::new(MEMORY_KIB, ROUNDS, LANES, None).map_err(|_| Problem::internal())?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters))
}

fn hash(password: &[u8]) -> Result<String, Problem> {
    let salt = SaltString::encode_b64(&random::<16>()?).map_err(|_| Problem::internal())?;
    let hash = argon2()?.hash_password(password, &salt).map_err(|_| Problem::internal())?;
    Ok(hash.to_string())
}

/// By the parameters that stand in the hash, so that ours can be raised.
fn verify(password: &[u8], known: &str) -> bool {
    let Ok(argon2) = argon2() else { return false };
    PasswordHash::new(known).is_ok_and(|known| argon2.verify_password(password, &known).is_ok())
}

#[cfg(test)]
mod tests {
    use super::{AT_ONCE, Hasher, LANES, MEMORY_KIB, NOBODYS, ROUNDS, WAITING, Waits};
    use argon2::Params;
    use argon2::password_hash::PasswordHash;
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;

    #[tokio::test]
    async fn a_password_fits_its_own_hash_alone() {
        let hasher = Hasher::new();
        let hash = hasher.hash("Grüße aus dem Moor").await.expect("hashed");
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        let fits = async |password, known| hasher.fits(password, known).await.expect("checked");
        assert!(fits("Grüße aus dem Moor", Some(hash.clone())).await);
        // Written with combining marks it is the same.
        assert!(fits("Gru\u{308}ße aus dem Moor", Some(hash.clone())).await);
        assert!(!fits("Grüße aus dem moor", Some(hash.clone())).await);
        assert!(!fits("Grüße aus dem Moor", None).await);
        assert!(!fits("", Some("no hash".to_owned())).await);
        assert_ne!(hasher.hash("Grüße aus dem Moor").await.expect("hashed"), hash, "each has its salt");
    }

    #[test]
    fn nobodys_hash_takes_as_long_as_anybodys() {
        let nobodys = PasswordHash::new(NOBODYS).expect("a hash");
        let parameters = Params::try_from(&nobodys).expect("parameters");
        assert_eq!((parameters.m_cost(), parameters.t_cost(), parameters.p_cost()), (MEMORY_KIB, ROUNDS, LANES));
        assert_eq!((nobodys.algorithm.as_str(), nobodys.hash.map(|hash| hash.len())), ("argon2id", Some(32)));
    }

    /// A request that is dropped in the middle does not give back what its work still uses.
    #[tokio::test]
    async fn the_turn_is_the_works_and_not_the_requests() {
        let hasher = Hasher::new();
        let (end, work_waits) = std::sync::mpsc::channel::<()>();
        let (work_runs, running) = tokio::sync::oneshot::channel();
        let request = hasher.in_turn(move || {
            let _ = work_runs.send(());
            work_waits.recv()
        });
        tokio::select! {
            _ = request => panic!("it ended by itself"),
            runs = running => runs.expect("it began"),
        }
        assert_eq!(hasher.0.turns.available_permits(), AT_ONCE - 1, "who asked is gone, and it goes on");
        end.send(()).expect("it waits");
        let _all = hasher.0.turns.acquire_many(u32::try_from(AT_ONCE).expect("few")).await.expect("given back");
    }

    #[test]
    fn no_more_wait_than_may() {
        let waiting = Arc::new(AtomicUsize::new(0));
        let begin = || Waits::begin(waiting.clone());
        let waits: Vec<_> = (0..WAITING + AT_ONCE).map(|_| begin().expect("a place")).collect();
        assert_eq!(begin().err().map(|problem| problem.status()), Some(503));
        drop(waits);
        assert!(begin().is_ok());
    }
}

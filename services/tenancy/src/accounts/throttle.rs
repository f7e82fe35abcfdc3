use chrono::{DateTime, TimeDelta, Utc};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

/// How many are remembered: twice as many at most. Whoever is forgotten begins anew.
const MOST: usize = 50_000;

/// Nobody waits longer than this.
const LONGEST: TimeDelta = TimeDelta::hours(1);

/// Counts what went wrong, by person or by address, and lets each wait longer every time. It counts also for those who do not
/// exist, so that nobody can be told from them by it. It is in memory: each process counts for itself.
pub struct Throttle<K> {
    /// How many may go wrong before anybody waits.
    free: u32,
    /// One of them is forgotten whenever so long nothing went wrong and nobody waited.
    forgets: TimeDelta,
    seen: Mutex<Seen<K>>,
}

struct Seen<K> {
    recent: HashMap<K, Failed>,
    /// Who was not seen since the recent ones were begun.
    before: HashMap<K, Failed>,
}

#[derive(Clone, Copy)]
struct Failed {
    times: u32,
    last: DateTime<Utc>,
    until: DateTime<Utc>,
}

impl<K: Clone + Eq + Hash> Throttle<K> {
    pub fn new((free, forgets): (u32, TimeDelta)) -> Self {
        Self { free, forgets, seen: Mutex::new(Seen { recent: HashMap::new(), before: HashMap::new() }) }
    }

    /// One more attempt, which counts as one that goes wrong until it is forgiven, so that many at once are no way around it.
    /// Gives for how many seconds nothing is looked at after it; and where that is so now, for how many more.
    pub fn begin(&self, key: &K, now: DateTime<Utc>) -> Result<u32, u32> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let known = seen.recent.get(key).or_else(|| seen.before.get(key)).copied();
        if let Some(failed) = known.filter(|failed| now < failed.until) {
            return Err(seconds(failed.until - now));
        }
        let times = known.map_or(0, |failed| self.left_of(failed, now)).saturating_add(1);
        let wait = self.wait_after(times);
        seen.keep(key, Failed { times, last: now, until: now + wait });
        Ok(u32::try_from(wait.num_seconds()).unwrap_or(u32::MAX))
    }

    /// Nothing of it went wrong.
    pub fn forgive(&self, key: &K) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.recent.remove(key);
        seen.before.remove(key);
    }

    /// The last attempt was none that counts.
    pub fn take_back(&self, key: &K) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(failed) = seen.recent.get_mut(key) {
            failed.times = failed.times.saturating_sub(1);
            failed.until = failed.last;
        }
    }

    /// How many are not forgotten.
    fn left_of(&self, failed: Failed, now: DateTime<Utc>) -> u32 {
        let calm = (now - failed.last.max(failed.until)).num_seconds() / self.forgets.num_seconds();
        failed.times.saturating_sub(u32::try_from(calm).unwrap_or(0))
    }

    /// None, then 1 s, 2 s, 4 s, and so on.
    fn wait_after(&self, times: u32) -> TimeDelta {
        let Some(doublings) = times.checked_sub(self.free) else { return TimeDelta::zero() };
        TimeDelta::seconds(1 << doublings.min(20)).min(LONGEST)
    }
}

impl<K: Eq + Hash + Clone> Seen<K> {
    fn keep(&mut self, key: &K, failed: Failed) {
        if self.recent.len() >= MOST {
            self.before = std::mem::take(&mut self.recent);
        }
        self.recent.insert(key.clone(), failed);
    }
}

/// Rounded up: who comes again then is not too early.
fn seconds(delta: TimeDelta) -> u32 {
    u32::try_from(delta.num_milliseconds().saturating_add(999) / 1000).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, MOST, Throttle};
    use chrono::{DateTime, TimeDelta, Utc};

    fn at(seconds: i64) -> DateTime<Utc> {
        "2026-03-01T09:30:00Z".parse::<DateTime<Utc>>().expect("an instant") + TimeDelta::seconds(seconds)
    }

    #[test]
    fn each_that_goes_wrong_waits_longer_and_nobody_else_waits() {
        let throttle = Throttle::new((3, TimeDelta::minutes(5)));
        assert_eq!([0, 0, 0].map(|s| throttle.begin(&"mara", at(s))), [Ok(0), Ok(0), Ok(1)]);
        assert_eq!(throttle.begin(&"mara", at(0)), Err(1));
        assert_eq!(throttle.begin(&"olga", at(0)), Ok(0));
        assert_eq!([1, 3, 7].map(|s| throttle.begin(&"mara", at(s))), [Ok(2), Ok(4), Ok(8)]);
        assert_eq!(throttle.begin(&"mara", at(14)), Err(1));
        throttle.forgive(&"mara");
        assert_eq!(throttle.begin(&"mara", at(14)), Ok(0));
    }

    #[test]
    fn nobody_waits_for_ever() {
        let throttle = Throttle::new((1, TimeDelta::minutes(5)));
        let mut now = 0;
        for _ in 0..40 {
            let wait = throttle.begin(&1, at(now)).expect("it waited");
            assert!(TimeDelta::seconds(wait.into()) <= LONGEST);
            now += i64::from(wait);
        }
        assert_eq!(throttle.begin(&1, at(now + 40 * 300)), Ok(1), "long ago is forgotten");
    }

    #[test]
    fn who_is_wrong_now_and_then_never_waits() {
        let throttle = Throttle::new((3, TimeDelta::minutes(5)));
        assert!((0..100).all(|n| throttle.begin(&"an office", at(n * 300)) == Ok(0)));
        let hurried = [0, 1, 2].map(|n| throttle.begin(&"an office", at(100 * 300 + n)));
        assert_eq!(hurried, [Ok(0), Ok(0), Ok(1)]);
        // One is forgotten in five minutes, not all.
        assert_eq!(throttle.begin(&"an office", at(100 * 300 + 310)), Ok(1));
    }

    #[test]
    fn what_does_not_count_is_taken_back() {
        let throttle = Throttle::new((2, TimeDelta::minutes(5)));
        for _ in 0..10 {
            assert!(throttle.begin(&1, at(0)).is_ok());
            throttle.take_back(&1);
        }
        assert_eq!(throttle.begin(&1, at(0)), Ok(0));
        assert_eq!(throttle.begin(&1, at(0)), Ok(1));
    }

    #[test]
    fn as_many_as_may_be_are_remembered() {
        let throttle = Throttle::new((1, TimeDelta::minutes(5)));
        for key in 0..3 * MOST {
            assert!(throttle.begin(&key, at(0)).is_ok());
        }
        let seen = throttle.seen.lock().expect("seen");
        assert!(seen.recent.len() + seen.before.len() <= 2 * MOST);
        drop(seen);
        assert_eq!(throttle.begin(&(3 * MOST - 1), at(0)), Err(1), "the last ones among them");
    }
}

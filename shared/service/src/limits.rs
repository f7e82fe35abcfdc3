use crate::Problem;
use access::Caller;
use axum::http::StatusCode;
use eventstore::TenantId;
use governor::clock::{Clock, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use metrics::counter;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::time::Duration;
use uuid::Uuid;

/// How many seconds' worth of requests may come at once.
const BURST: u32 = 10;

/// How often those are forgotten who asked for nothing lately.
const ROUND: Duration = Duration::from_secs(60);

/// Requests a second that one service answers, on average; 0 where it counts none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Of one person or API key, over all tenants.
    pub caller: u32,
    /// About one tenant, of all its people and keys together.
    pub tenant: u32,
}

/// Nobody who clicks or imports meets them; who asks in a loop does.
impl Default for Rates {
    fn default() -> Self {
        Self { caller: 100, tenant: 400 }
    }
}

impl Rates {
    /// Where something else bounds the load, or a measurement wants none.
    pub const NONE: Self = Self { caller: 0, tenant: 0 };
}

/// Keeps one service's requests within the rates, in memory: each process counts for itself.
pub struct Limits {
    service: &'static str,
    callers: Option<Rate<(Uuid, String)>>,
    tenants: Option<Rate<TenantId>>,
}

type Rate<K> = RateLimiter<K, HashMapStateStore<K>, DefaultClock>;

impl Limits {
    pub fn new(service: &'static str, rates: Rates) -> Self {
        Self { service, callers: rate(rates.caller), tenants: rate(rates.tenant) }
    }

    /// Counts a request of the caller, before anything is read for it.
    pub fn by(&self, caller: &Caller) -> Result<(), Problem> {
        let key = || (caller.organisation, caller.person.clone());
        self.count("caller", self.callers.as_ref(), key, "you send more requests than are answered here")
    }

    /// Counts a request about the tenant, by somebody who was let in: strangers use nothing up.
    pub fn about(&self, tenant: TenantId) -> Result<(), Problem> {
        let told = "this tenant's people and keys together send more requests than are answered here";
        self.count("tenant", self.tenants.as_ref(), || tenant, told)
    }

    fn count<K>(&self, of: &'static str, rate: Option<&Rate<K>>, key: impl Fn() -> K, told: &str) -> Result<(), Problem>
    where
        K: Clone + Eq + Hash,
    {
        let Some(Err(early)) = rate.map(|rate| rate.check_key(&key())) else { return Ok(()) };
        counter!("stele_limited_requests_total", "service" => self.service, "of" => of).increment(1);
        let wait_s = early.wait_time_from(DefaultClock::default().now()).as_secs().saturating_add(1);
        let detail = format!("{told}: try again in {wait_s} s, and send fewer at once");
        Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", detail).after(wait_s))
    }

    /// Forgets who asked for nothing lately, until it is dropped.
    pub async fn stay_small(&self) {
        loop {
            tokio::time::sleep(ROUND).await;
            self.callers.iter().for_each(RateLimiter::retain_recent);
            self.tenants.iter().for_each(RateLimiter::retain_recent);
        }
    }
}

fn rate<K: Clone + Eq + Hash>(a_second: u32) -> Option<Rate<K>> {
    let (a_second, burst) = (NonZeroU32::new(a_second)?, NonZeroU32::new(a_second.saturating_mul(BURST))?);
    Some(RateLimiter::hashmap(Quota::per_second(a_second).allow_burst(burst)))
}

#[cfg(test)]
mod tests {
    use super::{Limits, Rates};
    use access::Caller;
    use eventstore::TenantId;
    use uuid::Uuid;

    fn caller(person: &str) -> Caller {
        Caller { person: person.to_owned(), organisation: Uuid::nil(), administrator: false }
    }

    #[test]
    fn who_asks_too_often_waits_and_nobody_else() {
        let limits = Limits::new("risk", Rates { caller: 1, tenant: 0 });
        let (mara, olga) = (caller("mara"), caller("olga"));
        let namesake = Caller { organisation: Uuid::max(), ..caller("mara") };
        for _ in 0..10 {
            assert!(limits.by(&mara).is_ok());
        }
        let refused = limits.by(&mara).expect_err("the eleventh at once");
        assert_eq!(refused.status(), 429);
        assert!(refused.to_string().contains("try again in 1 s"), "{refused}");
        assert!(limits.by(&olga).is_ok() && limits.by(&namesake).is_ok());
    }

    #[test]
    fn a_tenants_requests_count_together() {
        let limits = Limits::new("risk", Rates { caller: 0, tenant: 1 });
        let (one, other) = (TenantId::random(), TenantId::random());
        assert!((0..10).all(|_| limits.about(one).is_ok()));
        assert!(limits.about(one).is_err() && limits.about(other).is_ok());
    }

    #[test]
    fn where_nothing_is_counted_nobody_waits() {
        let limits = Limits::new("risk", Rates::NONE);
        assert!((0..10_000).all(|_| limits.by(&caller("mara")).is_ok() && limits.about(TenantId::random()).is_ok()));
    }
}

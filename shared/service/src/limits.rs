use crate::Problem;
use access::Caller;
use axum::http::StatusCode;
use eventstore::TenantId;
use governor::clock::{Clock, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use metrics::counter;
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;
use std::time::Duration;
use uuid::Uuid;

/// How many seconds' worth of requests may come at once.
const BURST: u32 = 10;

/// How often those are forgotten who asked for nothing lately.
const ROUND: Duration = Duration::from_secs(60);

/// More addresses are not told apart: all that come new then count as one.
const MOST_ADDRESSES: usize = 10_000;

/// Requests a second that one service answers, on average; 0 where it counts none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Of one person or API key, over all tenants.
    pub caller: u32,
    /// About one tenant, of all its people and keys together.
    pub tenant: u32,
    /// Of one address, those by which nobody is identified: wrong tokens and keys, and what is open to anybody.
    pub stranger: u32,
}

/// Nobody who clicks or imports meets them; who asks in a loop does.
impl Default for Rates {
    fn default() -> Self {
        Self { caller: 100, tenant: 400, stranger: 10 }
    }
}

impl Rates {
    /// Where something else bounds the load, or a measurement wants none.
    pub const NONE: Self = Self { caller: 0, tenant: 0, stranger: 0 };
}

/// Keeps one service's requests within the rates, in memory: each process counts for itself.
pub struct Limits {
    service: &'static str,
    callers: Option<Rate<(Uuid, String)>>,
    tenants: Option<Rate<TenantId>>,
    strangers: Option<Rate<IpAddr>>,
}

type Rate<K> = RateLimiter<K, HashMapStateStore<K>, DefaultClock>;

impl Limits {
    pub fn new(service: &'static str, rates: Rates) -> Self {
        let (callers, tenants) = (rate(rates.caller), rate(rates.tenant));
        Self { service, callers, tenants, strangers: rate(rates.stranger) }
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

    /// Counts a request by which nobody was identified, or a key before it is looked up that was never right before. Who comes with
    /// a good token, or a key that is known, from the same address is not counted and never waits for it.
    pub fn from(&self, address: IpAddr) -> Result<(), Problem> {
        let crowded = self.strangers.as_ref().is_some_and(|rate| rate.len() >= MOST_ADDRESSES);
        let key = || if crowded { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { address };
        let told = "too many requests came from this address without a token or key that is known here";
        self.count("stranger", self.strangers.as_ref(), key, told)
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
            self.strangers.iter().for_each(RateLimiter::retain_recent);
        }
    }
}

fn rate<K: Clone + Eq + Hash>(a_second: u32) -> Option<Rate<K>> {
    let (a_second, burst) = (NonZeroU32::new(a_second)?, NonZeroU32::new(a_second.saturating_mul(BURST))?);
    Some(RateLimiter::hashmap(Quota::per_second(a_second).allow_burst(burst)))
}

#[cfg(test)]
mod tests {
    use super::{Limits, MOST_ADDRESSES, Rates};
    use access::Caller;
    use eventstore::TenantId;
    use std::net::{IpAddr, Ipv4Addr};
    use uuid::Uuid;

    fn caller(person: &str) -> Caller {
        Caller { person: person.to_owned(), organisation: Uuid::nil(), administrator: false }
    }

    #[test]
    fn who_asks_too_often_waits_and_nobody_else() {
        let limits = Limits::new("risk", Rates { caller: 1, ..Rates::NONE });
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
        let limits = Limits::new("risk", Rates { tenant: 1, ..Rates::NONE });
        let (one, other) = (TenantId::random(), TenantId::random());
        assert!((0..10).all(|_| limits.about(one).is_ok()));
        assert!(limits.about(one).is_err() && limits.about(other).is_ok());
    }

    #[test]
    fn an_address_of_strangers_waits_and_no_other() {
        let limits = Limits::new("risk", Rates { stranger: 1, ..Rates::NONE });
        let at = |text: &str| text.parse::<IpAddr>().expect("an address");
        assert!((0..10).all(|_| limits.from(at("192.0.2.7")).is_ok()));
        assert_eq!(limits.from(at("192.0.2.7")).expect_err("the eleventh").status(), 429);
        assert!(limits.from(at("192.0.2.8")).is_ok());
    }

    #[test]
    fn addresses_without_end_take_no_memory_without_end() {
        let limits = Limits::new("risk", Rates { stranger: 1, ..Rates::NONE });
        let addresses = (1..20_000u32).map(|number| IpAddr::V4(Ipv4Addr::from_bits(number)));
        let refused = addresses.filter(|address| limits.from(*address).is_err()).count();
        let kept = limits.strangers.as_ref().map(governor::RateLimiter::len);
        assert!(kept.is_some_and(|kept| kept <= MOST_ADDRESSES + 1), "{kept:?}");
        assert!(refused > 9_000, "{refused}");
    }

    #[test]
    fn where_nothing_is_counted_nobody_waits() {
        let limits = Limits::new("risk", Rates::NONE);
        assert!((0..10_000).all(|_| limits.by(&caller("mara")).is_ok() && limits.about(TenantId::random()).is_ok()));
    }
}

use super::Accounts;
use axum::http::StatusCode;
use eventstore::TenantId;
use service::{Call, Problem};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Refusals are given at multiples of this after the request came, so that how long they took tells nothing.
const BEAT: Duration = Duration::from_millis(250);

/// One try to show who one is. It counts as one that went wrong until it is told otherwise.
pub struct Attempt<'a> {
    accounts: &'a Accounts,
    who: Option<(TenantId, String)>,
    address: IpAddr,
    /// For how many seconds nothing of this person is looked at, if it goes wrong.
    pub wait_s: u32,
}

impl Attempt<'_> {
    /// Nothing went wrong: the person begins anew.
    pub fn succeeded(self) {
        self.accounts.addresses.take_back(&self.address);
        self.who.iter().for_each(|who| self.accounts.people.forgive(who));
    }

    /// It was neither right nor wrong.
    pub fn undecided(self) {
        self.accounts.addresses.take_back(&self.address);
        self.who.iter().for_each(|who| self.accounts.people.take_back(who));
    }
}

impl Accounts {
    /// Of a person, whether or not there is one.
    pub fn attempt_of<'a>(&'a self, call: &Call, person: &str) -> Result<Attempt<'a>, Problem> {
        let mut attempt = self.attempt(call)?;
        let who = (call.cx.tenant, person.to_owned());
        match self.people.begin(&who, call.cx.now) {
            Ok(wait_s) => {
                attempt.who = Some(who);
                attempt.wait_s = wait_s;
                Ok(attempt)
            }
            Err(wait_s) => {
                attempt.undecided();
                Err(too_many(wait_s))
            }
        }
    }

    /// Of whoever sends it.
    pub fn attempt<'a>(&'a self, call: &Call) -> Result<Attempt<'a>, Problem> {
        let address = client(call, self.proxies);
        self.addresses.begin(&address, call.cx.now).map_err(too_many)?;
        Ok(Attempt { accounts: self, who: None, address, wait_s: 0 })
    }
}

fn too_many(wait_s: u32) -> Problem {
    let detail = format!("too many attempts went wrong: try again in {wait_s} s");
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", detail).after(wait_s.into())
}

/// Waits for the next beat after `began`.
pub async fn in_time(began: Instant) {
    let beats = began.elapsed().as_millis() / BEAT.as_millis() + 1;
    sleep_until(began + BEAT * u32::try_from(beats).unwrap_or(1)).await;
}

/// Where the request comes from: the other end of the connection, or what the outermost of our own proxies says. What stands before
/// that in the header, anybody may have written.
fn client(call: &Call, proxies: usize) -> IpAddr {
    let forwarded = call.headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let addresses: Vec<&str> = forwarded.flat_map(|value| value.split(',')).map(str::trim).collect();
    let told = proxies.checked_sub(1).and_then(|before| addresses.iter().rev().nth(before)?.parse().ok());
    network(told.or(call.peer).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)))
}

/// Of IPv6 the first half: whoever has one address has all of that network.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
        short @ IpAddr::V4(_) => short,
    }
}

#[cfg(test)]
mod tests {
    use super::{BEAT, in_time, network};
    use tokio::time::Instant;

    #[test]
    fn an_address_is_its_network() {
        for (address, expected) in
            [("192.0.2.7", "192.0.2.7"), ("::ffff:192.0.2.7", "192.0.2.7"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::")]
        {
            assert_eq!(network(address.parse().expect("an address")).to_string(), expected);
        }
    }

    #[tokio::test]
    async fn a_refusal_waits_for_the_beat() {
        let began = Instant::now();
        in_time(began).await;
        assert!(began.elapsed() >= BEAT && began.elapsed() < BEAT * 2, "{:?}", began.elapsed());
        in_time(began).await;
        assert!(began.elapsed() >= BEAT * 2, "{:?}", began.elapsed());
    }
}

use super::Accounts;
use axum::http::StatusCode;
use eventstore::TenantId;
use service::{Call, Problem};
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Refusals are given at multiples of this after the request came, so that how long they took tells nothing.
const BEAT: Duration = Duration::from_millis(250);

/// One try to show who one is. It counts as one that went wrong until it is told otherwise.
pub struct Attempt<'a> {
    accounts: &'a Accounts,
    who: (TenantId, String),
    address: IpAddr,
    /// For how many seconds nothing of this person is looked at, if it goes wrong.
    pub wait_s: u32,
}

impl Attempt<'_> {
    /// Nothing went wrong: the person begins anew.
    pub fn succeeded(self) {
        self.accounts.addresses.take_back(&self.address);
        self.accounts.people.forgive(&self.who);
    }

    /// It was neither right nor wrong.
    pub fn undecided(self) {
        self.accounts.addresses.take_back(&self.address);
        self.accounts.people.take_back(&self.who);
    }
}

impl Accounts {
    /// Of a person, whether or not there is one.
    pub fn attempt_of<'a>(&'a self, call: &Call, person: &str) -> Result<Attempt<'a>, Problem> {
        let (who, address) = ((call.cx.tenant, person.to_owned()), call.address);
        self.addresses.begin(&address, call.cx.now).map_err(too_many)?;
        match self.people.begin(&who, call.cx.now) {
            Ok(wait_s) => Ok(Attempt { accounts: self, who, address, wait_s }),
            Err(wait_s) => {
                self.addresses.take_back(&address);
                Err(too_many(wait_s))
            }
        }
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

#[cfg(test)]
mod tests {
    use super::{BEAT, in_time};
    use tokio::time::Instant;

    #[tokio::test]
    async fn a_refusal_waits_for_the_beat() {
        let began = Instant::now();
        in_time(began).await;
        assert!(began.elapsed() >= BEAT && began.elapsed() < BEAT * 2, "{:?}", began.elapsed());
        in_time(began).await;
        assert!(began.elapsed() >= BEAT * 2, "{:?}", began.elapsed());
    }
}

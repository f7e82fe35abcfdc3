//! That a version of a library came to a tenant: in the tenant's own log, whole, so that it can be read without the library.

use crate::item::Item;
use eventstore::{Cx, TenantId, aggregate};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One stream a version, which comes once.
#[derive(Default, Serialize, Deserialize)]
pub struct Push {
    made: bool,
}

#[derive(Clone, Debug)]
pub enum Command {
    Make(Made),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    Made(Made),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Made {
    /// The one that keeps the library.
    pub organisation: Uuid,
    pub library: String,
    pub name: String,
    pub version: u32,
    pub digest: String,
    pub items: Vec<Item>,
    /// The tenant was created from it: nothing is left to decide.
    pub accepted: bool,
}

#[derive(Debug, PartialEq, thiserror::Error, strum::IntoStaticStr)]
pub enum Broken {}

/// The stream's id: another one in each tenant, so that no two events that follow from one push are called the same.
pub fn id(tenant: TenantId, made: &Made) -> String {
    let Made { organisation, library, version, .. } = made;
    tenant.derive("push", &format!("{organisation}/{library}/{version}")).to_string()
}

impl Push {
    #[expect(clippy::unnecessary_wraps, reason = "the shape of every decision")]
    fn decide(&self, Command::Make(made): Command, _: &Cx) -> Result<Vec<Event>, Broken> {
        Ok(if self.made { vec![] } else { vec![Event::Made(made)] })
    }

    #[expect(clippy::needless_pass_by_value, reason = "the shape of every aggregate")]
    fn apply(&mut self, event: Event) {
        let Event::Made(_) = event;
        self.made = true;
    }
}

aggregate!(Push, "push", Command, Event, Broken);

#[cfg(test)]
mod tests {
    use super::{Command, Made, Push, id};
    use eventstore::{Actor, Cx, TenantId};
    use uuid::Uuid;

    fn made() -> Made {
        let [library, name, digest] = ["small", "Small", "00"].map(ToOwned::to_owned);
        Made { organisation: Uuid::nil(), library, name, version: 1, digest, items: vec![], accepted: false }
    }

    #[test]
    fn a_version_comes_to_a_tenant_once() {
        let cx = Cx::new(TenantId::random(), Actor::Service("tenancy".to_owned()), chrono::DateTime::UNIX_EPOCH);
        let mut push = Push::default();
        let mut events = push.decide(Command::Make(made()), &cx).expect("decided");
        assert_eq!(events.len(), 1);
        push.apply(events.remove(0));
        assert_eq!(push.decide(Command::Make(made()), &cx), Ok(vec![]));
    }

    #[test]
    fn each_version_is_another_stream_in_each_tenant() {
        let (one, two) = (TenantId::random(), TenantId::random());
        let second = Made { version: 2, ..made() };
        assert_eq!(id(one, &made()), id(one, &made()));
        assert!(id(one, &made()) != id(two, &made()) && id(one, &made()) != id(one, &second));
    }
}

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

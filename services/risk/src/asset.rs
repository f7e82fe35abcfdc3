//! An asset: what is worth protecting, or what such a thing runs on.

mod body;
mod circle;
mod import;
mod inventory;
mod named;
mod valued;

pub use body::{AddAsset, ChangeAsset};
pub use circle::{Circles, circular};
pub use import::Import;
pub use inventory::RegisteredAsset;
pub use library::{AssetKind as Kind, SecurityObjectives};
pub use named::{exists, refuse_unknown, streams, unknown};
pub use valued::{ValuedAsset, valued_asset, valued_assets};

use eventstore::{Cx, aggregate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Before the number of one that nobody named.
pub const LETTERS: &str = "A";

/// The most that an objective can matter.
pub const HIGHEST_OBJECTIVE: u8 = SecurityObjectives::HIGHEST;

/// What is said about an asset, whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = AssetProfile)]
pub struct Profile {
    pub name: String,
    pub description: String,
    pub kind: Kind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// A person's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    pub security_objectives: SecurityObjectives,
    /// Refs of the assets that rely on this one.
    pub supports: Vec<String>,
    /// Refs of the sites, units, systems and interfaces of the scope that it belongs to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scope: Vec<String>,
}

#[derive(Default, Serialize, Deserialize)]
pub struct Asset {
    profile: Option<Profile>,
}

#[derive(Clone, Debug)]
pub enum Command {
    Add(Profile),
    Change(Profile),
    Import(Import),
    /// It should never have been there.
    Remove,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    Added(Profile),
    Changed(Profile),
    /// It is no asset of the register any more. Its ref is free.
    Removed {},
}

#[derive(Debug, PartialEq, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Broken {
    #[error("ref: an asset of this ref is in the register, with other content: take another ref, or PUT the change")]
    RefTaken,
}

impl Asset {
    /// What is said of it, while it is in the register.
    pub fn profile(&self) -> Option<&Profile> {
        self.profile.as_ref()
    }

    fn decide(&self, command: Command, _: &Cx) -> Result<Vec<Event>, Broken> {
        match (command, &self.profile) {
            (Command::Add(profile), None) => Ok(vec![Event::Added(profile)]),
            (Command::Add(profile), Some(standing)) if *standing != profile => Err(Broken::RefTaken),
            (Command::Add(_), Some(_)) | (Command::Remove, None) => Ok(vec![]),
            (Command::Change(profile), standing) => Ok(changed(standing.as_ref(), profile)),
            (Command::Remove, Some(_)) => Ok(vec![Event::Removed {}]),
            (Command::Import(row), standing) => Ok(changed(standing.as_ref(), row.over(standing.as_ref()))),
        }
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Added(profile) | Event::Changed(profile) => self.profile = Some(profile),
            Event::Removed {} => self.profile = None,
        }
    }
}

fn changed(standing: Option<&Profile>, profile: Profile) -> Vec<Event> {
    match standing {
        None => vec![Event::Added(profile)],
        Some(standing) if *standing == profile => vec![],
        Some(_) => vec![Event::Changed(profile)],
    }
}

aggregate!(Asset, "asset", Command, Event, Broken);

#[cfg(test)]
pub mod tests {
    use super::{Asset, Broken, Command, Event, Kind, Profile, SecurityObjectives};
    use crate::fixture::cx;

    pub fn profile(name: &str) -> Profile {
        Profile {
            name: name.to_owned(),
            description: String::new(),
            kind: Kind::Primary,
            domain: None,
            owner: None,
            security_objectives: SecurityObjectives { integrity: Some(3), ..SecurityObjectives::default() },
            supports: vec![],
            scope: vec![],
        }
    }

    fn given(events: impl IntoIterator<Item = Event>) -> Asset {
        let mut asset = Asset::default();
        events.into_iter().for_each(|event| asset.apply(event));
        asset
    }

    #[test]
    fn an_asset_is_added_once() {
        let added = Event::Added(profile("Ledger"));
        assert_eq!(given([]).decide(Command::Add(profile("Ledger")), &cx()), Ok(vec![added.clone()]));
        assert_eq!(given([added.clone()]).decide(Command::Add(profile("Ledger")), &cx()), Ok(vec![]));
        assert_eq!(given([added]).decide(Command::Add(profile("Other")), &cx()), Err(Broken::RefTaken));
    }

    #[test]
    fn a_change_says_the_whole_and_only_where_something_changes() {
        let asset = given([Event::Added(profile("Ledger"))]);
        let changed = Ok(vec![Event::Changed(profile("Books"))]);
        assert_eq!(asset.decide(Command::Change(profile("Books")), &cx()), changed);
        assert_eq!(asset.decide(Command::Change(profile("Ledger")), &cx()), Ok(vec![]));
    }
}

use crate::admission::Event;
use crate::{Action, Caller, Role};
use eventstore::Recorded;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use strum::IntoEnumIterator;
use uuid::Uuid;
use views::{Folded, View};

/// The one row of the access view.
pub const KEY: &str = "tenant";

/// A tenant's owner and people, as requests are checked against them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Roster {
    pub organisation: Option<Uuid>,
    pub roles: BTreeMap<String, BTreeSet<Role>>,
}

impl Roster {
    /// Whether the caller belongs here at all. To whom this is false, the tenant does not exist.
    pub fn knows(&self, caller: &Caller) -> bool {
        self.owned_by(caller) && (caller.administrator || self.roles.contains_key(&caller.person))
    }

    pub fn allows(&self, caller: &Caller, action: Action) -> bool {
        let roles = self.roles.get(&caller.person).into_iter().flatten();
        self.owned_by(caller) && (caller.administrator || roles.into_iter().any(|role| role.may(action)))
    }

    /// All that the caller may do here.
    pub fn actions(&self, caller: &Caller) -> impl Iterator<Item = Action> {
        Action::iter().filter(|action| self.allows(caller, *action))
    }

    /// A person's handle is their organisation's: the same one elsewhere is somebody else.
    fn owned_by(&self, caller: &Caller) -> bool {
        self.organisation == Some(caller.organisation)
    }
}

impl View for Roster {
    const NAME: &'static str = "access";

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        Ok(event.decode::<Event>()?.map(|_| KEY.to_owned()).into_iter().collect())
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        let Some(event) = event.decode::<Event>()? else { return Ok(current) };
        let mut roster = current.unwrap_or_default();
        match event {
            Event::Opened { organisation } => roster.organisation = Some(organisation),
            Event::HandedOver { organisation } => roster = Self { organisation: Some(organisation), ..Self::default() },
            Event::Granted { .. } | Event::Revoked { .. } => event.assign_in(&mut roster.roles),
        }
        Ok(Some(roster))
    }
}

#[cfg(test)]
mod tests {
    use super::Roster;
    use crate::{Action, Caller, Role};
    use uuid::Uuid;

    fn caller(person: &str, organisation: Uuid, administrator: bool) -> Caller {
        Caller { person: person.to_owned(), organisation, administrator }
    }

    #[test]
    fn an_administrator_of_another_organisation_is_a_stranger() {
        let ours = Uuid::new_v4();
        let roster = Roster { organisation: Some(ours), roles: [("mara".to_owned(), [Role::Viewer].into())].into() };
        assert!(roster.allows(&caller("admin", ours, true), Action::ManageTenant));
        assert!(!roster.knows(&caller("admin", Uuid::new_v4(), true)));
        assert!(!roster.knows(&caller("admin", ours, false)));
        assert!(roster.allows(&caller("mara", ours, false), Action::Read));
        assert!(!roster.allows(&caller("mara", ours, false), Action::WriteRisks));
        assert!(!Roster::default().knows(&caller("admin", Uuid::nil(), true)));
        let namesake = caller("mara", Uuid::new_v4(), false);
        assert!(!roster.knows(&namesake) && !roster.allows(&namesake, Action::Read));
    }
}

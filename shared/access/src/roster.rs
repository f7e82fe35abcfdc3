use crate::admission::Event;
use crate::{Action, Caller, RoleName, Standing, Term};
use chrono::{DateTime, Utc};
use eventstore::Recorded;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;
use views::{Folded, View};

/// The one row of the access view.
pub const KEY: &str = "tenant";

/// A tenant's owner and people, as requests are checked against them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Roster {
    pub organisation: Option<Uuid>,
    /// What the tenant is called; missing until this service heard it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// All that was given, whether or not it is in force now; a person without a role is not there.
    pub roles: BTreeMap<String, BTreeSet<RoleName>>,
    /// Of the roles that are not held for good.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub terms: BTreeMap<String, BTreeMap<RoleName, Term>>,
    /// What the tenant's own roles allow.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub own_roles: BTreeMap<String, BTreeSet<Action>>,
    #[serde(default, skip_serializing_if = "Standing::is_active")]
    pub standing: Standing,
    /// When this service heard that it is another organisation's than before. Keys and grants of the time before count for nobody,
    /// not even where it comes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handed_over_at: Option<DateTime<Utc>>,
}

impl Roster {
    /// Whether the caller belongs here at all. To whom this is false, the tenant does not exist.
    pub fn knows(&self, caller: &Caller, now: DateTime<Utc>) -> bool {
        self.owned_by(caller) && (caller.administrator || self.in_force(&caller.person, now).next().is_some())
    }

    pub fn allows(&self, caller: &Caller, action: Action, now: DateTime<Utc>) -> bool {
        self.owned_by(caller) && (caller.administrator || self.person_may(&caller.person, action, now))
    }

    /// Whether a role of the person's that is in force allows it.
    pub(crate) fn person_may(&self, person: &str, action: Action, now: DateTime<Utc>) -> bool {
        self.in_force(person, now).any(|role| self.role_may(&role, action))
    }

    /// All that the caller may do here.
    pub fn actions(&self, caller: &Caller, now: DateTime<Utc>) -> impl Iterator<Item = Action> {
        Action::all().filter(move |action| self.allows(caller, *action, now))
    }

    /// The person's roles that have begun and are not over. In a tenant that is closed nobody has one any more.
    pub fn in_force(&self, person: &str, now: DateTime<Utc>) -> impl Iterator<Item = RoleName> {
        let open = self.standing != Standing::Closed;
        self.held(person).filter(move |(_, term)| open && term.covers(now)).map(|(role, _)| role)
    }

    /// Every role of the person, and for how long.
    pub fn held(&self, person: &str) -> impl Iterator<Item = (RoleName, Term)> {
        let terms = self.terms.get(person);
        let term = move |role| terms.and_then(|terms| terms.get(role)).copied().unwrap_or(Term::ALWAYS);
        self.roles.get(person).into_iter().flatten().map(move |role| (role.clone(), term(role)))
    }

    /// Whether there is such a role here.
    pub fn has(&self, role: &RoleName) -> bool {
        match role {
            RoleName::Common(_) => true,
            RoleName::Own(name) => self.own_roles.contains_key(name),
        }
    }

    /// A person's handle is their organisation's: the same one elsewhere is somebody else.
    fn owned_by(&self, caller: &Caller) -> bool {
        self.organisation == Some(caller.organisation)
    }

    pub(crate) fn take(&mut self, event: Event) {
        match event {
            Event::Opened { organisation, name } => (self.organisation, self.name) = (Some(organisation), name),
            Event::Named { name } => self.name = Some(name),
            // The people are the old owner's; its name and the roles that were defined are the tenant's.
            Event::HandedOver { organisation } => {
                let (name, own_roles) = (self.name.take(), std::mem::take(&mut self.own_roles));
                let standing = self.standing;
                *self = Self { organisation: Some(organisation), name, own_roles, standing, ..Self::default() };
            }
            Event::Suspended {} => self.standing = Standing::Suspended,
            Event::Resumed {} => self.standing = Standing::Active,
            Event::Closed {} => self.standing = Standing::Closed,
            Event::Granted { person, role, from, until } => self.give(person, role, Term { from, until }),
            Event::Revoked { person, role } => self.withdraw(&person, &role),
            Event::RoleDefined { role, actions } => {
                self.own_roles.insert(role, actions);
            }
            Event::RoleRemoved { role } => {
                self.own_roles.remove(&role);
            }
        }
    }

    fn give(&mut self, person: String, role: RoleName, term: Term) {
        self.withdraw(&person, &role);
        if term != Term::ALWAYS {
            self.terms.entry(person.clone()).or_default().insert(role.clone(), term);
        }
        self.roles.entry(person).or_default().insert(role);
    }

    fn withdraw(&mut self, person: &str, role: &RoleName) {
        if let Some(terms) = self.terms.get_mut(person) {
            terms.remove(role);
        }
        if let Some(roles) = self.roles.get_mut(person) {
            roles.remove(role);
        }
        self.terms.retain(|_, terms| !terms.is_empty());
        self.roles.retain(|_, roles| !roles.is_empty());
    }
}

impl View for Roster {
    const NAME: &'static str = "access";

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        Ok(event.decode::<Event>()?.map(|_| KEY.to_owned()).into_iter().collect())
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        let Some(happened) = event.decode::<Event>()? else { return Ok(current) };
        let mut roster = current.unwrap_or_default();
        let is_handed_over = matches!(happened, Event::HandedOver { .. });
        roster.take(happened);
        if is_handed_over {
            roster.handed_over_at = Some(event.recorded_at);
        }
        Ok(Some(roster))
    }
}

#[cfg(test)]
mod tests {
    use super::Roster;
    use crate::{Action, Caller, Event, Role, Standing};
    use chrono::{DateTime, Utc};
    use uuid::Uuid;

    fn caller(person: &str, organisation: Uuid, administrator: bool) -> Caller {
        Caller { person: person.to_owned(), organisation, administrator }
    }

    fn at(hour: u32) -> DateTime<Utc> {
        format!("2026-03-01T{hour:02}:00:00Z").parse().expect("an instant")
    }

    fn granted(role: Role, from: Option<u32>, until: Option<u32>) -> Event {
        Event::Granted { person: "mara".to_owned(), role: role.into(), from: from.map(at), until: until.map(at) }
    }

    fn roster(organisation: Uuid, events: impl IntoIterator<Item = Event>) -> Roster {
        let mut roster = Roster { organisation: Some(organisation), ..Roster::default() };
        events.into_iter().for_each(|event| roster.take(event));
        roster
    }

    #[test]
    fn an_administrator_of_another_organisation_is_a_stranger() {
        let (ours, now) = (Uuid::new_v4(), at(9));
        let roster = roster(ours, [granted(Role::Viewer, None, None)]);
        assert!(roster.allows(&caller("admin", ours, true), Action::ManageTenant, now));
        assert!(!roster.knows(&caller("admin", Uuid::new_v4(), true), now));
        assert!(!roster.knows(&caller("admin", ours, false), now));
        assert!(roster.allows(&caller("mara", ours, false), Action::Read, now));
        assert!(!roster.allows(&caller("mara", ours, false), Action::WriteRisks, now));
        assert!(!Roster::default().knows(&caller("admin", Uuid::nil(), true), now));
        let namesake = caller("mara", Uuid::new_v4(), false);
        assert!(!roster.knows(&namesake, now) && !roster.allows(&namesake, Action::Read, now));
    }

    #[test]
    fn a_role_admits_from_its_beginning_until_its_end() {
        let ours = Uuid::new_v4();
        let mara = caller("mara", ours, false);
        let auditor = granted(Role::ExternalAuditor, Some(9), Some(17));
        let roster = roster(ours, [auditor, granted(Role::Viewer, None, Some(12))]);
        let trail = |hour| (roster.knows(&mara, at(hour)), roster.allows(&mara, Action::ReadTrail, at(hour)));
        assert_eq!([8, 9, 16, 17].map(trail), [(true, false), (true, true), (true, true), (false, false)]);
        assert_eq!(roster.in_force("mara", at(13)).collect::<Vec<_>>(), [Role::ExternalAuditor.into()]);
        assert_eq!(roster.actions(&mara, at(18)).count(), 0);
    }

    #[test]
    fn a_closed_tenant_is_its_administrators_alone() {
        let (ours, now) = (Uuid::new_v4(), at(9));
        let (mara, admin) = (caller("mara", ours, false), caller("admin", ours, true));
        let mut roster = roster(ours, [granted(Role::IsmsManager, None, None), Event::Suspended {}]);
        assert!(roster.allows(&mara, Action::Read, now), "a suspended one is read by all as ever");
        let next = Uuid::new_v4();
        roster.take(Event::HandedOver { organisation: next });
        assert_eq!(roster.standing, Standing::Suspended, "another owner changes nothing about it");
        roster.take(Event::HandedOver { organisation: ours });
        roster.take(granted(Role::IsmsManager, None, None));
        roster.take(Event::Closed {});
        assert!(!roster.knows(&mara, now) && !roster.allows(&mara, Action::Read, now));
        assert!(roster.allows(&admin, Action::Read, now));
    }

    #[test]
    fn a_role_that_is_given_again_has_its_new_term_alone() {
        let ours = Uuid::new_v4();
        let (brief, always) = (granted(Role::Viewer, None, Some(12)), granted(Role::Viewer, None, None));
        assert_eq!(roster(ours, [brief, always.clone()]), roster(ours, [always]));
    }

    /// What stands in the rows of an older program is read, and what is folded today is the same where no role has an end.
    #[test]
    fn a_roster_without_terms_reads_and_writes_as_ever() {
        let old = r#"{"organisation":"00000000-0000-0000-0000-000000000000","roles":{"mara":["viewer"]}}"#;
        let folded = roster(Uuid::nil(), [granted(Role::Viewer, None, None)]);
        assert_eq!(serde_json::from_str::<Roster>(old).expect("read"), folded);
        assert_eq!(serde_json::to_string(&folded).expect("written"), old);
    }
}

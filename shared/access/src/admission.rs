use crate::{Action, Role, RoleName, Roster, Standing, Term};
use chrono::{DateTime, Utc};
use eventstore::{Actor, Cx, aggregate};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// A tenant's owner and the roles of its people. One stream a tenant, in every service; tenancy decides, the others copy.
#[derive(Default, Serialize, Deserialize)]
pub struct Admission {
    pub(crate) roster: Roster,
}

const MANAGER: RoleName = RoleName::Common(Role::IsmsManager);

#[derive(Clone, Debug)]
pub enum Command {
    Open {
        organisation: Uuid,
        /// What it is called.
        name: String,
    },
    /// It is called otherwise from now on.
    Name { name: String },
    /// Another organisation owns it from now on. People are their organisation's: nobody keeps a role.
    HandOver { organisation: Uuid },
    /// The person has exactly these roles from now on; none ends the membership.
    Assign {
        person: String,
        roles: BTreeMap<RoleName, Term>,
        /// Whether who asks administers the organisation: they may give everything.
        administrator: bool,
    },
    /// A role of the tenant's own allows exactly these actions from now on, to everybody who holds it.
    Define {
        role: String,
        actions: BTreeSet<Action>,
        /// As in `Assign`.
        administrator: bool,
    },
    /// The tenant has no such role any more.
    Remove { role: String },
    /// What tenancy decided.
    Copy(Event),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    Opened {
        organisation: Uuid,
        /// What it is called; missing where it was opened before services were told.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// It is called so from now on.
    Named {
        name: String,
    },
    /// The person holds the role, for this term and no other.
    Granted {
        person: String,
        role: RoleName,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<DateTime<Utc>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<DateTime<Utc>>,
    },
    Revoked {
        person: String,
        role: RoleName,
    },
    /// The tenant is another organisation's, and all roles in it are ended.
    HandedOver {
        organisation: Uuid,
    },
    /// The tenant has this role of its own, which allows these actions and no others.
    RoleDefined {
        role: String,
        actions: BTreeSet<Action>,
    },
    RoleRemoved {
        role: String,
    },
    /// Nothing is written in the tenant until it is resumed.
    Suspended {},
    Resumed {},
    /// Nothing is written in the tenant ever again.
    Closed {},
}

#[derive(Debug, PartialEq, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Broken {
    #[error("the tenant belongs to another organisation")]
    OwnedByAnother,
    #[error("nobody owns it: it is no tenant of this installation")]
    NotOpened,
    #[error("nobody gives or takes their own roles: ask another manager")]
    OwnRole,
    #[error("{0} is the last ISMS manager without an end: make somebody else one first, now and without `until`")]
    LastManager(String),
    #[error("terms.{0}.until: {1} has passed: leave the role out, or say an instant to come")]
    OverAlready(RoleName, DateTime<Utc>),
    #[error("`{0}` is no role here: give one of {1}")]
    NoSuchRole(String, String),
    #[error("{0} allows {action}, which you may not do here yourself: ask an ISMS manager", action = <&str>::from(*.1))]
    BeyondOwnRights(String, Action),
    #[error("nobody changes a role that they hold: ask somebody who does not hold {0}")]
    HeldByOneself(String),
    #[error("{0} is held by {1}: take it from them first")]
    StillHeld(String, String),
    #[error("a tenant has {0} roles of its own at most: remove one first")]
    TooManyRoles(usize),
}

impl Admission {
    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    /// Whether the person has a role, now or from an instant to come.
    pub fn admits(&self, person: &str, now: DateTime<Utc>) -> bool {
        self.roster.held(person).any(|(_, term)| !term.is_over(now))
    }

    pub(crate) fn decide(&self, command: Command, cx: &Cx) -> Result<Vec<Event>, Broken> {
        match command {
            Command::Open { organisation, name } => match self.roster.organisation {
                None => Ok(vec![Event::Opened { organisation, name: Some(name) }]),
                Some(owner) if owner == organisation => Ok(self.named(name)),
                Some(_) => Err(Broken::OwnedByAnother),
            },
            Command::Name { name } => Ok(self.roster.organisation.map(|_| self.named(name)).unwrap_or_default()),
            Command::HandOver { organisation } => match self.roster.organisation {
                None => Err(Broken::NotOpened),
                Some(owner) if owner == organisation => Ok(vec![]),
                Some(_) => Ok(vec![Event::HandedOver { organisation }]),
            },
            Command::Assign { person, roles, administrator } => self.assign(&person, &roles, administrator, cx),
            Command::Define { role, actions, administrator } => self.define(role, actions, administrator, cx),
            Command::Remove { role } => self.remove(role),
            Command::Copy(event) => Ok(if self.holds(&event) { vec![] } else { vec![event] }),
        }
    }

    fn assign(
        &self,
        person: &str,
        roles: &BTreeMap<RoleName, Term>,
        administrator: bool,
        cx: &Cx,
    ) -> Result<Vec<Event>, Broken> {
        let before: BTreeMap<RoleName, Term> = self.roster.held(person).collect();
        if before == *roles {
            return Ok(vec![]);
        }
        if matches!(&cx.actor, Actor::Person(actor) if actor == person) {
            return Err(Broken::OwnRole);
        }
        // What is over already may stay so: the people are shown with it.
        let given: Vec<_> = roles.iter().filter(|(role, term)| before.get(role) != Some(term)).collect();
        self.refuse_unknown(given.iter().map(|(role, _)| *role))?;
        for (role, term) in &given {
            if let Some(until) = term.until.filter(|_| term.is_over(cx.now)) {
                return Err(Broken::OverAlready((*role).clone(), until));
            }
            self.refuse_beyond_own_rights(&role.to_string(), self.allowed_by(role), administrator, cx)?;
        }
        let stays = roles.get(&MANAGER).is_some_and(|term| lasts(term, cx.now));
        if !stays && self.is_last_manager(person, cx.now) {
            return Err(Broken::LastManager(person.to_owned()));
        }
        let granted = given.into_iter().map(|(role, Term { from, until })| Event::Granted {
            person: person.to_owned(),
            role: role.clone(),
            from: *from,
            until: *until,
        });
        let ended: Vec<&RoleName> = before.keys().filter(|role| !roles.contains_key(role)).collect();
        for role in &ended {
            self.refuse_beyond_own_rights(&role.to_string(), self.allowed_by(role), administrator, cx)?;
        }
        let revoked = ended.into_iter().map(|role| Event::Revoked { person: person.to_owned(), role: role.clone() });
        Ok(granted.chain(revoked).collect())
    }

    fn named(&self, name: String) -> Vec<Event> {
        if self.roster.name.as_ref() == Some(&name) { vec![] } else { vec![Event::Named { name }] }
    }

    fn allowed_by(&self, role: &RoleName) -> impl Iterator<Item = Action> {
        Action::all().filter(|action| self.roster.role_may(role, *action))
    }

    /// A manager whose term ends leaves nobody behind, and one whose term has not begun cannot help yet.
    fn is_last_manager(&self, person: &str, now: DateTime<Utc>) -> bool {
        let manages = |name: &str| self.roster.held(name).any(|(role, term)| role == MANAGER && lasts(&term, now));
        manages(person) && !self.roster.roles.keys().any(|name| name != person && manages(name))
    }

    fn holds(&self, event: &Event) -> bool {
        let held = |person: &str, role: &RoleName| self.roster.held(person).find(|(held, _)| held == role);
        match event {
            Event::Opened { organisation, .. } | Event::HandedOver { organisation } => {
                self.roster.organisation == Some(*organisation)
            }
            Event::Named { name } => self.roster.name.as_ref() == Some(name),
            Event::Granted { person, role, from, until } => {
                held(person, role).is_some_and(|(_, term)| term == Term { from: *from, until: *until })
            }
            Event::Revoked { person, role } => held(person, role).is_none(),
            Event::RoleDefined { role, actions } => self.roster.own_roles.get(role) == Some(actions),
            Event::RoleRemoved { role } => !self.roster.own_roles.contains_key(role),
            Event::Suspended {} => self.roster.standing == Standing::Suspended,
            Event::Resumed {} => self.roster.standing == Standing::Active,
            Event::Closed {} => self.roster.standing == Standing::Closed,
        }
    }

    pub(crate) fn apply(&mut self, event: Event) {
        self.roster.take(event);
    }
}

/// In force now, and without an end.
fn lasts(term: &Term, now: DateTime<Utc>) -> bool {
    term.until.is_none() && term.covers(now)
}

aggregate!(Admission, "access", Command, Event, Broken, { granted: [with_term] });

/// 1 to 2: it reads as it did. A program that knows of no terms must not take a role that ends for one that is held for good: it
/// refuses what it reads in a later schema.
fn with_term(data: Value) -> Value {
    data
}

#[cfg(test)]
mod tests {
    use super::{Admission, Broken, Command, Event};
    use crate::testing::{assign, at, by, from, given, until};
    use crate::{Role, Term, testing};
    use uuid::Uuid;

    fn granted(person: &str, role: Role) -> Event {
        testing::granted(person, role.into(), Term::ALWAYS)
    }

    fn granted_for(person: &str, role: Role, term: Term) -> Event {
        testing::granted(person, role.into(), term)
    }

    fn opened(organisation: Uuid) -> Event {
        Event::Opened { organisation, name: Some("Acme".to_owned()) }
    }

    fn revoked(person: &str, role: Role) -> Event {
        Event::Revoked { person: person.to_owned(), role: role.into() }
    }

    fn assign_all(person: &str, roles: &[Role]) -> Command {
        assign(person, &roles.iter().map(|role| (role.into(), Term::ALWAYS)).collect::<Vec<_>>())
    }

    fn assign_for(person: &str, role: Role, term: Term) -> Command {
        assign(person, &[(role.into(), term)])
    }

    #[test]
    fn roles_are_given_and_taken_one_event_each() {
        let admission = given(vec![granted("jo", Role::Viewer), granted("jo", Role::RiskOwner)]);
        assert_eq!(
            admission.decide(assign_all("jo", &[Role::RiskOwner, Role::ControlOwner]), &by("mara")),
            Ok(vec![granted("jo", Role::ControlOwner), revoked("jo", Role::Viewer)])
        );
    }

    #[test]
    fn who_has_no_role_any_more_is_not_admitted() {
        let mut admission = given(vec![granted("jo", Role::Viewer), granted("jo", Role::RiskOwner)]);
        for (role, admitted) in [(Role::Viewer, true), (Role::RiskOwner, false)] {
            admission.apply(revoked("jo", role));
            assert_eq!(admission.admits("jo", at(10)), admitted);
        }
    }

    #[test]
    fn another_owner_ends_all_roles() {
        let (consultancy, client) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let hand_over = Command::HandOver { organisation: client };
        let mut admission = given(vec![opened(consultancy), granted("mara", Role::IsmsManager)]);
        let handed_over = Event::HandedOver { organisation: client };
        assert_eq!(admission.decide(hand_over.clone(), &by("stele")), Ok(vec![handed_over.clone()]));
        assert_eq!(admission.decide(Command::Copy(handed_over.clone()), &by("tenancy")), Ok(vec![handed_over.clone()]));
        admission.apply(handed_over.clone());
        assert!(!admission.admits("mara", at(10)));
        assert_eq!(admission.decide(hand_over.clone(), &by("stele")), Ok(vec![]));
        assert_eq!(admission.decide(Command::Copy(handed_over), &by("tenancy")), Ok(vec![]));
        assert_eq!(given(vec![]).decide(hand_over, &by("stele")), Err(Broken::NotOpened));
    }

    #[test]
    fn it_is_opened_with_its_name_and_called_otherwise_later() {
        let open = |name: &str| Command::Open { organisation: Uuid::nil(), name: name.to_owned() };
        let named = |name: &str| vec![Event::Named { name: name.to_owned() }];
        assert_eq!(given(vec![]).decide(open("Acme"), &by("stele")), Ok(vec![opened(Uuid::nil())]));
        let admission = given(vec![opened(Uuid::nil())]);
        assert_eq!(admission.decide(open("Acme"), &by("stele")), Ok(vec![]));
        let name = |name: &str| Command::Name { name: name.to_owned() };
        assert_eq!(admission.decide(name("Acme"), &by("mara")), Ok(vec![]));
        assert_eq!(admission.decide(name("Birch"), &by("mara")), Ok(named("Birch")));
        assert_eq!(given(vec![]).decide(name("Birch"), &by("mara")), Ok(vec![]), "it is not there yet");
        // What was opened before services were told its name hears it when it is opened or named again.
        let unnamed = given(vec![Event::Opened { organisation: Uuid::nil(), name: None }]);
        assert_eq!(unnamed.decide(open("Acme"), &by("stele")), Ok(named("Acme")));
        let handed_over = Event::HandedOver { organisation: Uuid::max() };
        let mut admission = given(vec![opened(Uuid::nil())]);
        admission.apply(handed_over);
        assert_eq!(admission.roster().name.as_deref(), Some("Acme"), "another owner calls it the same");
    }

    #[test]
    fn nobody_changes_their_own_roles() {
        let admission = given(vec![granted("mara", Role::Viewer)]);
        assert_eq!(admission.decide(assign_all("mara", &[Role::IsmsManager]), &by("mara")), Err(Broken::OwnRole));
    }

    #[test]
    fn the_last_manager_stays_until_there_is_another() {
        let one = given(vec![granted("mara", Role::IsmsManager)]);
        let two = given(vec![granted("mara", Role::IsmsManager), granted("jo", Role::IsmsManager)]);
        let last = || Err(Broken::LastManager("mara".to_owned()));
        assert_eq!(one.decide(assign_all("mara", &[]), &by("admin")), last());
        assert_eq!(one.decide(assign_all("mara", &[Role::Viewer]), &by("admin")), last());
        assert_eq!(two.decide(assign_all("mara", &[]), &by("admin")), Ok(vec![revoked("mara", Role::IsmsManager)]));
    }

    #[test]
    fn a_manager_whose_term_ends_or_has_not_begun_is_no_other_manager() {
        let last = || Err(Broken::LastManager("mara".to_owned()));
        for term in [until(20), from(20)] {
            let jo = granted_for("jo", Role::IsmsManager, term);
            let admission = given(vec![granted("mara", Role::IsmsManager), jo]);
            assert_eq!(admission.decide(assign_all("mara", &[]), &by("admin")), last(), "{term:?}");
            assert_eq!(admission.decide(assign_for("mara", Role::IsmsManager, term), &by("admin")), last());
            assert_eq!(
                admission.decide(assign_all("jo", &[]), &by("admin")),
                Ok(vec![revoked("jo", Role::IsmsManager)])
            );
        }
        let begun = given(vec![granted("mara", Role::IsmsManager), granted_for("jo", Role::IsmsManager, from(9))]);
        assert!(begun.decide(assign_all("mara", &[]), &by("admin")).is_ok());
        let told = Broken::LastManager("mara".to_owned()).to_string();
        assert!(told.ends_with("make somebody else one first, now and without `until`"), "{told}");
    }

    #[test]
    fn a_role_is_given_for_a_term_and_that_term_is_changed() {
        let admission = given(vec![granted_for("jo", Role::ExternalAuditor, until(20))]);
        assert_eq!(admission.decide(assign_for("jo", Role::ExternalAuditor, until(20)), &by("mara")), Ok(vec![]));
        for term in [until(25), from(9), Term::ALWAYS] {
            let changed = granted_for("jo", Role::ExternalAuditor, term);
            let assigned = admission.decide(assign_for("jo", Role::ExternalAuditor, term), &by("mara"));
            assert_eq!(assigned, Ok(vec![changed.clone()]));
            assert_eq!(admission.decide(Command::Copy(changed.clone()), &by("tenancy")), Ok(vec![changed]));
        }
        assert!(admission.admits("jo", at(19)) && !admission.admits("jo", at(20)));
    }

    #[test]
    fn no_role_is_given_for_a_time_that_has_passed() {
        let over = assign_for("jo", Role::Viewer, until(9));
        let told = given(vec![]).decide(over.clone(), &by("mara")).expect_err("refused").to_string();
        let remedy =
            "terms.viewer.until: 2026-03-09 09:30:00 UTC has passed: leave the role out, or say an instant to come";
        assert_eq!(told, remedy);
        // Whose role is over keeps it so while another one is given.
        let admission = given(vec![granted_for("jo", Role::Viewer, until(9))]);
        assert_eq!(admission.decide(over, &by("mara")), Ok(vec![]));
        let both = assign("jo", &[("viewer", until(9)), ("risk_owner", Term::ALWAYS)]);
        assert_eq!(admission.decide(both, &by("mara")), Ok(vec![granted("jo", Role::RiskOwner)]));
    }

    #[test]
    fn an_event_from_before_there_were_terms_is_one_for_good() {
        let old = serde_json::json!({"type": "granted", "data": {"person": "jo", "role": "viewer"}});
        assert_eq!(serde_json::from_value::<Event>(old.clone()).expect("read"), granted("jo", Role::Viewer));
        assert_eq!(serde_json::to_value(granted("jo", Role::Viewer)).expect("written"), old);
    }

    #[test]
    fn how_a_tenant_stands_is_copied_once() {
        let mut admission = given(vec![opened(Uuid::nil())]);
        let copy = |admission: &Admission, event: &Event| {
            admission.decide(Command::Copy(event.clone()), &by("tenancy")).expect("copied")
        };
        assert_eq!(copy(&admission, &Event::Resumed {}), [], "it was never suspended");
        for event in [Event::Suspended {}, Event::Resumed {}, Event::Closed {}] {
            assert_eq!(copy(&admission, &event), std::slice::from_ref(&event));
            admission.apply(event.clone());
            assert_eq!(copy(&admission, &event), []);
        }
    }

    #[test]
    fn what_is_so_already_is_no_event() {
        let admission = given(vec![granted("mara", Role::Viewer)]);
        assert_eq!(admission.decide(assign_all("mara", &[Role::Viewer]), &by("admin")), Ok(vec![]));
        assert_eq!(admission.decide(Command::Copy(granted("mara", Role::Viewer)), &by("tenancy")), Ok(vec![]));
        assert_eq!(admission.decide(Command::Copy(revoked("jo", Role::Viewer)), &by("tenancy")), Ok(vec![]));
    }
}

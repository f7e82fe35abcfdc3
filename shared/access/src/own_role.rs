//! Roles that a tenant makes for itself, of the same actions; and that nobody comes by rights that they did not have.

use crate::admission::{Admission, Broken, Event};
use crate::{Action, Role, RoleName, Roster};
use eventstore::{Actor, Cx};
use std::collections::BTreeSet;

/// More than anybody can tell apart.
const MOST: usize = 100;

impl Admission {
    pub(crate) fn define(
        &self,
        role: String,
        actions: BTreeSet<Action>,
        administrator: bool,
        cx: &Cx,
    ) -> Result<Vec<Event>, Broken> {
        let before = self.roster.own_roles.get(&role);
        if before == Some(&actions) {
            return Ok(vec![]);
        }
        if before.is_none() && self.roster.own_roles.len() >= MOST {
            return Err(Broken::TooManyRoles(MOST));
        }
        if let Actor::Person(actor) = &cx.actor
            && self.roster.roles.get(actor).is_some_and(|roles| roles.contains(&RoleName::Own(role.clone())))
        {
            return Err(Broken::HeldByOneself(role));
        }
        let none = BTreeSet::new();
        let changed = actions.symmetric_difference(before.unwrap_or(&none)).copied();
        self.refuse_beyond_own_rights(&role, changed, administrator, cx)?;
        Ok(vec![Event::RoleDefined { role, actions }])
    }

    pub(crate) fn remove(&self, role: String) -> Result<Vec<Event>, Broken> {
        let own = RoleName::Own(role.clone());
        let holders: Vec<&str> = self.roster.holders(&own).collect();
        if !holders.is_empty() {
            return Err(Broken::StillHeld(role, holders.join(", ")));
        }
        let known = self.roster.own_roles.contains_key(&role);
        Ok(known.then_some(Event::RoleRemoved { role }).into_iter().collect())
    }

    /// A role that the tenant does not have is given to nobody.
    pub fn refuse_unknown<'a>(&self, mut roles: impl Iterator<Item = &'a RoleName>) -> Result<(), Broken> {
        match roles.find(|role| matches!(role, RoleName::Own(name) if !self.roster.own_roles.contains_key(name))) {
            None => Ok(()),
            Some(unknown) => {
                let known = Role::all().map(RoleName::Common).chain(self.roster.own());
                let known: Vec<String> = known.map(String::from).collect();
                Err(Broken::NoSuchRole(unknown.to_string(), known.join(", ")))
            }
        }
    }

    /// Who manages a tenant by a role of its own gives nobody more than they may do themselves, else two of them would make each
    /// other managers; and takes from nobody more than that, else they would be rid of the managers that they answer to.
    pub fn refuse_beyond_own_rights(
        &self,
        role: &str,
        mut actions: impl Iterator<Item = Action>,
        administrator: bool,
        cx: &Cx,
    ) -> Result<(), Broken> {
        let actor = match &cx.actor {
            Actor::Person(actor) => actor,
            // Who operates the installation may give everything, and a service gives nothing of its own.
            Actor::Operator(_) | Actor::Service(_) => return Ok(()),
            // A key gives nothing, whatever it may do, nor does a grant.
            Actor::Key(_) | Actor::Grant(_) => {
                return actions.next().map_or(Ok(()), |action| Err(Broken::BeyondOwnRights(role.to_owned(), action)));
            }
        };
        let may = |action: Action| administrator || self.roster.person_may(actor, action, cx.now);
        match actions.find(|action| !may(*action)) {
            None => Ok(()),
            Some(action) => Err(Broken::BeyondOwnRights(role.to_owned(), action)),
        }
    }

    /// Who holds the role, in force or not.
    pub fn holders(&self, role: &RoleName) -> impl Iterator<Item = &str> {
        self.roster.holders(role)
    }

    /// Whether the tenant has this role of its own.
    pub fn defines(&self, role: &str) -> bool {
        self.roster.own_roles.contains_key(role)
    }
}

impl Roster {
    /// Whether the role allows it: by the one table, or as the tenant defined it.
    pub fn role_may(&self, role: &RoleName, action: Action) -> bool {
        match role {
            RoleName::Common(role) => role.may(action),
            RoleName::Own(name) => self.own_roles.get(name).is_some_and(|actions| actions.contains(&action)),
        }
    }

    /// The roles that allow it.
    pub fn roles_for(&self, action: Action) -> impl Iterator<Item = RoleName> {
        Role::all().map(RoleName::Common).chain(self.own()).filter(move |role| self.role_may(role, action))
    }

    /// The tenant's own.
    pub fn own(&self) -> impl Iterator<Item = RoleName> {
        self.own_roles.keys().cloned().map(RoleName::Own)
    }

    fn holders(&self, role: &RoleName) -> impl Iterator<Item = &str> {
        self.roles.iter().filter(|(_, roles)| roles.contains(role)).map(|(person, _)| person.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::MOST;
    use crate::admission::{Broken, Command, Event};
    use crate::testing::{assign, at, by, given, granted, until};
    use crate::{Action, Role, RoleName, Roster, Term};
    use std::collections::BTreeSet;

    fn actions(actions: &[Action]) -> BTreeSet<Action> {
        actions.iter().copied().collect()
    }

    fn defined(role: &str, allows: &[Action]) -> Event {
        Event::RoleDefined { role: role.to_owned(), actions: actions(allows) }
    }

    /// As somebody who administers nothing.
    fn define(role: &str, allows: &[Action]) -> Command {
        Command::Define { role: role.to_owned(), actions: actions(allows), administrator: false }
    }

    fn remove(role: &str) -> Command {
        Command::Remove { role: role.to_owned() }
    }

    fn own(person: &str, role: &str) -> Event {
        granted(person, RoleName::from(role.to_owned()), Term::ALWAYS)
    }

    /// As somebody who administers nothing.
    fn give(person: &str, role: &str) -> Command {
        let roles = [(RoleName::from(role.to_owned()), Term::ALWAYS)].into();
        Command::Assign { person: person.to_owned(), roles, administrator: false }
    }

    const DEPUTY: &[Action] = &[Action::Read, Action::ManageTenant];

    #[test]
    fn a_role_of_the_tenants_own_is_defined_changed_and_removed() {
        let manager = || granted("mara", Role::IsmsManager.into(), Term::ALWAYS);
        let keeper = defined("keeper", &[Action::Read, Action::WriteControls]);
        let none = given(vec![manager()]);
        let command = define("keeper", &[Action::Read, Action::WriteControls]);
        assert_eq!(none.decide(command.clone(), &by("mara")), Ok(vec![keeper.clone()]));
        let one = given(vec![manager(), keeper]);
        assert_eq!(one.decide(command, &by("mara")), Ok(vec![]));
        let less = defined("keeper", &[Action::Read]);
        assert_eq!(one.decide(define("keeper", &[Action::Read]), &by("mara")), Ok(vec![less]));
        let removed = Event::RoleRemoved { role: "keeper".to_owned() };
        assert_eq!(one.decide(remove("keeper"), &by("mara")), Ok(vec![removed.clone()]));
        assert_eq!(none.decide(remove("keeper"), &by("mara")), Ok(vec![]));
        assert_eq!(one.decide(Command::Copy(removed.clone()), &by("tenancy")), Ok(vec![removed.clone()]));
        assert_eq!(none.decide(Command::Copy(removed), &by("tenancy")), Ok(vec![]));
    }

    #[test]
    fn it_allows_what_it_was_defined_as_and_nothing_once_it_is_gone() {
        let mut roster = Roster::default();
        let mara = |roster: &Roster, action| roster.person_may("mara", action, at(10));
        roster.take(own("mara", "keeper"));
        assert!(!mara(&roster, Action::Read));
        roster.take(defined("keeper", &[Action::Read, Action::WriteControls]));
        assert!(mara(&roster, Action::WriteControls) && !mara(&roster, Action::WriteRisks));
        let allow: Vec<String> = roster.roles_for(Action::WriteControls).map(String::from).collect();
        assert_eq!(allow, ["isms_manager", "control_owner", "contributor", "keeper"]);
        roster.take(defined("keeper", &[Action::Read]));
        assert!(!mara(&roster, Action::WriteControls));
        roster.take(Event::RoleRemoved { role: "keeper".to_owned() });
        assert!(!mara(&roster, Action::Read));
    }

    #[test]
    fn a_role_that_somebody_holds_stays() {
        let keeper = defined("keeper", &[Action::Read]);
        let over = granted("jo", RoleName::from("keeper".to_owned()), until(9));
        let admission = given(vec![keeper, own("mara", "keeper"), over]);
        let broken = admission.decide(remove("keeper"), &by("admin")).expect_err("refused");
        assert_eq!(broken.to_string(), "keeper is held by jo, mara: take it from them first");
    }

    #[test]
    fn nobody_is_given_a_role_that_there_is_not() {
        let admission = given(vec![defined("keeper", &[Action::Read])]);
        let broken = admission
            .decide(assign("jo", &[("emperor", Term::ALWAYS)]), &by("admin"))
            .expect_err("refused")
            .to_string();
        assert!(broken.starts_with("`emperor` is no role here: give one of isms_manager, risk_owner,"), "{broken}");
        assert!(broken.ends_with("viewer, keeper"), "{broken}");
        assert_eq!(
            admission.decide(assign("jo", &[("keeper", Term::ALWAYS)]), &by("admin")),
            Ok(vec![own("jo", "keeper")])
        );
    }

    #[test]
    fn nobody_changes_a_role_that_they_hold() {
        let admission = given(vec![defined("deputy", DEPUTY), own("jo", "deputy")]);
        for allows in [&[Action::Read][..], &[Action::Read, Action::ManageTenant, Action::WriteRisks]] {
            let changed = admission.decide(define("deputy", allows), &by("jo"));
            assert_eq!(changed, Err(Broken::HeldByOneself("deputy".to_owned())));
        }
    }

    #[test]
    fn nobody_gives_what_they_may_not_do() {
        let admission = given(vec![
            defined("deputy", DEPUTY),
            defined("writer", &[Action::Read, Action::WriteRisks]),
            own("jo", "deputy"),
        ]);
        let beyond = |role: &str, action| Err(Broken::BeyondOwnRights(role.to_owned(), action));
        let by_jo = |command| admission.decide(command, &by("jo"));
        assert_eq!(by_jo(give("kim", "isms_manager")), beyond("isms_manager", Action::ReadTrail));
        assert_eq!(by_jo(give("kim", "writer")), beyond("writer", Action::WriteRisks));
        assert_eq!(by_jo(define("mine", &[Action::Read, Action::WriteRisks])), beyond("mine", Action::WriteRisks));
        let more = define("writer", &[Action::Read, Action::WriteRisks, Action::WriteControls]);
        assert_eq!(by_jo(more), beyond("writer", Action::WriteControls));
        // What the role allows already is not of their giving, nor of their taking.
        assert!(by_jo(define("writer", &[Action::WriteRisks])).is_ok());
        assert_eq!(by_jo(define("writer", &[Action::Read])), beyond("writer", Action::WriteRisks));
        for role in ["viewer", "deputy"] {
            assert_eq!(by_jo(give("kim", role)), Ok(vec![own("kim", role)]));
        }
        let told = Broken::BeyondOwnRights("writer".to_owned(), Action::WriteRisks).to_string();
        assert_eq!(told, "writer allows write_risks, which you may not do here yourself: ask an ISMS manager");
    }

    #[test]
    fn nobody_takes_what_they_may_not_do() {
        let manager = |person: &str| granted(person, Role::IsmsManager.into(), Term::ALWAYS);
        let admission = given(vec![
            defined("deputy", DEPUTY),
            own("jo", "deputy"),
            own("kim", "deputy"),
            manager("mara"),
            manager("olga"),
        ]);
        let taken = |person: &str, by_whom: &str, administrator| {
            let command = Command::Assign { person: person.to_owned(), roles: [].into(), administrator };
            admission.decide(command, &by(by_whom))
        };
        let beyond = Broken::BeyondOwnRights("isms_manager".to_owned(), Action::ReadTrail);
        assert_eq!(taken("olga", "jo", false), Err(beyond));
        // What they have themselves they take, and a manager or an administrator takes any.
        assert!(taken("kim", "jo", false).is_ok());
        assert!(taken("olga", "mara", false).is_ok() && taken("olga", "admin", true).is_ok());
    }

    #[test]
    fn a_role_of_ones_own_that_is_over_gives_no_right_to_give() {
        let over = granted("jo", Role::IsmsManager.into(), until(9));
        let admission = given(vec![over]);
        let given = admission.decide(give("kim", "viewer"), &by("jo"));
        assert_eq!(given, Err(Broken::BeyondOwnRights("viewer".to_owned(), Action::Read)));
    }

    #[test]
    fn a_tenant_has_only_so_many() {
        let all = (0..MOST).map(|number| defined(&format!("role-{number}"), &[Action::Read])).collect();
        let command =
            Command::Define { role: "more".to_owned(), actions: actions(&[Action::Read]), administrator: true };
        assert_eq!(given(all).decide(command, &by("admin")), Err(Broken::TooManyRoles(MOST)));
    }
}

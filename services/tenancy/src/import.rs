//! A tenant's people and their roles as one file. Each row is held against the rules of the single request.

use crate::people::refuse_unless_tenant;
use access::{Action, Admission, Broken, Command, Role, RoleName, Roster, Term};
use chrono::{DateTime, Days, NaiveTime, Utc};
use eventstore::Work;
use service::upload::{Back, Read, Touched, changed_since};
use service::{
    Call, Cells, Columns, Draft, FieldError, Problem, Progress, Row, Seen, Table, Undo, Upload, checked_person,
    day_of_cell, entries, instant, no_day_nor_instant,
};
use std::collections::{BTreeMap, BTreeSet};

/// People with all the roles that they have from now on. Names and addresses are their organisation's, and not the tenant's.
#[derive(Debug)]
pub struct People {
    /// Whether who asks administers the organisation.
    administrator: bool,
    now: DateTime<Utc>,
}

pub struct Known {
    tenant: String,
    roster: Roster,
}

impl People {
    pub fn asked(call: &Call) -> Result<Self, Problem> {
        call.by_a_person()?;
        Ok(Self { administrator: call.caller.administrator, now: call.cx.now })
    }
}

impl Upload for People {
    type Of = Admission;
    type Known = Known;

    const COLUMNS: Columns = Columns::of(&["person", "roles", "from", "until"]).elsewhere(&[
        ("handle", "person"),
        ("user_name", "person"),
        ("ref_id", "person"),
        ("role", "roles"),
    ]);
    const KEPT_AS: Option<&'static str> = Some(<Self as Undo>::REGISTER);
    const NEEDS: &'static [Action] = &[];

    async fn look_up(&self, work: &mut Work, _: &Table) -> Result<Known, Problem> {
        let tenant = refuse_unless_tenant(work).await?;
        let roster = work.load::<Admission>(&tenant).await?.0.roster().clone();
        Ok(Known { tenant, roster })
    }

    fn read(&self, table: &Table, known: &Known, progress: &Progress) -> Read<Self> {
        table.each(progress, |row, seen| self.draft(row, known, seen))
    }

    fn at_fault(broken: &Broken) -> &'static str {
        match broken {
            Broken::NoSuchRole(..) | Broken::BeyondOwnRights(..) => "roles",
            Broken::OverAlready(..) => "until",
            Broken::OwnRole
            | Broken::LastManager(_)
            | Broken::OwnedByAnother
            | Broken::NotOpened
            | Broken::HeldByOneself(_)
            | Broken::StillHeld(..)
            | Broken::TooManyRoles(_) => "person",
        }
    }
}

/// All people of a tenant are in its one roster: those are in the way whose roles somebody else has changed since.
impl Undo for People {
    const REGISTER: &'static str = "people";
    const IN_PART: bool = true;

    fn is_there(_: &Admission) -> bool {
        true
    }

    fn back(&self, roster: &Touched<'_, Admission>) -> Back<Self> {
        let held = |admission: &Admission, person: &str| -> Held { admission.roster().held(person).collect() };
        let before = |person: &str| roster.before.map(|before| held(before, person)).unwrap_or_default();
        let mut people: BTreeSet<&String> = roster.left.roster().roles.keys().collect();
        people.extend(roster.before.iter().flat_map(|before| before.roster().roles.keys()));
        let (mut commands, mut in_the_way) = (Vec::new(), Vec::new());
        for person in people {
            let (then, left) = (before(person), held(roster.left, person));
            if then == left {
                continue;
            }
            if held(roster.now, person) != left {
                in_the_way.push(changed_since(person));
                continue;
            }
            // What is over by now gives nobody anything.
            let roles: Held = then.into_iter().filter(|(_, term)| !term.is_over(self.now)).collect();
            commands.push(Command::Assign { person: person.clone(), roles, administrator: self.administrator });
        }
        // Who becomes a manager again does so before another one is none any more.
        commands.sort_by_key(|command| !manages(command));
        if in_the_way.is_empty() { Ok(commands) } else { Err(in_the_way) }
    }

    fn about<'a>(object: &'a str, command: &'a Command) -> &'a str {
        if let Command::Assign { person, .. } = command { person } else { object }
    }
}

type Held = BTreeMap<RoleName, Term>;

fn manages(command: &Command) -> bool {
    let manager = RoleName::Common(Role::IsmsManager);
    matches!(command, Command::Assign { roles, .. } if roles.contains_key(&manager))
}

impl People {
    fn draft(&self, row: &Row, known: &Known, seen: &mut Seen) -> Result<Draft<Command>, Vec<FieldError>> {
        let mut cells = Cells::of(row);
        let person = cells.named("person", seen);
        let person = person.and_then(|person| cells.faults.keep(checked_person("person", &person)));
        if cells.given("roles").is_none() {
            cells
                .faults
                .wrong("roles", "it is empty: name the roles that the person has from now on, such as risk_owner");
        }
        let names = entries(row.cell("roles")).map(|name| name.to_lowercase().replace(' ', "_"));
        let names: Vec<RoleName> = names.map(RoleName::from).collect();
        let from = begins(&mut cells);
        let until = ends(&mut cells);
        if from.zip(until).is_some_and(|(from, until)| until <= from) {
            cells.faults.wrong("until", "it does not lie after `from`: no time is left between");
        }
        let made = person.map(|person| {
            let held: Held = known.roster.held(&person).collect();
            // What the row leaves open stays as it is.
            let term = |role: &RoleName| match (from, until) {
                (None, None) => held.get(role).copied().unwrap_or(Term::ALWAYS),
                (from, until) => Term { from, until },
            };
            let roles = names.into_iter().map(|role| (role.clone(), term(&role))).collect();
            let (existed, administrator) = (!held.is_empty(), self.administrator);
            let commands = vec![Command::Assign { person, roles, administrator }];
            Draft { row: row.number, id: known.tenant.clone(), existed, reason: None, commands }
        });
        cells.settle(made)
    }
}

/// An instant, or the beginning of a day.
fn begins(cells: &mut Cells<'_>) -> Option<DateTime<Utc>> {
    let written = cells.given("from")?;
    match day_of_cell("from", written) {
        Ok(day) => Some(day.and_time(NaiveTime::MIN).and_utc()),
        Err(_) => cells.faults.keep(instant("from", written).map_err(|_| no_day_nor_instant("from", written))),
    }
}

/// An instant, or the end of a day.
fn ends(cells: &mut Cells<'_>) -> Option<DateTime<Utc>> {
    let written = cells.given("until")?;
    match day_of_cell("until", written) {
        Ok(day) => day.checked_add_days(Days::new(1)).map(|day| day.and_time(NaiveTime::MIN).and_utc()),
        Err(_) => cells.faults.keep(instant("until", written).map_err(|_| no_day_nor_instant("until", written))),
    }
}

#[cfg(test)]
mod tests {
    use super::{Known, People};
    use access::{Command, Role, RoleName, Roster, Term};
    use service::{Progress, Table, Upload};

    fn read(file: &str) -> (Vec<String>, Vec<String>) {
        let table = Table::read(file.as_bytes(), None, &People::COLUMNS).expect("a table");
        let mut roster = Roster::default();
        roster.roles.insert("jo".to_owned(), [RoleName::Common(Role::Viewer)].into());
        let until = Term { from: None, until: "2027-01-01T00:00:00Z".parse().ok() };
        roster.terms.insert("jo".to_owned(), [(RoleName::Common(Role::Viewer), until)].into());
        let known = Known { tenant: "t".to_owned(), roster };
        let (drafts, errors) =
            People { administrator: false, now: "2026-03-01T09:30:00Z".parse().expect("an instant") }.read(
                &table,
                &known,
                &Progress::default(),
            );
        let said = drafts.into_iter().flat_map(|draft| draft.commands).map(|command| {
            let Command::Assign { person, roles, .. } = command else { panic!("roles are assigned") };
            let shown = |(role, Term { from, until }): (RoleName, Term)| {
                let [from, until] =
                    [from, until].map(|at| at.map(|at| at.format("%F").to_string()).unwrap_or_default());
                format!("{role} {from}..{until}")
            };
            format!("{person}: {}", roles.into_iter().map(shown).collect::<Vec<_>>().join(", "))
        });
        (said.collect(), errors.iter().map(|error| format!("{}: {}", error.field, error.detail)).collect())
    }

    #[test]
    fn a_row_says_all_roles_and_a_term_that_it_leaves_open_stays() {
        let (said, errors) = read(
            "handle,email,Roles,from,until\njo,jo@example.org,Viewer|risk owner,,\nsam,,keeper,2026-04-01,2026-04-30\n",
        );
        assert_eq!(errors, Vec::<String>::new());
        assert_eq!(said, ["jo: risk_owner .., viewer ..2027-01-01", "sam: keeper 2026-04-01..2026-05-01"]);
    }

    #[test]
    fn every_wrong_cell_is_told() {
        let (_, errors) = read("person,roles,until\nSam,,soon\njo,viewer,\njo,viewer,\n");
        let starts = [
            "person: `Sam` is not a person's handle",
            "roles: it is empty",
            "until: `soon` is neither a day nor an instant",
            "person: jo is in row 3",
        ];
        assert_eq!(errors.len(), starts.len(), "{errors:?}");
        for (error, start) in errors.iter().zip(starts) {
            assert!(error.starts_with(start), "{error}");
        }
    }
}

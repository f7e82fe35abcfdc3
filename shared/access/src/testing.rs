//! What the unit tests share.

use crate::admission::{Admission, Command, Event};
use crate::{RoleName, Term};
use chrono::{DateTime, Utc};
use eventstore::{Actor, Cx, TenantId};

pub fn given(events: Vec<Event>) -> Admission {
    let mut admission = Admission::default();
    for event in events {
        admission.apply(event);
    }
    admission
}

pub fn at(day: u32) -> DateTime<Utc> {
    format!("2026-03-{day:02}T09:30:00Z").parse().expect("an instant")
}

/// On the tenth.
pub fn by(person: &str) -> Cx {
    Cx::new(TenantId::random(), Actor::Person(person.to_owned()), at(10))
}

pub fn until(day: u32) -> Term {
    Term { from: None, until: Some(at(day)) }
}

pub fn from(day: u32) -> Term {
    Term { from: Some(at(day)), until: None }
}

pub fn granted(person: &str, role: RoleName, Term { from, until }: Term) -> Event {
    Event::Granted { person: person.to_owned(), role, from, until }
}

/// As an administrator of the organisation asks for it.
pub fn assign(person: &str, roles: &[(&str, Term)]) -> Command {
    let roles = roles.iter().map(|(role, term)| (RoleName::from((*role).to_owned()), *term)).collect();
    Command::Assign { person: person.to_owned(), roles, administrator: true }
}

use crate::notification::{About, Channel, Command, Kind, News, Notification};
use crate::responsibility::{Change, Responsibility};
use crate::{address_book, delivery};
use access::{Admission, Role, RoleName, Term};
use anyhow::Context;
use chrono::{DateTime, Utc};
use eventstore::{Actor, Recorded, Work};
use messaging::Reaction;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

// What is read of other services' events. They may say more, today and later.

#[derive(Deserialize)]
struct OwnerAssigned {
    owner: String,
}

#[derive(Deserialize)]
struct OwnerTakenBack {
    former_owner: String,
}

#[derive(Deserialize)]
struct TreatmentDecided {
    option: String,
    #[serde(default)]
    controls: Vec<String>,
}

#[derive(Deserialize)]
struct Required {
    risk: String,
}

#[derive(Deserialize)]
struct Described {
    title: String,
    owner: Option<String>,
}

#[derive(Deserialize)]
struct ErasureNoted {
    person: String,
}

pub fn when_risk_owner_is_assigned_then_tell_them(mails: bool) -> Reaction {
    Reaction::to(&["risk.owner_assigned"], move |work, event| {
        Box::pin(async move {
            let OwnerAssigned { owner } = data(event)?;
            let risk = event.stream.id();
            let text = format!("Risk {risk} is yours: you own it from now on.");
            assign(work, about("risk", risk), &owner).await?;
            tell(work, event, mails, news(owner, Kind::RiskAssigned, text, about("risk", risk))).await
        })
    })
}

/// An upload was taken back by which somebody had become the owner of what nobody owned.
pub fn when_an_owner_is_taken_back_then_tell_them(mails: bool) -> Reaction {
    Reaction::to(&["risk.owner_taken_back", "control.owner_taken_back"], move |work, event| {
        Box::pin(async move {
            let OwnerTakenBack { former_owner } = data(event)?;
            let (noun, about) = match event.stream.kind() {
                "risk" => ("Risk", about("risk", event.stream.id())),
                _ => ("Control", about("controls", event.stream.id())),
            };
            let object = &about.object;
            let text = format!("{noun} {object} is not yours any more: the upload that made it so was taken back.");
            work.execute::<Responsibility>(&key(&about), None, Change::End(about.clone())).await?;
            tell(work, event, mails, news(former_owner, Kind::OwnershipEnded, text, about)).await
        })
    })
}

pub fn when_treatment_is_decided_then_tell_the_owner(mails: bool) -> Reaction {
    Reaction::to(&["risk.treatment_decided"], move |work, event| {
        Box::pin(async move {
            let decided: TreatmentDecided = data(event)?;
            let about = about("risk", event.stream.id());
            let Some(owner) = owner(work, &about).await? else { return Ok(()) };
            let text = treatment_text(&about.object, &decided);
            tell(work, event, mails, news(owner, Kind::TreatmentDecided, text, about)).await
        })
    })
}

pub fn when_treatment_is_taken_back_then_tell_the_owner(mails: bool) -> Reaction {
    Reaction::to(&["risk.treatment_taken_back"], move |work, event| {
        Box::pin(async move {
            let about = about("risk", event.stream.id());
            let Some(owner) = owner(work, &about).await? else { return Ok(()) };
            let text = format!(
                "How your risk {} is treated is undecided again: the upload that decided it was taken back.",
                about.object
            );
            tell(work, event, mails, news(owner, Kind::TreatmentTakenBack, text, about)).await
        })
    })
}

pub fn when_control_owner_is_assigned_then_tell_them(mails: bool) -> Reaction {
    Reaction::to(&["control.owner_assigned"], move |work, event| {
        Box::pin(async move {
            let OwnerAssigned { owner } = data(event)?;
            let control = event.stream.id();
            let text = format!("Control {control} is yours: you own it from now on.");
            assign(work, about("controls", control), &owner).await?;
            tell(work, event, mails, news(owner, Kind::ControlAssigned, text, about("controls", control))).await
        })
    })
}

pub fn when_control_is_required_then_tell_its_owner(mails: bool) -> Reaction {
    Reaction::to(&["control.required"], move |work, event| {
        Box::pin(async move {
            let Required { risk } = data(event)?;
            let about = about("controls", event.stream.id());
            let Some(owner) = owner(work, &about).await? else { return Ok(()) };
            let text = format!("Your control {} is needed: the treatment of risk {risk} relies on it.", about.object);
            tell(work, event, mails, news(owner, Kind::ControlRequired, text, about)).await
        })
    })
}

/// The owner of a finding hears of it when it becomes theirs, by whatever said so.
pub fn when_a_finding_has_an_owner_then_tell_them(mails: bool) -> Reaction {
    Reaction::to(&["finding.raised", "finding.described"], move |work, event| {
        Box::pin(async move {
            let Described { title, owner: now } = data(event)?;
            let about = about("audit", event.stream.id());
            let before = owner(work, &about).await?;
            let Some(now) = now.filter(|now| before.as_ref() != Some(now)) else { return Ok(()) };
            let text = format!("Finding {} is yours to see to: {title}.", about.object);
            assign(work, about.clone(), &now).await?;
            tell(work, event, mails, news(now, Kind::FindingAssigned, text, about)).await
        })
    })
}

pub fn when_role_changes_then_tell_the_person(mails: bool) -> Reaction {
    Reaction::to(&["access."], move |work, event| {
        Box::pin(async move {
            let (people, kind, text) = match event.decode::<access::Event>()? {
                Some(access::Event::Granted { person, role, from, until }) => {
                    let text = format!("{} here {}.", being(&role), for_how_long(Term { from, until }));
                    (vec![person], Kind::RoleGranted, text)
                }
                Some(access::Event::Revoked { person, role }) => {
                    (vec![person], Kind::RoleRevoked, format!("{} here.", being_no_longer(&role)))
                }
                Some(access::Event::RoleDefined { role, actions }) => {
                    let actions = actions.into_iter().map(<&'static str>::from).collect::<Vec<_>>().join(", ");
                    let text = format!("Your role {role} has changed: from now on it allows {actions}.");
                    (holders(work, role).await?, Kind::RoleChanged, text)
                }
                Some(
                    access::Event::Opened { .. }
                    | access::Event::Named { .. }
                    | access::Event::HandedOver { .. }
                    | access::Event::RoleRemoved { .. }
                    | access::Event::Suspended {}
                    | access::Event::Resumed {}
                    | access::Event::Closed {},
                )
                | None => return Ok(()),
            };
            for person in people {
                let about = about("tenancy", event.stream.id());
                tell(work, event, mails, news(person, kind, text.clone(), about)).await?;
            }
            Ok(())
        })
    })
}

/// Everybody who holds a role of the tenant's own.
async fn holders(work: &mut Work, role: String) -> anyhow::Result<Vec<String>> {
    let tenant = work.cx().tenant.to_string();
    let (admission, _) = work.load::<Admission>(&tenant).await?;
    Ok(admission.holders(&RoleName::Own(role)).map(ToOwned::to_owned).collect())
}

/// People are their organisation's: who is called the same at the new owner must not be written to at the old one's address.
pub fn when_tenant_is_handed_over_then_forget_addresses() -> Reaction {
    Reaction::to(&["access.handed_over"], |work, event| {
        Box::pin(async move {
            if let Some(access::Event::HandedOver { .. }) = event.decode::<access::Event>()? {
                address_book::forget_everybody(work).await?;
            }
            Ok(())
        })
    })
}

/// The organisation erased somebody: what is kept of them here goes too.
pub fn when_a_person_is_erased_then_forget_them() -> Reaction {
    Reaction::to(&["erasure.noted"], |work, event| {
        Box::pin(async move {
            let ErasureNoted { person } = data(event)?;
            Ok(address_book::forget(work, &person).await?)
        })
    })
}

fn treatment_text(risk: &str, TreatmentDecided { option, controls }: &TreatmentDecided) -> String {
    let with = if controls.is_empty() { String::new() } else { format!(", with {}", controls.join(", ")) };
    format!("It was decided how your risk {risk} is treated: {option}{with}.")
}

fn spoken(role: Role) -> &'static str {
    match role {
        Role::IsmsManager => "an ISMS manager",
        Role::RiskOwner => "a risk owner",
        Role::ControlOwner => "a control owner",
        Role::Contributor => "a contributor",
        Role::InternalAuditor => "an internal auditor",
        Role::ExternalAuditor => "an external auditor",
        Role::Viewer => "a viewer",
    }
}

/// In UTC: where the person is, nobody here knows.
fn for_how_long(Term { from, until }: Term) -> String {
    let spoken = |at: DateTime<Utc>| at.format("%-d %B %Y, %H:%M UTC").to_string();
    match (from.map(spoken), until.map(spoken)) {
        (None, None) => "from now on".to_owned(),
        (Some(from), None) => format!("from {from}, on"),
        (None, Some(until)) => format!("from now until {until}"),
        (Some(from), Some(until)) => format!("from {from}, until {until}"),
    }
}

fn being(role: &RoleName) -> String {
    match role {
        RoleName::Common(role) => format!("You are {}", spoken(*role)),
        RoleName::Own(name) => format!("You have the role {name}"),
    }
}

fn being_no_longer(role: &RoleName) -> String {
    match role {
        RoleName::Common(role) => format!("You are no longer {}", spoken(*role)),
        RoleName::Own(name) => format!("You no longer have the role {name}"),
    }
}

fn about(service: &str, object: &str) -> About {
    About { service: service.to_owned(), object: object.to_owned() }
}

fn news(person: String, kind: Kind, text: String, about: About) -> News {
    News { person, kind, text, about }
}

fn data<T: DeserializeOwned>(event: &Recorded) -> anyhow::Result<T> {
    serde_json::from_value(event.data.clone()).with_context(|| format!("reading {}", event.event_type))
}

fn key(About { service, object }: &About) -> String {
    format!("{service}:{object}")
}

async fn assign(work: &mut Work, about: About, person: &str) -> anyhow::Result<()> {
    let (id, assign) = (key(&about), Change::Assign { about, person: person.to_owned() });
    work.execute::<Responsibility>(&id, None, assign).await?;
    Ok(())
}

async fn owner(work: &mut Work, about: &About) -> anyhow::Result<Option<String>> {
    let (responsibility, _) = work.load::<Responsibility>(&key(about)).await?;
    Ok(responsibility.owner().map(ToOwned::to_owned))
}

/// Tells a person, unless it was their own act; by mail too, where that is set up and they have an address.
async fn tell(work: &mut Work, event: &Recorded, mails: bool, news: News) -> anyhow::Result<()> {
    if matches!(&event.metadata.actor, Actor::Person(actor) if *actor == news.person) {
        return Ok(());
    }
    let id = Uuid::new_v5(&event.id, news.person.as_bytes());
    let person = news.person.clone();
    let reachable = mails && address_book::mails_to(work, &person, news.kind).await?.is_some();
    let channels = if reachable { vec![Channel::Email] } else { vec![] };
    let raise = Command::Raise { news, channels };
    let raised = work.execute::<Notification>(&id.to_string(), None, raise).await?;
    if raised.changed && reachable {
        delivery::enqueue(work, id, &person).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{TreatmentDecided, for_how_long, treatment_text};
    use access::Term;

    #[test]
    fn a_role_is_told_with_its_term() {
        let (from, until) = ("2026-06-01T00:00:00Z".parse().ok(), "2026-06-30T22:05:00Z".parse().ok());
        for (term, told) in [
            (Term::ALWAYS, "from now on"),
            (Term { from, until: None }, "from 1 June 2026, 00:00 UTC, on"),
            (Term { from: None, until }, "from now until 30 June 2026, 22:05 UTC"),
            (Term { from, until }, "from 1 June 2026, 00:00 UTC, until 30 June 2026, 22:05 UTC"),
        ] {
            assert_eq!(for_how_long(term), told);
        }
    }

    #[test]
    fn a_treatment_is_told_in_one_sentence() {
        let decided = |controls: &[&str]| TreatmentDecided {
            option: "mitigate".to_owned(),
            controls: controls.iter().map(ToString::to_string).collect(),
        };
        assert_eq!(
            treatment_text("R-7", &decided(&["A.8.13", "A.5.1"])),
            "It was decided how your risk R-7 is treated: mitigate, with A.8.13, A.5.1."
        );
        assert_eq!(treatment_text("R-7", &decided(&[])), "It was decided how your risk R-7 is treated: mitigate.");
    }
}

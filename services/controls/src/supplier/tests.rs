use super::{Adequacy, Agreement, AgreementKind, Assessment, Broken, Command, Criticality, Event, Profile, Supplier};
use chrono::NaiveDate;
use eventstore::{Actor, Cx, TenantId};

fn given(events: Vec<Event>) -> Supplier {
    let mut supplier = Supplier::default();
    for event in events {
        supplier.apply(event);
    }
    supplier
}

fn when(supplier: &Supplier, command: Command) -> Result<Vec<Event>, Broken> {
    let now = "2026-03-01T09:30:00Z".parse().expect("an instant");
    supplier.decide(command, &Cx::new(TenantId::random(), Actor::Person("mara".to_owned()), now))
}

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a day")
}

pub fn profile(criticality: Criticality) -> Profile {
    Profile { name: "Fjordcloud".to_owned(), criticality, services: vec![], information: None, owner: None }
}

pub fn assessed(assessed_again_by: &str) -> Event {
    Event::Assessed(Assessment {
        assessed_on: day("2026-02-01"),
        method: "Certificate".to_owned(),
        result: Adequacy::Adequate,
        finding: None,
        assessed_again_by: day(assessed_again_by),
    })
}

fn agreement(title: &str, ends_on: Option<&str>) -> Agreement {
    let (title, kind) = (title.to_owned(), AgreementKind::Confidentiality);
    Agreement { title, kind, signed_on: day("2026-01-01"), ends_on: ends_on.map(day), link: None }
}

pub fn agreed(title: &str, ends_on: Option<&str>) -> Event {
    Event::Agreed(agreement(title, ends_on))
}

fn registered(criticality: Criticality) -> Event {
    Event::Registered(profile(criticality))
}

#[test]
fn an_agreement_is_in_place_of_the_one_of_its_title() {
    let supplier = given(vec![registered(Criticality::Low), agreed("NDA", None)]);
    assert_eq!(when(&supplier, Command::Agree(agreement("NDA", None))), Ok(vec![]));
    let until = agreed("NDA", Some("2027-01-01"));
    assert_eq!(when(&supplier, Command::Agree(agreement("NDA", Some("2027-01-01")))), Ok(vec![until]));
    assert_eq!(when(&given(vec![]), Command::Agree(agreement("NDA", None))), Err(Broken::NotRegistered));
}

#[test]
fn one_that_an_upload_began_is_removed_with_it_and_its_ref_is_free() {
    let removed = given(vec![registered(Criticality::Low), Event::Removed {}]);
    assert_eq!(when(&given(vec![registered(Criticality::Low)]), Command::Remove), Ok(vec![Event::Removed {}]));
    assert_eq!(when(&removed, Command::Remove), Ok(vec![]));
    assert_eq!(when(&removed, Command::Describe(profile(Criticality::Low))), Err(Broken::NotRegistered));
    assert_eq!(when(&removed, Command::Register(profile(Criticality::High))), Ok(vec![registered(Criticality::High)]));
}

#[test]
fn one_that_much_depends_on_does_not_end_without_a_plan() {
    let end = || Command::End { ended_on: day("2026-02-28") };
    let ended = || Event::Ended { ended_on: day("2026-02-28") };
    assert_eq!(when(&given(vec![registered(Criticality::Medium)]), end()), Ok(vec![ended()]));
    let critical = || registered(Criticality::Critical);
    assert_eq!(when(&given(vec![critical()]), end()), Err(Broken::NoExitPlan));
    let planned = Event::ExitPlanned { plan: "Move to another".to_owned() };
    assert_eq!(when(&given(vec![critical(), planned]), end()), Ok(vec![ended()]));
    let gone = given(vec![registered(Criticality::Low), ended()]);
    assert_eq!(when(&gone, end()), Ok(vec![]));
    assert_eq!(when(&gone, Command::Describe(profile(Criticality::High))), Err(Broken::Ended));
    assert_eq!(when(&gone, Command::Register(profile(Criticality::High))), Err(Broken::Taken));
}

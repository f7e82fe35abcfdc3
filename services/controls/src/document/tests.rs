use super::{Broken, Command, Content, Document, Event, Kind, Profile};
use chrono::NaiveDate;
use eventstore::{Actor, Cx, TenantId};

fn given(events: Vec<Event>) -> Document {
    let mut document = Document::default();
    for event in events {
        document.apply(event);
    }
    document
}

fn when(document: &Document, command: Command, by: &str) -> Result<Vec<Event>, Broken> {
    let now = "2026-03-01T09:30:00Z".parse().expect("an instant");
    document.decide(command, &Cx::new(TenantId::random(), Actor::Person(by.to_owned()), now))
}

fn profile(approvers: &[&str]) -> Profile {
    let approvers = approvers.iter().map(|approver| (*approver).to_owned()).collect();
    Profile {
        title: "Policy".to_owned(),
        kind: Kind::Policy,
        owner: None,
        slot: None,
        approvers,
        audience: vec![],
        audience_roles: vec![],
    }
}

fn registered() -> Event {
    Event::Registered(profile(&["cleo", "mara"]))
}

fn content(text: &str) -> Content {
    Content { text: Some(text.to_owned()), link: None, file: None, sha256: None, summary: None }
}

fn drafted(version: u32, text: &str) -> Event {
    Event::Drafted { version, content: content(text) }
}

fn approved(version: u32, by: &str) -> Event {
    Event::Approved { version, approver: by.to_owned() }
}

fn day() -> NaiveDate {
    "2027-03-01".parse().expect("a day")
}

fn publish(version: u32) -> Command {
    Command::Publish { version, next_review: day() }
}

#[test]
fn a_version_that_says_the_same_is_no_new_one() {
    let document = given(vec![registered(), drafted(1, "a")]);
    assert_eq!(when(&document, Command::Draft(content("a")), "mara"), Ok(vec![]));
    assert_eq!(when(&document, Command::Draft(content("b")), "mara"), Ok(vec![drafted(2, "b")]));
}

#[test]
fn a_version_is_approved_by_those_who_are_named_and_nobody_else() {
    let document = given(vec![registered(), drafted(1, "a")]);
    let approve = || Command::Approve { version: 1 };
    assert_eq!(when(&document, approve(), "mara"), Ok(vec![approved(1, "mara")]));
    let named = ["cleo", "mara"].map(str::to_owned).to_vec();
    assert_eq!(when(&document, approve(), "sam"), Err(Broken::NotAnApprover(named)));
    let key = Cx::new(TenantId::random(), Actor::Key("k".to_owned()), "2026-03-01T09:30:00Z".parse().expect("one"));
    assert_eq!(document.decide(approve(), &key), Err(Broken::NotAPerson));
    let nobody = given(vec![Event::Registered(profile(&[])), drafted(1, "a")]);
    assert_eq!(when(&nobody, approve(), "mara"), Err(Broken::NoApprovers));
    assert_eq!(when(&nobody, publish(1), "mara"), Err(Broken::NoApprovers));
}

#[test]
fn only_what_all_have_approved_is_published() {
    let document = given(vec![registered(), drafted(1, "a"), approved(1, "mara")]);
    assert_eq!(when(&document, publish(1), "mara"), Err(Broken::NotApproved(1, vec!["cleo".to_owned()])));
    let document = given(vec![registered(), drafted(1, "a"), approved(1, "mara"), approved(1, "cleo")]);
    let published = Event::Published { version: 1, next_review: day() };
    assert_eq!(when(&document, publish(1), "sam"), Ok(vec![published]));
    assert_eq!(when(&document, publish(2), "sam"), Err(Broken::NoSuchVersion(2)));
}

#[test]
fn an_approval_is_of_one_version_and_a_newer_one_needs_its_own() {
    let all = [approved(1, "mara"), approved(1, "cleo")];
    let document = given([vec![registered(), drafted(1, "a")], all.to_vec(), vec![drafted(2, "b")]].concat());
    assert_eq!(when(&document, publish(1), "mara"), Err(Broken::NotNewest { newest: 2 }));
    assert_eq!(when(&document, Command::Approve { version: 1 }, "mara"), Err(Broken::NotNewest { newest: 2 }));
    assert!(matches!(when(&document, publish(2), "mara"), Err(Broken::NotApproved(2, missing)) if missing.len() == 2));
    // Who has to approve it may change, too: what counts is who does now.
    let document =
        given(vec![registered(), drafted(1, "a"), approved(1, "mara"), Event::Described(profile(&["mara"]))]);
    assert!(when(&document, publish(1), "mara").is_ok());
}

#[test]
fn a_retired_document_is_left_as_it_is() {
    let document = given(vec![registered(), drafted(1, "a"), Event::Retired {}]);
    assert_eq!(document.published(), None);
    for command in [Command::Draft(content("b")), Command::Approve { version: 1 }, publish(1)] {
        assert_eq!(when(&document, command, "mara"), Err(Broken::Retired));
    }
    assert_eq!(when(&document, Command::Retire, "mara"), Ok(vec![]));
    assert_eq!(when(&document, Command::Register(profile(&["mara"])), "mara"), Err(Broken::Taken));
}

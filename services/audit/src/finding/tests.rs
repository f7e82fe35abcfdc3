use super::body::DescribeFinding;
use super::{Broken, Command, Event, Finding, Kind, Profile};
use eventstore::{Actor, Cx, TenantId};
use serde_json::json;

pub fn cx() -> Cx {
    let now = "2026-03-01T09:30:00Z".parse().expect("an instant");
    Cx::new(TenantId::random(), Actor::Person("mara".to_owned()), now)
}

pub fn profile(title: &str) -> Profile {
    Profile {
        title: title.to_owned(),
        kind: Kind::Observation,
        description: None,
        requirements: vec![],
        source: None,
        raised_on: "2026-02-01".parse().expect("a day"),
        owner: None,
        due: None,
    }
}

fn when(finding: &mut Finding, command: Command) -> Result<Vec<Event>, Broken> {
    let events = finding.decide(command, &cx())?;
    for event in events.clone() {
        finding.apply(event);
    }
    Ok(events)
}

#[test]
fn what_is_closed_stays_as_it_is_until_it_is_reopened() {
    let mut finding = Finding::default();
    assert_eq!(when(&mut finding, Command::Close), Err(Broken::NotRaised));
    assert_eq!(when(&mut finding, Command::Raise(profile("Old"))), Ok(vec![Event::Raised(profile("Old"))]));
    assert_eq!(when(&mut finding, Command::Raise(profile("Old"))), Ok(vec![]));
    assert_eq!(when(&mut finding, Command::Raise(profile("New"))), Err(Broken::Taken));
    assert_eq!(when(&mut finding, Command::Close), Ok(vec![Event::Closed {}]));
    assert_eq!(when(&mut finding, Command::Close), Ok(vec![]));
    assert_eq!(when(&mut finding, Command::Describe(profile("Old"))), Ok(vec![]));
    assert_eq!(when(&mut finding, Command::Describe(profile("New"))), Err(Broken::Closed));
    assert_eq!(when(&mut finding, Command::Reopen), Ok(vec![Event::Reopened {}]));
    assert_eq!(when(&mut finding, Command::Reopen), Ok(vec![]));
    assert_eq!(when(&mut finding, Command::Describe(profile("New"))), Ok(vec![Event::Described(profile("New"))]));
    assert_eq!(when(&mut finding, Command::Remove), Ok(vec![Event::Removed {}]));
    assert!(when(&mut finding, Command::Raise(profile("Again"))).is_ok(), "its ref is free again");
}

#[test]
fn every_wrong_field_is_named() {
    let said = |body: serde_json::Value| serde_json::from_value::<DescribeFinding>(body).expect("a body");
    let wrong = json!({"title": " ", "kind": "observation", "requirements": ["9.2", "A.9.9"], "owner": "a b",
        "raised_on": "2026-03-02", "due": "soon"});
    assert_eq!(said(wrong).profile(&cx()).expect_err("refused").to_string(), "5 fields are wrong: see errors");
    let early = json!({"title": "x", "kind": "observation", "due": "2026-02-28"});
    assert_eq!(said(early).profile(&cx()).expect_err("refused").to_string(), "due: it lies before raised_on");
    let right = json!({"title": "x", "kind": "good_practice", "requirements": ["a.8.13", "9.2", "9.2"]});
    let right = said(right).profile(&cx()).expect("checked");
    assert_eq!(
        (right.requirements, right.raised_on.to_string()),
        (vec!["9.2".to_owned(), "A.8.13".to_owned()], "2026-03-01".to_owned())
    );
}

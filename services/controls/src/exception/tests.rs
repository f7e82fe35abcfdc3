use super::{Broken, Command, Event, Exception, Waiver};
use eventstore::{Actor, Cx, TenantId};

pub fn waiver(expires_on: &str) -> Waiver {
    Waiver {
        title: "No second factor".to_owned(),
        waived: "Sign-in by password alone".to_owned(),
        controls: vec!["A.8.5".to_owned()],
        document: None,
        justification: "It knows no other".to_owned(),
        compensating_measure: "Reachable from one room".to_owned(),
        expires_on: expires_on.parse().expect("a day"),
    }
}

fn given(events: Vec<Event>) -> Exception {
    let mut exception = Exception::default();
    for event in events {
        exception.apply(event);
    }
    exception
}

/// On the first of March.
fn when(exception: &Exception, command: Command, by: &str) -> Result<Vec<Event>, Broken> {
    let now = "2026-03-01T09:30:00Z".parse().expect("an instant");
    exception.decide(command, &Cx::new(TenantId::random(), Actor::Person(by.to_owned()), now))
}

fn requested(expires_on: &str) -> Event {
    Event::Requested { waiver: waiver(expires_on), requested_by: "sam".to_owned() }
}

fn changed(expires_on: &str, by: &str) -> Event {
    Event::Changed { waiver: waiver(expires_on), requested_by: by.to_owned() }
}

fn approved() -> Event {
    Event::Approved { approver: "mara".to_owned() }
}

#[test]
fn who_asks_is_not_who_approves() {
    let exception = given(vec![requested("2026-06-30")]);
    assert_eq!(when(&exception, Command::Approve, "sam"), Err(Broken::OwnRequest(vec!["sam".to_owned()])));
    assert_eq!(when(&exception, Command::Approve, "mara"), Ok(vec![approved()]));
    // Not by having somebody else change a word of it either.
    let exception = given(vec![requested("2026-06-30"), changed("2026-07-31", "olga")]);
    for asked in ["sam", "olga"] {
        assert!(matches!(when(&exception, Command::Approve, asked), Err(Broken::OwnRequest(_))), "{asked}");
    }
    let key = Cx::new(TenantId::random(), Actor::Key("k".to_owned()), "2026-03-01T09:30:00Z".parse().expect("one"));
    assert_eq!(exception.decide(Command::Approve, &key), Err(Broken::NotAPerson));
}

#[test]
fn what_is_changed_is_approved_anew() {
    let exception = given(vec![requested("2026-06-30"), approved()]);
    assert_eq!(when(&exception, Command::Approve, "mara"), Ok(vec![]));
    assert_eq!(when(&exception, Command::Change(waiver("2026-06-30")), "sam"), Ok(vec![]));
    let change = when(&exception, Command::Change(waiver("2026-12-31")), "sam");
    assert_eq!(change, Ok(vec![changed("2026-12-31", "sam")]));
    let exception = given(vec![requested("2026-06-30"), approved(), changed("2026-12-31", "sam")]);
    assert_eq!(when(&exception, Command::Approve, "mara"), Ok(vec![approved()]));
}

#[test]
fn a_change_that_is_taken_back_leaves_who_decides_as_it_was() {
    let before = given(vec![requested("2026-06-30"), approved()]);
    let asked = before.asked().expect("asked for");
    let exception = given(vec![requested("2026-06-30"), approved(), changed("2026-12-31", "olga")]);
    let restored = Event::Restored(asked.clone());
    assert_eq!(when(&exception, Command::Restore(asked.clone()), "mara"), Ok(vec![restored.clone()]));
    let exception = given(vec![requested("2026-06-30"), approved(), changed("2026-12-31", "olga"), restored]);
    assert_eq!(exception.asked(), Some(asked));
    for decides in ["olga", "mara"] {
        assert!(when(&exception, Command::Approve, decides).is_ok(), "what was approved is approved anew");
    }
    assert!(when(&exception, Command::Approve, "sam").is_err());
}

#[test]
fn one_that_an_upload_began_is_removed_with_it_and_its_ref_is_free() {
    assert_eq!(when(&given(vec![requested("2026-06-30")]), Command::Remove, "mara"), Ok(vec![Event::Removed {}]));
    let removed = given(vec![requested("2026-06-30"), Event::Removed {}]);
    assert_eq!(when(&removed, Command::Remove, "mara"), Ok(vec![]));
    assert_eq!(when(&removed, Command::End, "mara"), Err(Broken::NotRequested));
    let again = Command::Request(waiver("2026-06-30"));
    assert_eq!(when(&removed, again, "sam"), Ok(vec![requested("2026-06-30")]));
}

#[test]
fn one_that_has_expired_is_not_approved() {
    let exception = given(vec![requested("2026-02-28")]);
    let day = "2026-02-28".parse().expect("a day");
    assert_eq!(when(&exception, Command::Approve, "mara"), Err(Broken::Expired(day)));
    assert!(when(&given(vec![requested("2026-03-01")]), Command::Approve, "mara").is_ok());
}

#[test]
fn what_was_refused_or_has_ended_is_not_approved() {
    let refused = Event::Refused { approver: "mara".to_owned() };
    let exception = given(vec![requested("2026-06-30"), refused.clone()]);
    assert_eq!(when(&exception, Command::Approve, "mara"), Err(Broken::Refused));
    // Asked for once more as it was, it is decided anew.
    let again = when(&exception, Command::Change(waiver("2026-06-30")), "sam");
    assert_eq!(again, Ok(vec![changed("2026-06-30", "sam")]));
    assert_eq!(when(&given(vec![requested("2026-06-30")]), Command::Refuse, "mara"), Ok(vec![refused]));
    let exception = given(vec![requested("2026-06-30"), approved(), Event::Ended {}]);
    assert_eq!(when(&exception, Command::Change(waiver("2026-12-31")), "sam"), Err(Broken::Ended));
    assert_eq!(when(&exception, Command::End, "mara"), Ok(vec![]));
}

//! Who may live with what, and until when.

use super::{accepted, assessment, day, decided, given, identified, identify, owned, planned, profile, treat};
use crate::fixture::cx;
use crate::risk::{Because, Broken, Command, Event, Offered, Profile, Risk, Stage, TreatmentOption};
use eventstore::{Actor, Cx};

/// Mara's risk, mitigated; what is left is at this likelihood.
fn treated(left: &str) -> Vec<Event> {
    vec![
        identified(),
        owned("mara", None),
        Event::Assessed(assessment(Stage::Current, "4", "4")),
        Event::Assessed(assessment(Stage::Residual, left, "4")),
        decided(TreatmentOption::Mitigate, &["A.8.13"], &[]),
    ]
}

fn by(actor: &str, reason: Option<&str>) -> Cx {
    Cx { actor: Actor::Person(actor.to_owned()), reason: reason.map(ToOwned::to_owned), ..cx() }
}

fn accept() -> Command {
    Command::Accept(Offered { until: day("2026-12-31"), in_force: 1 })
}

fn confirm() -> Command {
    Command::ConfirmAcceptance { in_force: 1 }
}

/// The risk after what was decided.
fn after(mut events: Vec<Event>, decided: Vec<Event>) -> Risk {
    events.extend(decided);
    given(events)
}

#[test]
fn the_owner_accepts_what_is_left_once() {
    let risk = given(treated("1"));
    let events = vec![Event::Accepted(accepted(5))];
    assert_eq!(risk.decide(accept(), &by("mara", None)), Ok(events.clone()));
    let not_theirs = Err(Broken::NotTheOwner { owner: "mara".to_owned() });
    assert_eq!(risk.decide(accept(), &by("jo", None)), not_theirs);
    let key = Cx { actor: Actor::Key("mara".to_owned()), ..cx() };
    assert_eq!(risk.decide(accept(), &key), not_theirs, "a key that is called the same is nobody");
    let risk = after(treated("1"), events);
    assert!(risk.is_accepted());
    assert_eq!(risk.decide(accept(), &by("mara", None)), Ok(vec![]));
}

#[test]
fn what_is_not_decided_cannot_be_accepted() {
    let decide = |events: Vec<Event>, in_force| {
        let accept = Command::Accept(Offered { until: day("2026-12-31"), in_force });
        given(events).decide(accept, &by("mara", None))
    };
    let whole = treated("1");
    assert_eq!(decide(vec![identified()], 1), Err(Broken::NoOwner));
    assert_eq!(decide(whole[..4].to_vec(), 1), Err(Broken::NotTreated));
    let unassessed = whole.iter().filter(|event| !matches!(event, Event::Assessed(a) if a.stage == Stage::Residual));
    assert_eq!(decide(unassessed.cloned().collect(), 1), Err(Broken::NoResidual));
    assert_eq!(decide(whole, 2), Err(Broken::OldMethodology { made: 1, in_force: 2 }));
}

#[test]
fn what_is_done_nothing_about_is_accepted_as_it_is() {
    let mut events = treated("1");
    events.push(decided(TreatmentOption::Accept, &[], &["A.8.13"]));
    let decided = given(events).decide(accept(), &by("mara", Some("so"))).expect("decided");
    let [Event::AcceptanceAsked(acceptance)] = decided.as_slice() else { panic!("{decided:?}") };
    assert_eq!((acceptance.stage, acceptance.acceptable), (Stage::Current, false));
}

#[test]
fn above_the_acceptance_level_it_takes_a_reason_and_a_second_person() {
    let risk = given(treated("3"));
    assert_eq!(risk.decide(accept(), &by("mara", None)), Err(Broken::NoReason { level: "high".to_owned() }));
    assert_eq!(risk.decide(confirm(), &by("jo", None)), Err(Broken::NothingAsked));
    let asked = risk.decide(accept(), &by("mara", Some("No budget before May"))).expect("asked");
    assert!(matches!(asked.as_slice(), [Event::AcceptanceAsked(_)]), "{asked:?}");
    let risk = after(treated("3"), asked.clone());
    assert!(!risk.is_accepted(), "nobody confirmed it yet");
    assert_eq!(risk.decide(accept(), &by("mara", Some("No budget before May"))), Ok(vec![]));

    assert_eq!(risk.decide(confirm(), &by("mara", None)), Err(Broken::SamePerson));
    let key = Cx { actor: Actor::Key("jo".to_owned()), ..cx() };
    assert_eq!(risk.decide(confirm(), &key), Err(Broken::NotAPerson));
    let newer = Command::ConfirmAcceptance { in_force: 2 };
    assert_eq!(risk.decide(newer, &by("jo", None)), Err(Broken::OldMethodology { made: 1, in_force: 2 }));
    let late = Cx { now: "2027-01-01T00:00:00Z".parse().expect("an instant"), ..by("jo", None) };
    assert_eq!(risk.decide(confirm(), &late), Err(Broken::AskedTooLongAgo { until: day("2026-12-31") }));

    let confirmed = risk.decide(confirm(), &by("jo", None)).expect("confirmed");
    assert!(matches!(confirmed.as_slice(), [Event::Accepted(a)] if a.confirmed_by.as_deref() == Some("jo")));
    let risk = after(treated("3"), [asked, confirmed].concat());
    assert!(risk.is_accepted());
    assert_eq!(risk.decide(confirm(), &by("jo", None)), Ok(vec![]));
    assert_eq!(risk.decide(confirm(), &by("ann", None)), Err(Broken::NothingAsked));
    assert_eq!(risk.decide(accept(), &by("mara", Some("still so"))), Ok(vec![]), "it is confirmed already");
}

#[test]
fn a_material_change_ends_an_acceptance_by_itself() {
    let lapsed = |command: Command| {
        let risk = after(treated("1"), vec![Event::Accepted(accepted(5))]);
        let events = risk.decide(command, &by("jo", Some("so"))).expect("decided");
        let because = events.iter().find_map(|event| {
            let Event::AcceptanceLapsed { because } = event else { return None };
            Some(*because)
        });
        (because, after(treated("1"), [vec![Event::Accepted(accepted(5))], events].concat()).is_accepted())
    };
    let renamed = Profile { name: "Spill".to_owned(), ..profile("Leak") };
    let action = crate::risk::Action { what: "x".to_owned(), who: "jo".to_owned(), due: day("2026-05-01") };
    for (command, because) in [
        (Command::Describe(renamed), Because::Description),
        (Command::Assess(assessment(Stage::Residual, "2", "4")), Because::Assessment),
        (Command::AssignOwner("jo".to_owned()), Because::Owner),
        (Command::NoteExistingControls(vec!["A.5.1".to_owned()]), Because::ExistingControls),
        (treat(TreatmentOption::Transfer, &[]), Because::Treatment),
        (Command::PlanAction { action: "T-1".to_owned(), planned: action }, Because::Actions),
        (Command::Close, Because::Closing),
    ] {
        assert_eq!(lapsed(command), (Some(because), false));
    }
    // Looked at again and found the same, or what is so already: nothing changed.
    for same in [Command::Assess(assessment(Stage::Residual, "1", "4")), identify("Leak", Some("mara"))] {
        assert_eq!(lapsed(same), (None, true));
    }
    // What was only asked for is not to be confirmed on another risk either.
    let asked = given(treated("3")).decide(accept(), &by("mara", Some("so"))).expect("asked");
    let risk = after(treated("3"), asked);
    let events = risk.decide(Command::Assess(assessment(Stage::Current, "5", "5")), &by("jo", None)).expect("assessed");
    assert_eq!(events.last(), Some(&Event::AcceptanceLapsed { because: Because::Assessment }));
}

#[test]
fn an_acceptance_is_withdrawn_once() {
    let risk = after(treated("1"), vec![Event::Accepted(accepted(5))]);
    let withdrawn = vec![Event::AcceptanceWithdrawn {}];
    assert_eq!(risk.decide(Command::WithdrawAcceptance, &by("jo", Some("so"))), Ok(withdrawn.clone()));
    let risk = after(treated("1"), [vec![Event::Accepted(accepted(5))], withdrawn].concat());
    assert!(!risk.is_accepted());
    assert_eq!(risk.decide(Command::WithdrawAcceptance, &by("jo", Some("so"))), Ok(vec![]));
}

#[test]
fn the_plan_is_approved_together_with_what_is_left() {
    let approve = || Command::ApprovePlan(Offered { until: day("2026-12-31"), in_force: 1 });
    let both = vec![Event::PlanApproved { revision: 5 }, Event::Accepted(accepted(5))];
    assert_eq!(given(treated("1")).decide(approve(), &by("mara", None)), Ok(both.clone()));
    let risk = after(treated("1"), both);
    assert_eq!(risk.decide(approve(), &by("mara", None)), Ok(vec![]));
    assert_eq!(risk.decide(approve(), &by("jo", None)), Err(Broken::NotTheOwner { owner: "mara".to_owned() }));
    let risk = after(treated("1"), vec![planned("T-1", "2026-05-01")]);
    let anew = risk.decide(approve(), &by("mara", None)).expect("approved");
    assert_eq!(anew, [Event::PlanApproved { revision: 6 }, Event::Accepted(accepted(6))]);
}

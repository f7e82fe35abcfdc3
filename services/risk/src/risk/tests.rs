mod acceptance;

use super::{
    Acceptance, Action, Assessment, Broken, Command, Event, NoControls, Profile, Risk, Stage, Treatment,
    TreatmentOption,
};
use crate::fixture::cx;
use crate::methodology::{InForce, Written};
use chrono::NaiveDate;

pub fn given(events: impl IntoIterator<Item = Event>) -> Risk {
    let mut risk = Risk::default();
    events.into_iter().for_each(|event| risk.apply(event));
    risk
}

pub fn texts(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

pub fn profile(name: &str) -> Profile {
    Profile {
        name: name.to_owned(),
        description: "What may happen".to_owned(),
        assets: texts(&["A-1"]),
        category: None,
        threat: None,
        vulnerability: None,
    }
}

pub fn assessment(stage: Stage, likelihood: &str, impact: &str) -> Assessment {
    let at = |text| Written { field: "", text };
    let rating = InForce::baseline().rate(at(likelihood), at(impact), None).expect("on the scales");
    Assessment { stage, rating, rationale: None }
}

pub fn owned(owner: &str, former: Option<&str>) -> Event {
    Event::OwnerAssigned { owner: owner.to_owned(), former_owner: former.map(ToOwned::to_owned) }
}

pub fn decided(option: TreatmentOption, controls: &[&str], released: &[&str]) -> Event {
    Event::TreatmentDecided { option, controls: texts(controls), released_controls: texts(released) }
}

pub fn planned(action: &str, due: &str) -> Event {
    let (what, who) = ("Restore it".to_owned(), "jo".to_owned());
    Event::ActionPlanned { action: action.to_owned(), what, who, due: day(due) }
}

/// By mara until the end of the year, of what is left at `assessment(Residual, 1, 4)`.
pub fn accepted(revision: u32) -> Acceptance {
    let rating = assessment(Stage::Residual, "1", "4").rating;
    Acceptance {
        owner: "mara".to_owned(),
        until: day("2026-12-31"),
        stage: Stage::Residual,
        level: rating.level,
        acceptable: rating.acceptable,
        methodology_revision: 1,
        revision,
        confirmed_by: None,
    }
}

pub fn day(text: &str) -> NaiveDate {
    text.parse().expect("a day")
}

fn treat(option: TreatmentOption, controls: &[&str]) -> Command {
    Command::DecideTreatment(Treatment::new(option, texts(controls)).expect("a treatment"))
}

fn identify(name: &str, owner: Option<&str>) -> Command {
    Command::Identify { profile: profile(name), owner: owner.map(ToOwned::to_owned) }
}

fn identified() -> Event {
    Event::Identified(profile("Leak"))
}

fn assessed(stage: Stage) -> Event {
    Event::Assessed(assessment(stage, "4", "5"))
}

#[test]
fn a_risk_is_identified_once_with_its_owner() {
    let events = vec![identified(), owned("mara", None)];
    assert_eq!(given([]).decide(identify("Leak", Some("mara")), &cx()), Ok(events.clone()));
    assert_eq!(given(events.clone()).decide(identify("Leak", Some("mara")), &cx()), Ok(vec![]));
    assert_eq!(given(events.clone()).decide(identify("Leak", None), &cx()), Ok(vec![]));
    assert_eq!(given(events.clone()).decide(identify("Flood", Some("mara")), &cx()), Err(Broken::RefTaken));
    assert_eq!(given(events).decide(identify("Leak", Some("jo")), &cx()), Err(Broken::RefTaken));
}

#[test]
fn a_handover_names_the_former_owner() {
    let risk = given([identified(), owned("mara", None)]);
    let handed = Ok(vec![owned("jo", Some("mara"))]);
    assert_eq!(risk.decide(Command::AssignOwner("jo".to_owned()), &cx()), handed);
    assert_eq!(risk.decide(Command::AssignOwner("mara".to_owned()), &cx()), Ok(vec![]));
}

#[test]
fn each_stage_has_its_own_assessment_and_looking_again_is_news() {
    let risk = given([identified(), assessed(Stage::Current)]);
    assert_eq!(
        risk.decide(Command::Assess(assessment(Stage::Current, "Likely", "Severe")), &cx()),
        Ok(vec![assessed(Stage::Current)])
    );
    assert_eq!(
        risk.decide(Command::Assess(assessment(Stage::Residual, "4", "5")), &cx()),
        Ok(vec![assessed(Stage::Residual)])
    );
    let explained = Assessment { rationale: Some("Seen twice".to_owned()), ..assessment(Stage::Current, "4", "5") };
    let news = Ok(vec![Event::Assessed(explained.clone())]);
    assert_eq!(risk.decide(Command::Assess(explained), &cx()), news);
}

#[test]
fn a_risk_is_assessed_before_its_treatment_is_decided() {
    let accept = || treat(TreatmentOption::Accept, &[]);
    assert_eq!(given([identified()]).decide(accept(), &cx()), Err(Broken::NotAssessed));
    // What will remain says nothing about what is.
    assert_eq!(given([identified(), assessed(Stage::Residual)]).decide(accept(), &cx()), Err(Broken::NotAssessed));
    for stage in [Stage::Current, Stage::Inherent] {
        let done = Ok(vec![decided(TreatmentOption::Accept, &[], &[])]);
        assert_eq!(given([identified(), assessed(stage)]).decide(accept(), &cx()), done);
    }
}

#[test]
fn mitigating_takes_a_control_and_the_other_options_none() {
    assert_eq!(Treatment::new(TreatmentOption::Mitigate, vec![]), Err(NoControls));
    for option in [TreatmentOption::Transfer, TreatmentOption::Accept, TreatmentOption::Avoid] {
        assert!(Treatment::new(option, vec![]).is_ok());
    }
}

#[test]
fn a_new_treatment_releases_the_controls_that_it_does_without() {
    let first = decided(TreatmentOption::Mitigate, &["A.5.2", "A.8.13"], &[]);
    let risk = given([identified(), assessed(Stage::Current), first]);
    assert_eq!(risk.decide(treat(TreatmentOption::Mitigate, &["A.5.2", "A.8.13"]), &cx()), Ok(vec![]));
    assert_eq!(
        risk.decide(treat(TreatmentOption::Mitigate, &["A.8.13", "A.8.15"]), &cx()),
        Ok(vec![decided(TreatmentOption::Mitigate, &["A.8.13", "A.8.15"], &["A.5.2"])])
    );
    assert_eq!(
        risk.decide(treat(TreatmentOption::Avoid, &[]), &cx()),
        Ok(vec![decided(TreatmentOption::Avoid, &[], &["A.5.2", "A.8.13"])])
    );
}

#[test]
fn existing_controls_are_noted_whole() {
    let noted = Event::ExistingControlsNoted { controls: texts(&["A.8.3"]) };
    let risk = given([identified(), noted.clone()]);
    assert_eq!(risk.decide(Command::NoteExistingControls(texts(&["A.8.3"])), &cx()), Ok(vec![]));
    let none = Event::ExistingControlsNoted { controls: vec![] };
    assert_eq!(risk.decide(Command::NoteExistingControls(vec![]), &cx()), Ok(vec![none]));
}

#[test]
fn actions_follow_the_treatment_and_what_is_done_stays() {
    let mut risk = given([identified(), assessed(Stage::Current)]);
    let plan = |due: &str| Command::PlanAction {
        action: "T-1".to_owned(),
        planned: Action { what: "Restore it".to_owned(), who: "jo".to_owned(), due: day(due) },
    };
    let finish = || Command::FinishAction { action: "T-1".to_owned(), on: day("2026-03-01") };
    let dropped = || Command::DropAction { action: "T-1".to_owned() };
    assert_eq!(risk.decide(plan("2026-03-31"), &cx()), Err(Broken::NotTreated));
    risk.apply(decided(TreatmentOption::Avoid, &[], &[]));
    assert_eq!(risk.decide(finish(), &cx()), Err(Broken::NoSuchAction { action: "T-1".to_owned() }));
    assert_eq!(risk.decide(plan("2026-03-31"), &cx()), Ok(vec![planned("T-1", "2026-03-31")]));
    risk.apply(planned("T-1", "2026-03-31"));
    assert_eq!(risk.decide(plan("2026-03-31"), &cx()), Ok(vec![]));
    assert_eq!(risk.decide(plan("2026-04-30"), &cx()), Ok(vec![planned("T-1", "2026-04-30")]));
    assert_eq!(risk.decide(dropped(), &cx()), Ok(vec![Event::ActionDropped { action: "T-1".to_owned() }]));
    assert_eq!(risk.decide(Command::Close, &cx()), Err(Broken::ActionsOpen { actions: "T-1".to_owned() }));

    let done = Event::ActionDone { action: "T-1".to_owned(), on: day("2026-03-01") };
    assert_eq!(risk.decide(finish(), &cx()), Ok(vec![done.clone()]));
    risk.apply(done);
    assert_eq!(risk.decide(finish(), &cx()), Ok(vec![]));
    for late in [plan("2026-04-30"), dropped()] {
        assert_eq!(risk.decide(late, &cx()), Err(Broken::ActionIsDone { action: "T-1".to_owned() }));
    }
}

#[test]
fn a_closed_risk_changes_only_after_it_is_reopened() {
    let mut risk = given([identified(), assessed(Stage::Current), owned("mara", None)]);
    assert_eq!(risk.decide(Command::Reopen, &cx()), Ok(vec![]));
    let closed = Event::Closed { released_controls: vec![] };
    assert_eq!(risk.decide(Command::Close, &cx()), Ok(vec![closed.clone()]));
    risk.apply(closed);
    assert_eq!(risk.decide(Command::Close, &cx()), Ok(vec![]));
    assert_eq!(risk.decide(treat(TreatmentOption::Avoid, &[]), &cx()), Err(Broken::Closed));
    let again = Command::Assess(assessment(Stage::Current, "4", "5"));
    assert_eq!(risk.decide(again, &cx()), Err(Broken::Closed));
    // What is so already is no change.
    assert_eq!(risk.decide(Command::AssignOwner("mara".to_owned()), &cx()), Ok(vec![]));
    let reopened = Event::Reopened { option: None, controls: vec![] };
    assert_eq!(risk.decide(Command::Reopen, &cx()), Ok(vec![reopened.clone()]));
    risk.apply(reopened);
    assert!(risk.decide(treat(TreatmentOption::Avoid, &[]), &cx()).is_ok());
}

#[test]
fn a_closed_risk_relies_on_no_control_until_it_is_reopened() {
    let controls = texts(&["A.5.10", "A.8.13"]);
    let mut risk =
        given([identified(), assessed(Stage::Current), decided(TreatmentOption::Mitigate, &["A.5.10", "A.8.13"], &[])]);
    let closed = Event::Closed { released_controls: controls.clone() };
    assert_eq!(risk.decide(Command::Close, &cx()), Ok(vec![closed.clone()]));
    risk.apply(closed);
    let reopened = Event::Reopened { option: Some(TreatmentOption::Mitigate), controls };
    assert_eq!(risk.decide(Command::Reopen, &cx()), Ok(vec![reopened]));
}

#[test]
fn events_are_stored_flat() {
    let event = Event::Assessed(assessment(Stage::Current, "3", "4"));
    let expected = serde_json::json!({"type": "assessed", "data": {
        "stage": "current",
        "likelihood": {"score": 3, "label": "Possible"},
        "impact": {"score": 4, "label": "Major"},
        "level": {"rank": 2, "label": "high"},
        "acceptable": false,
        "methodology_revision": 1
    }});
    assert_eq!(serde_json::to_value(&event).expect("json"), expected);
    assert_eq!(serde_json::from_value::<Event>(expected).expect("read"), event);
}

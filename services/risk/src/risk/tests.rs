use super::{Assessment, Broken, Command, Event, NoControls, Profile, Risk, Stage, Treatment, TreatmentOption};
use crate::fixture::cx;
use crate::methodology::{InForce, Written};

pub fn given(events: impl IntoIterator<Item = Event>) -> Risk {
    let mut risk = Risk::default();
    events.into_iter().for_each(|event| risk.apply(event));
    risk
}

pub fn texts(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

pub fn profile(name: &str) -> Profile {
    Profile { name: name.to_owned(), description: "What may happen".to_owned(), assets: texts(&["A-1"]) }
}

pub fn assessment(stage: Stage, likelihood: &str, impact: &str) -> Assessment {
    let at = |text| Written { field: "", text };
    let rating = InForce::baseline().rate(at(likelihood), at(impact)).expect("on the scales");
    Assessment { stage, rating, rationale: None }
}

pub fn owned(owner: &str, former: Option<&str>) -> Event {
    Event::OwnerAssigned { owner: owner.to_owned(), former_owner: former.map(ToOwned::to_owned) }
}

pub fn decided(option: TreatmentOption, controls: &[&str], released: &[&str]) -> Event {
    Event::TreatmentDecided { option, controls: texts(controls), released_controls: texts(released) }
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

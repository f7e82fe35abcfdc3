use super::{
    Basis, Broken, Command, Control, Decision, Effectiveness, Event, Framework, Implementation, ImplementationState,
    Test, TestMethod, TreatmentOption,
};
use catalogue::Theme;
use eventstore::{Actor, Cx, TenantId};
use uuid::Uuid;

/// An added control to which `events` happened.
fn given(events: Vec<Event>) -> Control {
    let mut control = Control::default();
    for event in std::iter::once(added()).chain(events) {
        control.apply(event);
    }
    control
}

fn when(control: &Control, command: Command) -> Result<Vec<Event>, Broken> {
    let now = "2026-03-01T09:30:00Z".parse().expect("an instant");
    control.decide(command, &Cx::new(TenantId::random(), Actor::Person("mara".to_owned()), now))
}

fn added() -> Event {
    Event::Added {
        framework: Framework::Iso27001_2022,
        title: "Information backup".to_owned(),
        theme: Theme::Technological,
    }
}

fn add() -> Command {
    let title = "Information backup".to_owned();
    Command::Add { framework: Framework::Iso27001_2022, title, theme: Theme::Technological }
}

fn include(basis: Basis, why: &str) -> Command {
    Command::Decide(Decision::Included { basis, justification: why.to_owned() })
}

fn exclude(why: &str) -> Command {
    Command::Decide(Decision::Excluded { justification: why.to_owned() })
}

fn excluded(why: &str) -> Event {
    Event::Excluded { justification: why.to_owned() }
}

fn implement(state: ImplementationState) -> Command {
    Command::SetImplementation(Implementation { state, how: None })
}

fn required(risk: &str, option: TreatmentOption) -> Event {
    Event::Required { risk: risk.to_owned(), option }
}

fn require(risk: &str, option: TreatmentOption) -> Command {
    Command::Require { risk: risk.to_owned(), option }
}

#[test]
fn a_control_is_added_once_and_before_anything_else() {
    assert_eq!(when(&Control::default(), add()), Ok(vec![added()]));
    assert_eq!(when(&given(vec![]), add()), Ok(vec![]));
    assert_eq!(when(&Control::default(), require("R-1", TreatmentOption::Mitigate)), Err(Broken::NotAdded));
    assert_eq!(when(&Control::default(), exclude("no premises")), Err(Broken::NotAdded));
}

#[test]
fn a_decision_may_be_made_anew_and_the_same_one_is_no_event() {
    let control = given(vec![excluded("no premises")]);
    assert_eq!(when(&control, exclude("no premises")), Ok(vec![]));
    assert_eq!(when(&control, exclude("no offices")), Ok(vec![excluded("no offices")]));
    assert_eq!(
        when(&control, include(Basis::Law, "GDPR")),
        Ok(vec![Event::Included { basis: Basis::Law, justification: "GDPR".to_owned() }])
    );
}

#[test]
fn a_control_that_treatments_rely_on_is_not_excluded() {
    let mitigate = TreatmentOption::Mitigate;
    let control = given(vec![required("R-10", mitigate), required("R-2", mitigate)]);
    let broken = when(&control, exclude("too dear")).expect_err("refused");
    assert_eq!(broken, Broken::ReliedOn(vec!["R-2".to_owned(), "R-10".to_owned()]));
    assert!(broken.to_string().contains("R-2, R-10"), "{broken}");

    let released = ["R-2", "R-10"].map(|risk| Event::Released { risk: risk.to_owned() });
    let control = given([required("R-10", mitigate), required("R-2", mitigate)].into_iter().chain(released).collect());
    assert_eq!(when(&control, exclude("too dear")), Ok(vec![excluded("too dear")]));
}

#[test]
fn an_excluded_control_is_not_implemented() {
    let control = given(vec![excluded("no premises")]);
    assert_eq!(when(&control, implement(ImplementationState::Planned)), Err(Broken::ExcludedControl));
    assert_eq!(<&'static str>::from(&Broken::ExcludedControl), "excluded_control");
    assert_eq!(when(&control, implement(ImplementationState::NotStarted)), Ok(vec![]));
}

#[test]
fn implementation_moves_freely_and_what_is_so_already_is_no_event() {
    let operating = Event::ImplementationSet { state: ImplementationState::Operating, how: None };
    let control = given(vec![operating.clone()]);
    assert_eq!(when(&given(vec![]), implement(ImplementationState::Operating)), Ok(vec![operating]));
    assert_eq!(when(&control, implement(ImplementationState::Operating)), Ok(vec![]));
    let partial = Event::ImplementationSet { state: ImplementationState::Partial, how: None };
    assert_eq!(when(&control, implement(ImplementationState::Partial)), Ok(vec![partial]));
}

#[test]
fn a_new_owner_follows_the_former_one() {
    let assigned = |owner: &str, former: Option<&str>| Event::OwnerAssigned {
        owner: owner.to_owned(),
        former_owner: former.map(ToOwned::to_owned),
    };
    let control = given(vec![assigned("mara", None)]);
    assert_eq!(when(&control, Command::AssignOwner { owner: "mara".to_owned() }), Ok(vec![]));
    assert_eq!(when(&control, Command::AssignOwner { owner: "jo".to_owned() }), Ok(vec![assigned("jo", Some("mara"))]));
}

#[test]
fn a_first_owner_is_taken_back() {
    let owner = "mara".to_owned();
    let control = given(vec![Event::OwnerAssigned { owner: owner.clone(), former_owner: None }]);
    let back = Event::OwnerTakenBack { former_owner: owner };
    assert_eq!(when(&control, Command::TakeBackOwner), Ok(vec![back.clone()]));
    assert_eq!(given(vec![back]).owner(), None);
    assert_eq!(when(&given(vec![]), Command::TakeBackOwner), Ok(vec![]));
}

#[test]
fn a_treatment_requires_a_control_once_and_an_excluded_one_too() {
    let (mitigate, avoid) = (TreatmentOption::Mitigate, TreatmentOption::Avoid);
    let control = given(vec![excluded("no premises"), required("R-1", mitigate)]);
    assert_eq!(when(&control, require("R-1", mitigate)), Ok(vec![]));
    assert_eq!(when(&control, require("R-1", avoid)), Ok(vec![required("R-1", avoid)]));
    assert_eq!(when(&control, require("R-2", mitigate)), Ok(vec![required("R-2", mitigate)]));
    assert_eq!(when(&control, Command::Release { risk: "R-2".to_owned() }), Ok(vec![]));
    assert_eq!(
        when(&control, Command::Release { risk: "R-1".to_owned() }),
        Ok(vec![Event::Released { risk: "R-1".to_owned() }])
    );
}

#[test]
fn evidence_may_support_any_control() {
    let attach = Command::AttachEvidence { evidence: Uuid::nil(), title: "Restore test".to_owned() };
    let attached = Event::EvidenceAttached { evidence: Uuid::nil(), title: "Restore test".to_owned() };
    assert_eq!(when(&given(vec![]), attach), Ok(vec![attached]));
}

#[test]
fn events_are_written_as_published() {
    let written = serde_json::to_value(required("R-1", TreatmentOption::Mitigate)).expect("written");
    assert_eq!(written, serde_json::json!({"type": "required", "data": {"risk": "R-1", "option": "mitigate"}}));
    let written = serde_json::to_value(added()).expect("written");
    assert_eq!(written["data"]["framework"], "iso27001_2022");
    assert_eq!(written["data"]["theme"], "technological");
}

fn test(result: Effectiveness) -> Test {
    let tested_on = "2026-02-01".parse().expect("a day");
    Test { tested_on, method: TestMethod::Inspection, sample: "5 of 40".to_owned(), result, finding: None }
}

#[test]
fn a_test_is_noted_once_and_an_excluded_control_is_not_tested() {
    let effective = || Command::NoteTest(test(Effectiveness::Effective));
    let control = given(vec![]);
    assert_eq!(when(&control, effective()), Ok(vec![Event::Tested(test(Effectiveness::Effective))]));
    let tested = given(vec![Event::Tested(test(Effectiveness::Effective))]);
    assert_eq!(when(&tested, effective()), Ok(vec![]));
    let worse = Event::Tested(test(Effectiveness::Ineffective));
    assert_eq!(when(&tested, Command::NoteTest(test(Effectiveness::Ineffective))), Ok(vec![worse]));
    assert_eq!(when(&given(vec![excluded("no premises")]), effective()), Err(Broken::ExcludedControl));
}

#[test]
fn a_review_is_planned_and_put_off_and_called_off() {
    let day = |text: &str| text.parse().ok();
    let planned = |next_review| Event::ReviewPlanned { next_review };
    let control = given(vec![planned(day("2027-01-01"))]);
    assert_eq!(when(&control, Command::PlanReview { next_review: day("2027-01-01") }), Ok(vec![]));
    for next_review in [day("2027-02-01"), None] {
        assert_eq!(when(&control, Command::PlanReview { next_review }), Ok(vec![planned(next_review)]));
    }
    let mature = given(vec![Event::MaturityAssessed { level: 3 }]);
    assert_eq!(when(&mature, Command::AssessMaturity { level: 3 }), Ok(vec![]));
    assert_eq!(when(&mature, Command::AssessMaturity { level: 4 }), Ok(vec![Event::MaturityAssessed { level: 4 }]));
}

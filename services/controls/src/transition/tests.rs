use super::old::{self, OldRow};
use super::proposal::{Outlook, Proposal};
use crate::control::{Basis, ImplementationState};
use catalogue::control;
use serde_json::{Value, json};
use service::Table;

fn rows(file: &str) -> Vec<OldRow> {
    old::read(&Table::read(file.as_bytes(), None, &old::COLUMNS).expect("a table")).expect("right")
}

fn proposed(id: &str, file: &str, basis: Option<Basis>) -> Value {
    let proposal = Proposal::of(control(id).expect("one of 2022"), &rows(file), basis);
    serde_json::to_value(proposal).expect("written")
}

#[test]
fn what_was_one_control_is_decided_as_it_was() {
    let file = "control,applicable,basis,justification,state,how,owner\n\
                A.12.3.1,yes,LR,Books must be kept,implemented,Nightly,mara\n\
                11.1.6,no,,No deliveries,,,\n";
    let backup = proposed("A.8.13", file, None);
    let decision = json!({"applicable": true, "basis": "law", "justification": "Books must be kept"});
    assert_eq!((&backup["decision"], &backup["relation"]), (&decision, &json!("carried")));
    assert_eq!(backup["state"], "implemented");
    assert_eq!((&backup["how"], &backup["owner"]), (&json!("Nightly"), &json!("mara")));
    assert_eq!(proposed("A.8.11", file, None)["why"], "it is new in 2022");
}

#[test]
fn what_was_merged_is_decided_where_all_agree_and_left_where_not() {
    let both = "control,applicable,basis,justification,state,owner\nA.5.1.1,yes,BP,Sense,operating,mara\nA.5.1.2,yes,CO,Asked for,planned,sam\n";
    let merged = proposed("A.5.1", both, None);
    let decision =
        json!({"applicable": true, "basis": "good_practice", "justification": "A.5.1.1: Sense\nA.5.1.2: Asked for"});
    assert_eq!((&merged["decision"], &merged["from"]), (&decision, &json!(["A.5.1.1", "A.5.1.2"])));
    assert_eq!((&merged["state"], &merged["owner"]), (&json!("planned"), &Value::Null));
    let one = "control,applicable,justification\nA.5.1.1,yes,Sense\nA.5.1.2,no,Needless\n";
    let left = proposed("A.5.1", one, Some(Basis::Law));
    let why = "it merges what was included (A.5.1.1) and what was excluded (A.5.1.2)";
    assert_eq!((&left["outlook"], &left["why"], &left["decision"]), (&json!("to_decide"), &json!(why), &Value::Null));
    let half = proposed("A.5.1", "control,applicable\nA.5.1.1,yes\n", Some(Basis::Law));
    assert_eq!(half["why"], "the old statement does not say anything of A.5.1.2");
}

#[test]
fn the_one_that_was_split_is_told_at_both_of_its_parts() {
    for id in ["A.5.36", "A.8.8"] {
        let part = proposed(id, "control,applicable\nA.18.2.3,yes\n", None);
        assert_eq!((&part["split"], &part["relation"]), (&json!(["A.18.2.3"]), &json!("merged")), "{id}");
    }
}

#[test]
fn a_basis_that_is_not_said_is_asked_for() {
    let file = "control,applicable\nA.12.3.1,yes\n";
    assert!(proposed("A.8.13", file, None)["why"].as_str().is_some_and(|why| why.contains("the parameter basis")));
    let said = proposed("A.8.13", file, Some(Basis::GoodPractice));
    assert_eq!(said["decision"]["justification"], "As in the statement of 2013: A.12.3.1");
    let excluded = rows("control,applicable,justification\nA.12.3.1,no,None\n");
    let excluded = Proposal::of(control("A.8.13").expect("one"), &excluded, Some(Basis::Law));
    assert_eq!((excluded.outlook, excluded.state), (Outlook::Decided, None::<ImplementationState>));
}

#[test]
fn every_wrong_cell_is_told() {
    let file = "control,applicable,justification,basis,state,owner\n\
                A.8.13,yes,,,,\nA.12.3.1,maybe,,,,\n12.3.1,yes,,,,\nA.5.1.1,no,,,,\nA.5.1.2,yes,,luck,done,Mara\n";
    let table = Table::read(file.as_bytes(), None, &old::COLUMNS).expect("a table");
    let errors = old::read(&table).expect_err("refused");
    let told: Vec<_> = errors.iter().map(|error| (error.row.unwrap_or_default(), error.field.as_str())).collect();
    assert_eq!(
        told,
        [
            (2, "control"),
            (3, "applicable"),
            (4, "control"),
            (5, "justification"),
            (6, "basis"),
            (6, "state"),
            (6, "owner")
        ]
    );
}

#[test]
fn the_example_has_no_mistake_and_all_114_controls() {
    assert_eq!(rows(include_str!("../../../../examples/soa-2013.csv")).len(), 114);
}

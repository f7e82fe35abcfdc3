//! The embedded facts agree with each other and with the numbers that the standard is known by.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{annex_a, control};

fn list(file: &str, key: &str) -> Vec<Value> {
    let file: Value = serde_json::from_str(file).expect("a data file is JSON");
    file[key].as_array().unwrap_or_else(|| panic!("{key} is a list")).clone()
}

fn texts(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().expect("a list").iter().map(|text| text.as_str().expect("a text"))
}

#[test]
fn the_2013_edition_has_114_controls_each_with_a_title() {
    let controls = list(include_str!("../data/annex_a_2013.json"), "controls");
    let ids: BTreeSet<_> = controls.iter().filter_map(|control| control["id"].as_str()).collect();
    assert_eq!((controls.len(), ids.len()), (114, 114));
    assert!(controls.iter().all(|control| { control["title"].as_str().is_some_and(|title| !title.is_empty()) }));
}

#[test]
fn clauses_4_to_10_ask_for_18_documents() {
    let clauses = list(include_str!("../data/clauses_2022.json"), "clauses");
    assert_eq!(clauses.len(), 41);
    assert!(clauses.iter().all(|clause| { clause["heading"].as_str().is_some_and(|heading| !heading.is_empty()) }));
    let documents = clauses.iter().filter_map(|clause| clause["mandatory_documented_information"].as_array());
    assert_eq!(documents.map(Vec::len).sum::<usize>(), 18);
}

#[test]
fn every_2013_control_leads_to_2022_and_only_the_new_ones_come_from_nowhere() {
    let file = include_str!("../data/mapping_2013_2022.json");
    let mappings = list(file, "mappings");
    assert_eq!(mappings.len(), 114);
    let known: BTreeSet<_> = list(include_str!("../data/annex_a_2013.json"), "controls")
        .iter()
        .map(|control| control["id"].clone().to_string())
        .collect();
    assert!(mappings.iter().all(|mapping| known.contains(&mapping["from_2013"].to_string())));

    let targets: Vec<_> = mappings.iter().flat_map(|mapping| texts(&mapping["to_2022"])).collect();
    assert_eq!(targets.len(), 115);
    assert!(targets.iter().all(|id| control(id).is_some_and(|control| !control.is_new)));
    assert_eq!(targets.iter().collect::<BTreeSet<_>>().len(), 82);

    let new: Vec<_> = annex_a().iter().filter(|control| control.is_new).map(|control| control.id.as_str()).collect();
    assert_eq!(list(file, "new_2022"), new);
}

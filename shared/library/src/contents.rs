use crate::item::{Item, Risk, Treatment};
use catalogue::baseline_scales;
use serde::Serialize;
use serde_json::Value;
use service::{Change, FieldError, Problem, changes, field_error};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// All items of a library, by their keys.
pub type Contents = BTreeMap<String, Item>;

const MOST_ITEMS: usize = 1000;

/// A version travels to a tenant in one event, and an event in one message. More is a second library.
pub const MOST_BYTES: usize = 500_000;

/// What one version says and another does not.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = LibraryDifferences)]
pub struct Differences {
    pub added: Vec<Item>,
    pub changed: Vec<ChangedItem>,
    /// Keys of the items that are gone.
    pub removed: Vec<String>,
}

#[derive(Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = ChangedLibraryItem)]
pub struct ChangedItem {
    #[schema(example = "risk:R-1")]
    pub key: String,
    pub changes: Vec<Change>,
}

/// The items as they are kept, or every mistake in them: what is wrong in one, and what does not fit together.
pub fn checked_contents(items: Vec<Item>) -> Result<Contents, Problem> {
    if items.len() > MOST_ITEMS {
        let detail = format!("there are {}, and {MOST_ITEMS} are the most: make two libraries of them", items.len());
        return Err(Problem::field("items", detail));
    }
    let (mut contents, mut places, mut errors) = (Contents::new(), BTreeMap::new(), Vec::new());
    for (place, item) in items.into_iter().enumerate() {
        let kind = item.kind();
        match item.checked() {
            Ok(item) => {
                let key = item.key();
                if contents.insert(key.clone(), item).is_some() {
                    errors.push(field_error(format!("items[{place}]"), format!("{key} is said before: leave one out")));
                }
                places.insert(key, format!("items[{place}].{kind}"));
            }
            Err(wrong) => {
                errors.extend(wrong.into_iter().map(|error| at(&format!("items[{place}].{kind}"), error)));
            }
        }
    }
    if errors.is_empty() {
        errors.extend(contents.iter().flat_map(|(key, item)| {
            misfits(item, &contents).into_iter().map(|error| at(&places[key], error)).collect::<Vec<_>>()
        }));
    }
    if !errors.is_empty() {
        return Err(Problem::fields(errors));
    }
    let bytes = serde_json::to_vec(&contents).map_or(usize::MAX, |written| written.len());
    if bytes > MOST_BYTES {
        let detail = format!("they have {bytes} bytes, and {MOST_BYTES} are the most: make two libraries of them");
        return Err(Problem::field("items", detail));
    }
    Ok(contents)
}

fn at(place: &str, error: FieldError) -> FieldError {
    FieldError { field: format!("{place}.{}", error.field), ..error }
}

/// What an item says that the others do not bear out: a library stands by itself.
fn misfits(item: &Item, contents: &Contents) -> Vec<FieldError> {
    match item {
        Item::Risk(risk) => misfits_of_risk(risk, contents),
        Item::Asset(asset) => unknown_assets("supports", &asset.supports, contents),
        Item::Methodology(_) | Item::Control(_) | Item::Document(_) | Item::Supplier(_) => Vec::new(),
    }
}

fn misfits_of_risk(risk: &Risk, contents: &Contents) -> Vec<FieldError> {
    let mut errors = unknown_assets("assets", &risk.assets, contents);
    let scales = match contents.get("methodology") {
        Some(Item::Methodology(scales)) => scales,
        _ => baseline_scales(),
    };
    for assessment in &risk.assessments {
        let likelihood = scales.parse_likelihood(&assessment.likelihood.to_string()).map(drop);
        let impact = scales.parse_impact(&assessment.impact.to_string()).map(drop);
        let off = [likelihood, impact].into_iter().filter_map(Result::err);
        errors.extend(off.map(|error| field_error("assessments", error.to_string())));
    }
    let relied = risk.treatment.iter().flat_map(|Treatment { controls, .. }| controls);
    for control in relied {
        if let Some(Item::Control(said)) = contents.get(&format!("control:{control}"))
            && !said.applicable
        {
            let detail = format!("{control} is excluded in this library: include it, or do without it");
            errors.push(field_error("treatment.controls", detail));
        }
    }
    errors
}

fn unknown_assets(field: &str, named: &[String], contents: &Contents) -> Vec<FieldError> {
    let unknown = named.iter().filter(|asset| !contents.contains_key(&format!("asset:{asset}")));
    unknown.map(|asset| field_error(field, format!("{asset} is no asset of this library: add it too"))).collect()
}

/// SHA-256 of the items in the order of their keys, as canonical JSON (RFC 8785), in hexadecimal.
pub fn digest(contents: &Contents) -> serde_json::Result<String> {
    let items: Vec<&Item> = contents.values().collect();
    let written = serde_json_canonicalizer::to_vec(&items)?;
    Ok(eventstore::hex(&Sha256::digest(&written)))
}

impl Differences {
    pub fn between(before: &Contents, after: &Contents) -> Self {
        let value = |item: &Item| serde_json::to_value(item).unwrap_or(Value::Null);
        let changed = after.iter().filter_map(|(key, item)| {
            let changes = changes(&value(before.get(key)?), &value(item));
            (!changes.is_empty()).then(|| ChangedItem { key: key.clone(), changes })
        });
        Self {
            added: after.iter().filter(|(key, _)| !before.contains_key(*key)).map(|(_, item)| item.clone()).collect(),
            changed: changed.collect(),
            removed: before.keys().filter(|key| !after.contains_key(*key)).cloned().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Differences, checked_contents, digest};
    use crate::Item;
    use serde_json::{Value, json};

    fn items(items: Value) -> Vec<Item> {
        serde_json::from_value(items).expect("items")
    }

    fn asset(name: &str) -> Value {
        json!({"asset": {"ref": name, "name": name, "kind": "primary"}})
    }

    fn refused(said: Value) -> String {
        checked_contents(items(said)).expect_err("refused").to_string()
    }

    #[test]
    fn a_library_stands_by_itself() {
        let risk = json!({"risk": {"ref": "R-1", "name": "x", "assets": ["A-1"],
            "assessments": [{"stage": "current", "likelihood": 5, "impact": 5}],
            "treatment": {"option": "mitigate", "controls": ["A.8.13"]}}});
        let excluded = json!({"control": {"ref": "A.8.13", "applicable": false, "justification": "none"}});
        assert!(checked_contents(items(json!([risk, asset("A-1")]))).is_ok());
        assert_eq!(refused(json!([risk])), "items[0].risk.assets: A-1 is no asset of this library: add it too");
        assert!(
            refused(json!([excluded, asset("A-1"), risk]))
                .starts_with("items[2].risk.treatment.controls: A.8.13 is excluded")
        );
        assert_eq!(refused(json!([asset("A-1"), asset("A-1")])), "items[1]: asset:A-1 is said before: leave one out");
        let mut high = risk;
        high["risk"]["assessments"][0]["impact"] = json!(6);
        assert!(
            refused(json!([high, asset("A-1")]))
                .starts_with("items[0].risk.assessments: `6` is not on the impact scale")
        );
        let huge: Vec<Value> = (0..60)
            .map(|n| json!({"document": {"ref": format!("p-{n}"), "title": "x", "kind": "policy", "text": "x".repeat(10_000)}}))
            .collect();
        assert!(refused(json!(huge)).contains("500000 are the most"));
    }

    #[test]
    fn versions_are_told_apart_item_by_item() {
        let contents = |said| checked_contents(items(said)).expect("contents");
        let (one, two) = (contents(json!([asset("A-1"), asset("A-2")])), contents(json!([asset("A-3"), asset("A-2")])));
        let mut named = two.clone();
        if let Some(Item::Asset(asset)) = named.get_mut("asset:A-2") {
            asset.name = "Ledger".to_owned();
        }
        let differences = Differences::between(&one, &named);
        assert_eq!((differences.added.len(), differences.removed), (1, vec!["asset:A-1".to_owned()]));
        assert_eq!(differences.changed[0].changes[0].field, "asset.name");
        assert_ne!(digest(&one).expect("a digest"), digest(&two).expect("a digest"));
        assert_eq!(digest(&two).expect("a digest").len(), 64);
    }
}

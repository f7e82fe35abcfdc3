//! The contracts of proto/, as the wire is held against them.

mod rules;
mod written;

use crate::house::{root, sources};
use prost_reflect::{
    DescriptorPool, DeserializeOptions, DynamicMessage, FieldDescriptor, MessageDescriptor, ReflectMessage,
    SerializeOptions,
};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Every event that leaves a service, by its type.
pub struct Contracts {
    pool: DescriptorPool,
    events: BTreeMap<String, MessageDescriptor>,
}

impl Contracts {
    pub fn load() -> Self {
        let folder = root().join("proto");
        let mut compiler = protox::Compiler::new([&folder]).expect("proto/ is a folder");
        for file in sources(&["proto"], "proto") {
            compiler.open_file(folder.join(&file.path["proto/".len()..])).unwrap_or_else(|error| panic!("{error:?}"));
        }
        Self::of(compiler.descriptor_pool())
    }

    fn of(pool: DescriptorPool) -> Self {
        let mut events = BTreeMap::new();
        for message in pool.all_messages().filter(is_event) {
            let second = message.full_name().to_owned();
            if let Some(first) = events.insert(event_type(message.name()), message) {
                panic!("{} and {second} describe one event type: keep one of them", first.full_name());
            }
        }
        Self { pool, events }
    }

    /// The types of all events that are described.
    pub fn event_types(&self) -> BTreeSet<String> {
        self.events.keys().cloned().collect()
    }

    /// Whether the data of an event is what its contract says, to the letter: no field unknown, none missing that is
    /// not optional, none in another spelling of the same (`"3"` for 3, `formerOwner`, null for absent).
    pub fn decode(&self, event_type: &str, data: &Value) -> Result<(), String> {
        let message = self.events.get(event_type).ok_or_else(|| {
            format!("{event_type} has no contract: describe it in proto/stele/<service>/v1/events.proto")
        })?;
        let told = |error: String| format!("{event_type} is not what {} says: {error}", message.full_name());
        let strict = DeserializeOptions::new().deny_unknown_fields(true);
        let decoded = DynamicMessage::deserialize_with_options(message.clone(), data, &strict)
            .map_err(|error| told(error.to_string()))?;
        let plain = SerializeOptions::new()
            .use_proto_field_name(true)
            .stringify_64_bit_integers(false)
            .skip_default_fields(false);
        let written = decoded
            .serialize_with_options(serde_json::value::Serializer, &plain)
            .map_err(|error| told(error.to_string()))?;
        same("", data, &written).map_err(told)?;
        complete(&decoded).map_err(told)
    }
}

/// What stands in an events.proto is an event; what events are made of stands in a types.proto.
fn is_event(message: &MessageDescriptor) -> bool {
    message.parent_file().name().ends_with("/events.proto") && message.parent_message().is_none()
}

/// `RiskTreatmentDecided` is `risk.treatment_decided`: the first word is the stream type.
fn event_type(name: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for c in name.chars() {
        if c.is_uppercase() || words.is_empty() {
            words.push(String::new());
        }
        words.iter_mut().last().expect("one at least").extend(c.to_lowercase());
    }
    match words.split_first() {
        Some((stream, rest)) => format!("{stream}.{}", rest.join("_")),
        None => String::new(),
    }
}

/// Holds what was sent against how its contract would write it.
fn same(place: &str, sent: &Value, written: &Value) -> Result<(), String> {
    match (sent, written) {
        (Value::Object(sent), Value::Object(written)) => same_fields(place, sent, written),
        (Value::Array(sent), Value::Array(written)) if sent.len() == written.len() => (0..)
            .zip(sent.iter().zip(written))
            .try_for_each(|(at, (sent, written)): (usize, _)| same(&format!("{place}[{at}]"), sent, written)),
        // What a ListValue holds is a double: 2 comes back as 2.0.
        (Value::Number(sent), Value::Number(written)) if sent == written || sent.as_f64() == written.as_f64() => Ok(()),
        _ if sent == written => Ok(()),
        _ => Err(format!("{place} is {sent} where the contract writes {written}")),
    }
}

/// A message within that is not optional is there. The other kinds are held to it by `same`.
fn complete(message: &DynamicMessage) -> Result<(), String> {
    let is_needed = |field: &FieldDescriptor| field.supports_presence() && field.containing_oneof().is_none();
    match message.descriptor().fields().find(|field| is_needed(field) && !message.has_field(field)) {
        Some(field) => Err(missing(field.name())),
        None => message.fields().filter_map(|(_, value)| value.as_message()).try_for_each(complete),
    }
}

fn missing(place: &str) -> String {
    format!("{place} is missing: write it always, or make it `optional` in the contract")
}

fn same_fields(place: &str, sent: &Map<String, Value>, written: &Map<String, Value>) -> Result<(), String> {
    let at = |name: &str| if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") };
    for (name, value) in sent {
        match written.get(name) {
            Some(written) => same(&at(name), value, written)?,
            None => {
                return Err(format!(
                    "{} is {value}: spell it as in the contract, and leave out what is absent",
                    at(name)
                ));
            }
        }
    }
    match written.iter().find(|(name, value)| !sent.contains_key(*name) && !value.as_array().is_some_and(Vec::is_empty))
    {
        Some((name, _)) => Err(missing(&at(name))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::Contracts;
    use serde_json::json;

    fn refused(event_type: &str, data: &serde_json::Value) -> String {
        Contracts::load().decode(event_type, data).expect_err("it is refused")
    }

    #[test]
    fn contracts_take_what_they_describe() {
        let contracts = Contracts::load();
        for (event_type, data) in [
            ("notification.read", json!({})),
            ("risk.owner_assigned", json!({ "owner": "mara" })),
            ("risk.owner_assigned", json!({ "owner": "mara", "former_owner": "jo" })),
            ("control.noted", json!({ "state": "planned", "applicable": false, "evidence": 0 })),
            (
                "evidence.collected",
                json!({ "title": "Restore", "kind": "note", "note": "", "sha256": "e3b0", "supports": ["A.8.13"],
                    "collected_at": "2026-03-01T09:30:00Z", "valid_until": "2027-03-01T09:30:00.120Z" }),
            ),
            (
                "methodology.adopted",
                json!({ "revision": 1, "scales": {
                    "likelihood": ["rare", "likely"], "impact": ["minor", "major"], "levels": ["low", "high"],
                    "matrix": [[0, 0], [0, 1]], "acceptance_level": 0,
                } }),
            ),
        ] {
            assert_eq!(contracts.decode(event_type, &data), Ok(()));
        }
    }

    #[test]
    fn contracts_refuse_an_unknown_event_or_field() {
        assert!(refused("risk.forgotten", &json!({})).starts_with("risk.forgotten has no contract: describe it in"));
        let error = refused("risk.owner_assigned", &json!({ "owner": "mara", "colour": "red" }));
        assert!(error.contains("unrecognized field name 'colour'"), "{error}");
        let error = refused("notification.read", &json!({ "at": "noon" }));
        assert!(error.contains("unrecognized field name 'at'"), "{error}");
    }

    #[test]
    fn contracts_refuse_a_wrong_type() {
        for (event_type, data, told) in [
            ("risk.owner_assigned", json!({ "owner": 7 }), "integer `7`"),
            ("risk.existing_controls_noted", json!({ "controls": "A.8.13" }), "string \"A.8.13\""),
            ("risk.existing_controls_noted", json!(["A.8.13"]), "invalid type"),
            ("control.noted", json!({ "state": "planned", "evidence": 1.5 }), "expected integer value"),
            ("control.noted", json!({ "state": "planned", "evidence": -1 }), "out of range"),
            ("methodology.adopted", json!({ "revision": 1, "scales": { "matrix": [1] } }), "integer `1`"),
            ("evidence.collected", json!({ "collected_at": "yesterday" }), "timestamp"),
        ] {
            let error = refused(event_type, &data);
            assert!(error.contains(told), "{error}");
        }
    }

    #[test]
    fn contracts_refuse_another_spelling_of_the_same() {
        let error = refused("risk.owner_assigned", &json!({ "owner": "mara", "formerOwner": "jo" }));
        assert!(error.contains("formerOwner is \"jo\": spell it as in the contract"), "{error}");
        let error = refused("risk.owner_assigned", &json!({ "owner": "mara", "former_owner": null }));
        assert!(error.contains("leave out what is absent"), "{error}");
        let error = refused("control.noted", &json!({ "state": "planned", "evidence": "3" }));
        assert!(error.contains("evidence is \"3\" where the contract writes 3"), "{error}");
    }

    #[test]
    fn contracts_refuse_a_missing_field_unless_it_is_optional_or_a_list() {
        let error = refused("risk.owner_assigned", &json!({}));
        assert!(error.contains("owner is missing: write it always"), "{error}");
        let error = refused("methodology.adopted", &json!({ "revision": 1 }));
        assert!(error.contains("scales is missing: write it always"), "{error}");
        assert_eq!(Contracts::load().decode("risk.existing_controls_noted", &json!({})), Ok(()));
    }

    #[test]
    fn contracts_name_messages_after_event_types() {
        assert_eq!(super::event_type("RiskTreatmentDecided"), "risk.treatment_decided");
        assert_eq!(super::event_type("AccessOpened"), "access.opened");
        let types = Contracts::load().event_types();
        assert!(types.contains("organisation.tenant_added") && types.contains("access.revoked"), "{types:?}");
    }
}

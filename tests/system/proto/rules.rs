//! How contracts are written, and that they only grow.

use super::{Contracts, event_type, is_event};
use crate::lock::Lock;
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use std::collections::BTreeSet;

const LOCK: Lock = Lock {
    path: "proto/contracts.lock",
    update: "STELE_UPDATE_CONTRACTS",
    why: "Readers rely on them and the events that say so are kept for ever. Put the field back as it was and add a new one, \
          or a new event, beside it.",
    remedy: "./dev test -E 'test(contracts)'",
};

/// Our own messages: those of google.protobuf come with the compiler.
fn ours(contracts: &Contracts) -> impl Iterator<Item = MessageDescriptor> {
    contracts.pool.all_messages().filter(|message| message.package_name().starts_with("stele."))
}

/// One line a message and one a field: all that a reader relies on.
fn lines(contracts: &Contracts) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    for message in ours(contracts) {
        lines.insert(message.full_name().to_owned());
        lines.extend(message.fields().map(|field| {
            let (name, number) = (field.full_name(), field.number());
            format!("{name} = {number} {} {}", type_of(&field.kind()), label(&field))
        }));
    }
    lines
}

fn type_of(kind: &Kind) -> String {
    match kind {
        Kind::Double => "double".to_owned(),
        Kind::Float => "float".to_owned(),
        Kind::Int32 => "int32".to_owned(),
        Kind::Int64 => "int64".to_owned(),
        Kind::Uint32 => "uint32".to_owned(),
        Kind::Uint64 => "uint64".to_owned(),
        Kind::Sint32 => "sint32".to_owned(),
        Kind::Sint64 => "sint64".to_owned(),
        Kind::Fixed32 => "fixed32".to_owned(),
        Kind::Fixed64 => "fixed64".to_owned(),
        Kind::Sfixed32 => "sfixed32".to_owned(),
        Kind::Sfixed64 => "sfixed64".to_owned(),
        Kind::Bool => "bool".to_owned(),
        Kind::String => "string".to_owned(),
        Kind::Bytes => "bytes".to_owned(),
        Kind::Message(message) => message.full_name().to_owned(),
        Kind::Enum(values) => values.full_name().to_owned(),
    }
}

pub fn label(field: &FieldDescriptor) -> &'static str {
    if field.is_map() {
        "map"
    } else if field.is_list() {
        "repeated"
    } else if field.field_descriptor_proto().proto3_optional() {
        "optional"
    } else {
        "singular"
    }
}

#[test]
fn contracts_only_grow() {
    LOCK.hold(&lines(&Contracts::load()));
}

#[test]
fn contracts_are_never_broken_not_even_by_an_update() {
    let lines = |lines: &[&str]| -> BTreeSet<String> { lines.iter().map(|line| (*line).to_owned()).collect() };
    let locked = lines(&["a.B", "a.B.c = 1 string singular"]);
    let grown = lines(&["a.B", "a.B.c = 1 string singular", "a.B.d = 2 bool optional"]);
    for (changed, why) in [
        (lines(&["a.B"]), "a dropped field"),
        (lines(&[]), "a dropped message"),
        (lines(&["a.B", "a.B.c = 2 string singular"]), "another number"),
        (lines(&["a.B", "a.B.c = 1 uint32 singular"]), "another type"),
        (lines(&["a.B", "a.B.c = 1 string optional"]), "another label"),
        (lines(&["a.B", "a.B.e = 1 string singular"]), "another name"),
    ] {
        for update in [false, true] {
            let error = LOCK.held(&locked, &changed, update).expect_err(why);
            assert!(error.contains("no longer true:\n  a.B"), "{why}: {error}");
        }
    }
    let error = LOCK.held(&locked, &grown, false).expect_err("a new field is not there yet");
    assert!(error.contains("  a.B.d = 2 bool optional\nAdd them with `STELE_UPDATE_CONTRACTS=1 ./dev test"), "{error}");
    assert_eq!(LOCK.held(&locked, &grown, true), Ok(grown.clone()));
    assert_eq!(LOCK.held(&grown, &grown, false), Ok(grown));
}

#[test]
fn contracts_keep_to_the_conventions() {
    let contracts = Contracts::load();
    let mut faults = Vec::new();
    for message in ours(&contracts) {
        let file = message.parent_file();
        let (name, package) = (message.full_name(), message.package_name());
        if format!("{}/", package.replace('.', "/"))
            != file.name().trim_end_matches("events.proto").trim_end_matches("types.proto")
        {
            faults.push(format!(
                "{name} is in {}: keep it in events.proto or types.proto of the package's folder",
                file.name()
            ));
        }
        if !matches!(package.split('.').collect::<Vec<_>>()[..], ["stele", _, "v1"]) {
            faults.push(format!("{name}: a package is stele.<service>.v1"));
        }
        if !is_upper_camel(message.name()) {
            faults.push(format!("{name}: name a message in UpperCamel"));
        }
        if is_event(&message) && event_type(message.name()).ends_with('.') {
            faults
                .push(format!("{name}: an event is named after its stream type and what happened, as in RiskAssessed"));
        }
        if !is_explained(&message, None) {
            faults.push(format!("{name}: say above it what it means"));
        }
        for field in message.fields() {
            faults.extend(faults_of(&message, &field));
        }
    }
    for values in contracts.pool.all_enums().filter(|values| values.package_name().starts_with("stele.")) {
        faults.push(format!("{}: an enumeration is a string whose values the comment lists", values.full_name()));
    }
    assert!(faults.is_empty(), "contracts out of line:\n  {}", faults.join("\n  "));
}

fn faults_of(message: &MessageDescriptor, field: &FieldDescriptor) -> Vec<String> {
    let name = field.full_name();
    let mut faults = Vec::new();
    if !is_lower_snake(field.name()) {
        faults.push(format!("{name}: name a field in lower_snake, as it is on the wire"));
    }
    if !is_explained(message, Some(field.number())) {
        faults.push(format!("{name}: say above it what it means, in which unit"));
    }
    match field.kind() {
        Kind::Int64 | Kind::Uint64 | Kind::Sint64 | Kind::Fixed64 | Kind::Sfixed64 => {
            faults.push(format!("{name}: take 32 bits, 64 are a string in proto3 JSON"));
        }
        Kind::Float => {
            faults.push(format!("{name}: count in whole numbers of a smaller unit, or estimate in a double"));
        }
        Kind::Bytes => faults.push(format!("{name}: write a digest or a key as hexadecimal text")),
        Kind::Message(_)
        | Kind::Enum(_)
        | Kind::Double
        | Kind::Int32
        | Kind::Uint32
        | Kind::Sint32
        | Kind::Fixed32
        | Kind::Sfixed32
        | Kind::Bool
        | Kind::String => {}
    }
    if field.containing_oneof().is_some_and(|oneof| !oneof.is_synthetic()) {
        faults.push(format!("{name}: write two events instead of a oneof"));
    }
    faults
}

fn is_upper_camel(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase()) && name.chars().all(|c| c.is_ascii_alphanumeric())
}

fn is_lower_snake(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !name.contains("__")
        && !name.ends_with('_')
}

/// Whether a comment stands above the message, or above its field of that number.
fn is_explained(message: &MessageDescriptor, number: Option<u32>) -> bool {
    // 2 is the tag of a message's fields in descriptor.proto; a location's path goes by index.
    const FIELDS: i32 = 2;
    let mut path = message.path().to_vec();
    if let Some(number) = number {
        let at = message.descriptor_proto().field.iter().position(|field| u32::try_from(field.number()) == Ok(number));
        path.extend([FIELDS, at.and_then(|at| i32::try_from(at).ok()).expect("a field of the message")]);
    }
    let file = message.parent_file();
    let info = file.file_descriptor_proto().source_code_info.as_ref().expect("the compiler keeps comments");
    info.location
        .iter()
        .find(|location| location.path == path)
        .is_some_and(|location| !location.leading_comments().trim().is_empty())
}

//! The events as the services write them, read from their source: a contract that is missing is told without a walk.

use super::Contracts;
use super::rules::label;
use crate::house::{rust_code, sources, without_tests};
use std::collections::{BTreeMap, BTreeSet};

/// An event's fields, each with its label in the contract.
type Fields = BTreeMap<String, &'static str>;

/// The event types of a file's aggregate, and their fields. A variant may hold a struct of `crate_code`.
fn events(text: &str, crate_code: &str) -> BTreeMap<String, Fields> {
    let code = without_tests(&rust_code(text));
    if !code.contains("aggregate!(") {
        return BTreeMap::new();
    }
    let stream = text.split("\naggregate!(").nth(1).and_then(|call| call.split('"').nth(1));
    let stream = stream.expect("`aggregate!` begins a line and names the stream in quotes");
    // What the file itself declares comes first: two aggregates may both have a `Profile`.
    let known = code.clone() + crate_code;
    let body = after(&code, "enum Event {").expect("the file of an aggregate has its `enum Event`");
    let variants = pieces(body).into_iter().map(|variant| {
        let fields = match (variant.split_once('{'), variant.split_once('(')) {
            (Some((_, listed)), _) => fields(listed, &known),
            (None, Some((_, held))) => fields_of(held.trim_end_matches([')', ' ', '\n']), &known),
            (None, None) => {
                panic!("{stream}: an event without fields is `{} {{}}`, so that it has data", variant.trim())
            }
        };
        let name = variant.split(['{', '(']).next().unwrap_or_default();
        (format!("{stream}.{}", snake(name.trim())), fields)
    });
    variants.collect()
}

fn fields_of(name: &str, known: &str) -> Fields {
    let body = after(known, &format!("struct {name} {{"));
    fields(body.unwrap_or_else(|| panic!("an event holds {name}, a struct of its own crate")), known)
}

fn fields(body: &str, known: &str) -> Fields {
    let mut fields = Fields::new();
    for piece in pieces(body) {
        let Some((name, kind)) = piece.split_once(':') else { continue };
        let kind = kind.trim();
        let is = |wrapper: &str| kind.starts_with(wrapper);
        let label = if is("Option<") {
            "optional"
        } else if is("Vec<") || is("BTreeSet<") {
            "repeated"
        } else {
            "singular"
        };
        match name.split_whitespace().collect::<Vec<_>>()[..] {
            [FLATTENED, ..] => fields.extend(fields_of(kind, known)),
            [.., name] => {
                fields.insert(name.to_owned(), label);
            }
            [] => {}
        }
    }
    fields
}

fn after<'a>(code: &'a str, mark: &str) -> Option<&'a str> {
    code.split_once(mark).map(|(_, after)| after)
}

/// Stands where `#[serde(flatten)]` stood.
const FLATTENED: &str = "#flatten";

/// What is between the commas until the closing brace, without attributes.
fn pieces(body: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let (mut depth, mut attribute) = (0_i32, None);
    for c in body.chars() {
        match c {
            '#' if depth == 0 => attribute = Some(String::new()),
            '{' | '(' | '<' | '[' => depth += 1,
            '}' if depth == 0 => break,
            '}' | ')' | '>' | ']' => depth -= 1,
            _ => {}
        }
        let piece = pieces.iter_mut().last().expect("one at least");
        match attribute.take() {
            Some(text) if c == ']' && depth == 0 => {
                piece.push_str(if text.contains("flatten") { FLATTENED } else { "" });
            }
            Some(text) => attribute = Some(text + c.encode_utf8(&mut [0; 4])),
            None if c == ',' && depth == 0 => pieces.push(String::new()),
            None => piece.push(c),
        }
    }
    pieces.retain(|piece| !piece.trim().is_empty());
    pieces
}

fn snake(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
    }
    snake
}

#[test]
fn contracts_describe_what_is_written() {
    let contracts = Contracts::load();
    let mut faults = Vec::new();
    let mut written = BTreeSet::new();
    let mut files = sources(&["services", "shared"], "rs");
    files.retain(|file| !file.path.contains("/tests/"));
    for file in files.iter().filter(|file| file.text.contains("aggregate!(")) {
        let folder = |path: &str| path.split('/').take(2).map(ToOwned::to_owned).collect::<Vec<_>>();
        let siblings = files.iter().filter(|other| folder(&other.path) == folder(&file.path));
        let crate_code: String = siblings.map(|other| without_tests(&rust_code(&other.text))).collect();
        for (event_type, fields) in events(&file.text, &crate_code) {
            let message = contracts.events.get(&event_type);
            let described = message.map(|message| {
                message.fields().map(|field| (field.name().to_owned(), label(&field))).collect::<Fields>()
            });
            match described {
                None => faults.push(format!("{event_type} of {} has no message", file.path)),
                Some(described) if described != fields => {
                    faults
                        .push(format!("{event_type} of {}: {fields:?} is written, {described:?} described", file.path));
                }
                Some(_) => {}
            }
            written.insert(event_type);
        }
    }
    let described = contracts.event_types();
    faults.extend(
        described.difference(&written).map(|event_type| format!("{event_type} is described, nobody writes it")),
    );
    assert!(
        faults.is_empty(),
        "proto/ and the events in the code differ; proto/README.md says how to add one:\n  {}",
        faults.join("\n  ")
    );
}

#[test]
fn contracts_are_held_against_the_events_of_a_file() {
    let text = "#[derive(Debug)]\npub enum Event {\n    /// Why, and what.\n    ValueSet {\n        #[serde(default, skip = \"x\")]\n        \
                a_b: Option<Map<u8, u8>>,\n        c: Vec<(u8, u8)>, d: Kind\n    },\n    Read {},\n    Whole(Thing),\n}\n\
                struct Thing {\n    #[serde(flatten)]\n    pub part: Part,\n    #[schema(a = [1])]\n    pub e: u8,\n}\n\
                enum Other { No {} }\naggregate!(A, \"thing\", C, Event, B);\n";
    let expected = [
        ("thing.value_set", vec![("a_b", "optional"), ("c", "repeated"), ("d", "singular")]),
        ("thing.read", vec![]),
        ("thing.whole", vec![("e", "singular"), ("f", "singular")]),
    ]
    .map(|(name, fields)| {
        (name.to_owned(), fields.into_iter().map(|(name, label)| (name.to_owned(), label)).collect())
    });
    assert_eq!(events(text, "struct Part { f: u8 }"), expected.into_iter().collect());
    assert_eq!(events("enum Event { A {} }", ""), BTreeMap::new());
}

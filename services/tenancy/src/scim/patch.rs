//! Changes of a resource in its parts (RFC 7644, 3.5.2), over its attributes as they are kept.

use super::refusal::{invalid_path, invalid_syntax, invalid_value, no_target, required};
use super::schema::{Attribute, Attributes, Kind};
use scim_v2::filter::{AttrExp, AttrPath, CompValue, CompareOp, PatchPath, PatchValuePath, ValFilter};
use serde::Deserialize;
use serde_json::Value;
use service::Problem;

const MOST_OPERATIONS: usize = 1_000;

/// The body of a PATCH. Some write the names in small letters.
#[derive(Deserialize)]
struct Patch {
    #[serde(rename = "Operations", alias = "operations")]
    operations: Vec<Operation>,
}

#[derive(Deserialize)]
struct Operation {
    /// Entra ID begins them with a capital.
    op: String,
    path: Option<String>,
    #[serde(default)]
    value: Value,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Op {
    Add,
    Replace,
    Remove,
}

/// The attributes after the patch, unchecked as a whole: [`Kind::kept`] does that.
pub fn patched(kind: &Kind, mut attributes: Attributes, body: Attributes) -> Result<Attributes, Problem> {
    let Patch { operations } =
        serde_json::from_value(Value::Object(body)).map_err(|error| invalid_syntax(&format!("Operations: {error}")))?;
    if operations.len() > MOST_OPERATIONS {
        return Err(invalid_syntax(&format!("Operations: {MOST_OPERATIONS} are the most: send less at once")));
    }
    for Operation { op, path, value } in operations {
        let op = match op.to_ascii_lowercase().as_str() {
            "add" => Op::Add,
            "replace" => Op::Replace,
            "remove" => Op::Remove,
            _ => return Err(invalid_syntax(&format!("op: `{op}` is none of add, replace, remove"))),
        };
        match (path, value) {
            (Some(path), value) => apply(kind, &mut attributes, op, &path, value)?,
            (None, _) if op == Op::Remove => return Err(no_target("")),
            // Each attribute as if it were the path; Entra ID writes whole paths there.
            (None, Value::Object(values)) => {
                for (path, value) in values {
                    apply(kind, &mut attributes, op, &path, value)?;
                }
            }
            (None, _) => return Err(invalid_value("value", "an object is expected where there is no path")),
        }
    }
    Ok(attributes)
}

fn apply(kind: &Kind, attributes: &mut Attributes, op: Op, written: &str, value: Value) -> Result<(), Problem> {
    // The parser takes a colon for the end of a schema's name, which some write without an attribute behind it.
    if written.eq_ignore_ascii_case("schemas") || written.starts_with("urn:") && !written.starts_with(kind.schema) {
        return Ok(());
    }
    let path: PatchPath = written.parse().map_err(|_| invalid_path(written, "is no path of SCIM"))?;
    let (path, filter) = match path {
        PatchPath::Attr(path) => (path, None),
        PatchPath::Value(PatchValuePath { attr, filter, sub_attr }) => (AttrPath { sub_attr, ..attr }, Some(filter)),
    };
    let AttrPath { name, sub_attr, .. } = path;
    // What is not kept is not changed either.
    let Some(attribute) = kind.attribute(&name) else { return Ok(()) };
    let part = match sub_attr.map(|sub| attribute.sub(&sub)) {
        Some(None) => return Ok(()),
        part => part.flatten(),
    };
    match (attribute.most, filter) {
        (Some(_), filter) => several(attributes, attribute, part, filter.as_ref(), op, written, value),
        (None, Some(_)) => Err(invalid_path(written, "selects among several, and there is one")),
        (None, None) => one(attributes, attribute, part, op, value),
    }
}

/// Changes an attribute that has one value.
fn one(
    attributes: &mut Attributes,
    attribute: &Attribute,
    part: Option<&Attribute>,
    op: Op,
    value: Value,
) -> Result<(), Problem> {
    let Some(part) = part else {
        if op == Op::Remove && !attribute.may_be_missing() {
            return Err(required(attribute.name));
        }
        let value = if op == Op::Remove { None } else { attribute.checked(value)? };
        match (value, attributes.get_mut(attribute.name)) {
            (None, _) => drop(attributes.remove(attribute.name)),
            // The parts that are not named stay.
            (Some(Value::Object(new)), Some(Value::Object(known))) => known.extend(new),
            (Some(new), _) => drop(attributes.insert(attribute.name.to_owned(), new)),
        }
        return Ok(());
    };
    let value = if op == Op::Remove { None } else { part.checked(value)? };
    let whole = attributes.entry(attribute.name).or_insert_with(|| Value::Object(Attributes::new()));
    if let Value::Object(parts) = whole {
        put(parts, part, value);
    }
    Ok(())
}

fn put(parts: &mut Attributes, part: &Attribute, value: Option<Value>) {
    match value {
        Some(value) => drop(parts.insert(part.name.to_owned(), value)),
        None => drop(parts.remove(part.name)),
    }
}

/// Changes an attribute that may have several values: those that the filter selects, or all.
fn several(
    attributes: &mut Attributes,
    attribute: &Attribute,
    part: Option<&Attribute>,
    filter: Option<&ValFilter>,
    op: Op,
    written: &str,
    value: Value,
) -> Result<(), Problem> {
    let selected = filter.map(|filter| selected(attribute, filter, written)).transpose()?;
    let mut values = match attributes.remove(attribute.name) {
        Some(Value::Array(values)) => values,
        _ => Vec::new(),
    };
    let selects = |one: &Value| selected.as_ref().is_none_or(|(name, wanted)| alike(&one[*name], wanted));
    match (op, part) {
        // `value` with a remove says which, where the path does not: so does Entra ID with members.
        (Op::Remove, None) if selected.is_none() && !value.is_null() => {
            let gone = list(attribute, value)?;
            values.retain(|one| !gone.iter().any(|gone| alike(&one["value"], &gone["value"])));
        }
        (Op::Remove, None) => values.retain(|one| !selects(one)),
        (Op::Remove, Some(part)) => {
            values
                .iter_mut()
                .filter(|one| selects(one))
                .filter_map(Value::as_object_mut)
                .for_each(|one| put(one, part, None));
        }
        (Op::Add, None) if selected.is_none() => values.extend(list(attribute, value)?),
        (Op::Replace, None) if selected.is_none() => values = list(attribute, value)?,
        (Op::Add | Op::Replace, part) => {
            let new = match part {
                Some(part) => part.checked(value)?.map(|value| Attributes::from_iter([(part.name.to_owned(), value)])),
                None => list(attribute, value)?.pop().and_then(|new| new.as_object().cloned()),
            };
            let new = new.unwrap_or_default();
            let mut found = false;
            for one in values.iter_mut().filter(|one| selects(one)).filter_map(Value::as_object_mut) {
                one.extend(new.clone());
                found = true;
            }
            // `emails[type eq "work"].value` of who has no address of work yet gives them one; a member is not made so.
            match selected {
                _ if found => {}
                Some((name, wanted)) if part.is_some_and(|part| part.name != name) => {
                    let mut one = new;
                    one.insert(name.to_owned(), wanted);
                    values.push(Value::Object(one));
                }
                _ => return Err(no_target(written)),
            }
        }
    }
    values.retain(|one| one.as_object().is_some_and(|parts| !parts.is_empty()));
    if !values.is_empty() {
        attributes.insert(attribute.name.to_owned(), Value::Array(values));
    }
    Ok(())
}

fn list(attribute: &Attribute, value: Value) -> Result<Vec<Value>, Problem> {
    match attribute.checked(value)? {
        Some(Value::Array(values)) => Ok(values),
        _ => Ok(Vec::new()),
    }
}

/// The part and what it must be equal to: no other filter is understood here.
fn selected<'a>(attribute: &'a Attribute, filter: &ValFilter, written: &str) -> Result<(&'a str, Value), Problem> {
    let told = || invalid_path(written, "selects otherwise than by `eq`, which is all that is understood here");
    let ValFilter::Attr(AttrExp::Comparison(path, CompareOp::Eq, wanted)) = filter else { return Err(told()) };
    let part = attribute.sub(&path.name).ok_or_else(told)?;
    let wanted = match wanted {
        CompValue::Str(text) => Value::String(text.clone()),
        CompValue::True => Value::Bool(true),
        CompValue::False => Value::Bool(false),
        CompValue::Null | CompValue::Number(_) => return Err(told()),
    };
    Ok((part.name, wanted))
}

fn alike(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::String(one), Value::String(other)) => one.eq_ignore_ascii_case(other),
        (one, other) => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::patched;
    use crate::scim::schema::{GROUP, Kind, USER};
    use serde_json::{Value, json};

    fn after(kind: &Kind, before: &Value, operations: &Value) -> Result<Value, String> {
        let before = before.as_object().expect("an object").clone();
        let body = json!({ "Operations": operations }).as_object().expect("an object").clone();
        let patched = patched(kind, before, body).and_then(|attributes| kind.kept(attributes));
        patched.map(Value::Object).map_err(|problem| format!("{}: {problem}", problem.code()))
    }

    fn user(operations: &Value) -> Result<Value, String> {
        let mara = json!({
            "userName": "mara", "active": true, "name": {"givenName": "Mara", "familyName": "Lind"},
            "emails": [{"value": "m@home.example", "type": "home"}, {"value": "m@work.example", "type": "work", "primary": true}]
        });
        after(&USER, &mara, operations)
    }

    #[test]
    fn entra_ids_ways_of_writing_are_understood() {
        let patched = user(&json!([
            {"op": "Replace", "path": "active", "value": "False"},
            {"op": "Add", "path": "emails[type eq \"work\"].value", "value": "m@new.example"},
            {"op": "Replace", "value": {"name.givenName": "Maria", "displayName": "Maria Lind"}},
            {"op": "Add", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", "value": "IT"},
            {"op": "Add", "path": "title", "value": "CISO"},
            {"op": "Replace", "path": "urn:ietf:params:scim:schemas:core:2.0:User:externalId", "value": "x"}
        ]))
        .expect("patched");
        let expected = json!({
            "userName": "mara", "active": false, "name": {"givenName": "Maria", "familyName": "Lind"}, "externalId": "x",
            "displayName": "Maria Lind",
            "emails": [{"value": "m@home.example", "type": "home"}, {"value": "m@new.example", "type": "work", "primary": true}]
        });
        assert_eq!(patched, expected);
        let first = after(
            &USER,
            &json!({"userName": "x"}),
            &json!([{"op": "add", "path": "emails[type eq \"work\"].value", "value": "x@y.example"}]),
        );
        assert_eq!(first.expect("patched")["emails"], json!([{"type": "work", "value": "x@y.example"}]));
    }

    #[test]
    fn what_is_removed_is_gone() {
        let gone = |path: &str| user(&json!([{"op": "remove", "path": path}]));
        assert_eq!(gone("name").expect("patched").get("name"), None);
        assert_eq!(gone("name.givenName").expect("patched")["name"], json!({"familyName": "Lind"}));
        assert_eq!(gone("emails").expect("patched").get("emails"), None);
        assert_eq!(gone("emails[type eq \"home\"]").expect("patched")["emails"].as_array().map(Vec::len), Some(1));
        for always in ["userName", "active"] {
            assert_eq!(gone(always), Err(format!("invalid: {always}: it is missing, and must be there")));
        }
    }

    #[test]
    fn members_come_and_go() {
        let group = json!({"displayName": "Owners", "members": [{"value": "p-1"}, {"value": "p-2"}]});
        let members = |operations: Value| {
            let group = after(&GROUP, &group, &operations).expect("patched");
            group["members"].as_array().into_iter().flatten().map(|one| one["value"].to_string()).collect::<String>()
        };
        let add = json!([{"op": "add", "path": "members", "value": [{"value": "p-2"}, {"value": "p-3"}]}]);
        assert_eq!(members(add), r#""p-1""p-2""p-3""#);
        assert_eq!(members(json!([{"op": "remove", "path": "members[value eq \"p-1\"]"}])), r#""p-2""#);
        assert_eq!(members(json!([{"op": "Remove", "path": "members", "value": [{"value": "p-2"}]}])), r#""p-1""#);
        assert_eq!(members(json!([{"op": "replace", "path": "members", "value": {"value": "p-9"}}])), r#""p-9""#);
        assert_eq!(members(json!([{"op": "remove", "path": "members"}])), "");
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        for (operation, told) in [
            (json!({"op": "move", "path": "active"}), "invalid_syntax: op: `move`"),
            (json!({"op": "remove"}), "no_target: "),
            (json!({"op": "add", "value": "x"}), "invalid: value: an object is expected"),
            (json!({"op": "add", "path": "emails[", "value": "x"}), "invalid_path: path: `emails[` is no path"),
            (
                json!({"op": "add", "path": "emails[type co \"o\"].value", "value": "x"}),
                "invalid_path: path: `emails[type co",
            ),
            (json!({"op": "replace", "path": "emails[type eq \"other\"]", "value": {"primary": true}}), "no_target: "),
            (json!({"op": "replace", "path": "active", "value": 3}), "invalid: active: "),
        ] {
            let fault = user(&json!([operation])).expect_err(told);
            assert!(fault.starts_with(told), "{fault}");
        }
        assert!(after(&USER, &json!({}), &json!("x")).is_err_and(|told| told.starts_with("invalid_syntax: ")));
    }
}

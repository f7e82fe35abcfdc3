use crate::house::{root, sources};
use eventstore::{Recorded, Schemas};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The stored events of one crate: `<event type>.<schema>.json` is a body as it is in the database, and
/// `<event type>.<schema>.as.<later schema>.json` the data that an upcast makes of it.
pub struct Shelf {
    folder: String,
    schemas: Schemas,
    /// Each event that belongs here, with its current schema.
    events: BTreeMap<String, u32>,
    /// By name.
    files: BTreeMap<String, String>,
}

/// A stored event, read by the code of today.
pub struct Read {
    pub event_type: String,
    /// Its data in the current schema.
    pub current: Value,
    /// What the code understands of it.
    pub understood: Value,
}

impl Shelf {
    pub fn new(folder: &str, schemas: &Schemas, belongs: impl Fn(&str) -> bool) -> Self {
        let place = format!("{folder}/tests/golden");
        let here = if root().join(&place).is_dir() { sources(&[&place], "json") } else { Vec::new() };
        let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
        let files = here.into_iter().map(|file| (name(&file.path), file.text)).collect();
        Self::of(place, schemas, belongs, files)
    }

    fn of(folder: String, schemas: &Schemas, belongs: impl Fn(&str) -> bool, files: BTreeMap<String, String>) -> Self {
        let events = schemas.current().filter(|(event_type, _)| belongs(event_type));
        let events = events.map(|(event_type, schema)| (event_type.to_owned(), schema)).collect();
        Self { folder, schemas: schemas.clone(), events, files }
    }

    pub fn event_types(&self) -> impl Iterator<Item = String> {
        self.events.keys().cloned()
    }

    /// Path from the root and text of each file.
    pub fn files(&self) -> impl Iterator<Item = (String, &String)> {
        self.files.iter().map(|(name, text)| (format!("{}/{name}", self.folder), text))
    }

    /// Adds a body as it was recorded just now, where it belongs here and none like it is here.
    pub fn add(&mut self, event_type: &str, body: &str) {
        if self.events.contains_key(event_type) {
            let schema = recorded(body).map(|event| event.schema).expect("a body");
            self.files.entry(format!("{event_type}.{schema}.json")).or_insert_with(|| body.to_owned());
        }
    }

    /// Adds what upcasts make of the bodies, where it is not here.
    pub fn add_upcast(&mut self) {
        let made: Vec<(String, String)> = self.bodies().flat_map(|(_, body)| self.made_of(body)).flatten().collect();
        for (name, data) in made {
            self.files.entry(name).or_insert(data);
        }
    }

    fn bodies(&self) -> impl Iterator<Item = (&String, &String)> {
        self.files.iter().filter(|(name, _)| !name.contains(".as."))
    }

    /// The files that upcasts make of a body.
    fn made_of(&self, body: &str) -> Result<Vec<(String, String)>, String> {
        let event = recorded(body)?;
        let name = format!("{}.{}", event.event_type, event.schema);
        let shapes = self.schemas.shapes(event).map_err(|why| why.to_string())?;
        Ok(shapes.iter().skip(1).map(|it| (format!("{name}.as.{}.json", it.schema), it.data.to_string())).collect())
    }

    /// What the code of today reads, and what is wrong with the files or with the code.
    pub fn read(&self) -> (BTreeMap<String, Read>, Vec<String>) {
        let (mut read, mut faults) = (BTreeMap::new(), Vec::new());
        let mut expected = BTreeSet::new();
        for (event_type, schema) in &self.events {
            expected.extend((1..=*schema).map(|schema| format!("{event_type}.{schema}.json")));
        }
        for (name, body) in self.bodies() {
            match self.read_one(name, body) {
                Ok(one) => {
                    read.insert(format!("{}/{name}", self.folder), one);
                }
                Err(why) => faults.push(format!("{}/{name}: {why}", self.folder)),
            }
            for (made, data) in self.made_of(body).into_iter().flatten() {
                if self.files.get(&made).is_some_and(|before| *before != data) {
                    faults.push(format!("{}/{made}: an upcast was changed: write the next one instead", self.folder));
                }
                expected.insert(made);
            }
        }
        let there: BTreeSet<String> = self.files.keys().cloned().collect();
        let missing = expected.difference(&there);
        faults.extend(missing.map(|name| format!("{}/{name} is missing: let a run record it", self.folder)));
        let unknown = there.difference(&expected).filter(|name| name.contains(".as."));
        faults.extend(unknown.map(|name| format!("{}/{name}: an upcast was taken away", self.folder)));
        (read, faults)
    }

    fn read_one(&self, name: &str, body: &str) -> Result<Read, String> {
        let event = recorded(body)?;
        let event_type = event.event_type.clone();
        if name != format!("{event_type}.{}.json", event.schema) {
            return Err(format!("it holds {event_type} in schema {}", event.schema));
        }
        if !self.events.contains_key(&event_type) {
            return Err("no aggregate has this event any more: events are for good".to_owned());
        }
        let current = self.schemas.bring_up(event).map_err(|why| why.to_string())?;
        let read = self.schemas.read(&current).map_err(|why| why.to_string())?;
        Ok(Read { event_type, current: current.data, understood: read })
    }
}

/// The event of a stored body, as if it were the only one.
fn recorded(body: &str) -> Result<Recorded, String> {
    let mut event: Value = serde_json::from_str(body).map_err(|error| error.to_string())?;
    let spelled = event.to_string();
    if spelled != body {
        return Err("it is not spelled as it is stored".to_owned());
    }
    let (event_type, at) = (event["type"].take(), event["occurred_at"].clone());
    for (name, value) in [
        ("event_type", event_type),
        ("recorded_at", at),
        ("position", json!(1)),
        ("version", json!(1)),
        ("hash", json!("")),
    ] {
        event[name] = value;
    }
    serde_json::from_value(event).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::Shelf;
    use eventstore::{Change, DomainEvent, EventOf, Schemas};
    use serde::{Deserialize, Serialize};
    use serde_json::{Value, json};
    use std::collections::BTreeMap;

    /// What a program knows of the event `bill.paid`.
    macro_rules! program {
        ($name:ident { $field:ident } $upcasts:expr) => {
            mod $name {
                use super::*;

                #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
                #[serde(tag = "type", content = "data", rename_all = "snake_case")]
                pub enum Event {
                    Paid { $field: i64 },
                }

                impl DomainEvent for Event {
                    fn event_type(&self) -> String {
                        "bill.paid".to_owned()
                    }

                    fn event_version(&self) -> String {
                        eventstore::schema_of(self).to_string()
                    }
                }

                impl EventOf for Event {
                    const STREAM: &'static str = "bill";
                    const CHANGES: &'static [Change] = &[Change { event: "paid", upcasts: $upcasts }];
                }
            }
        };
    }

    program!(before { units } & []);
    program!(now { cents } & [in_cents]);
    program!(careless { cents } & [in_cents_wrongly]);

    fn in_cents(mut data: Value) -> Value {
        json!({ "cents": data["units"].take().as_i64().map(|units| units * 100) })
    }

    fn in_cents_wrongly(mut data: Value) -> Value {
        json!({ "cents": data["units"].take() })
    }

    fn body(schema: u32, data: &Value) -> String {
        json!({
            "id": uuid::Uuid::nil(), "tenant": uuid::Uuid::nil(), "stream": "bill-1", "type": "bill.paid",
            "schema": schema, "occurred_at": "2026-03-01T09:30:00.000000Z", "data": data,
            "metadata": {"actor": {"kind": "person", "id": "mara"}, "correlation_id": uuid::Uuid::nil()},
        })
        .to_string()
    }

    fn shelf<E: EventOf>(files: &BTreeMap<String, String>) -> Shelf {
        Shelf::of("golden".to_owned(), &Schemas::new().with::<E>(), |_| true, files.clone())
    }

    fn faults<E: EventOf>(files: &BTreeMap<String, String>) -> Vec<String> {
        shelf::<E>(files).read().1
    }

    /// What is there after both programs have recorded the event.
    fn complete() -> BTreeMap<String, String> {
        let mut old = shelf::<before::Event>(&BTreeMap::new());
        old.add("bill.paid", &body(1, &json!({"units": 7})));
        let mut new = shelf::<now::Event>(&old.files);
        new.add("bill.paid", &body(1, &json!({"units": 8})));
        new.add("bill.paid", &body(2, &json!({"cents": 950})));
        new.add("bill.sent", &body(1, &json!({})));
        new.add_upcast();
        new.files
    }

    #[test]
    fn golden_files_are_added_once_and_read_by_the_newest_code() {
        let files = complete();
        let names: Vec<&str> = files.keys().map(String::as_str).collect();
        assert_eq!(names, ["bill.paid.1.as.2.json", "bill.paid.1.json", "bill.paid.2.json"]);
        assert_eq!(files["bill.paid.1.as.2.json"], r#"{"cents":700}"#);
        let (read, faults) = shelf::<now::Event>(&files).read();
        assert_eq!(faults, Vec::<String>::new());
        let read: Vec<&Value> = read.values().map(|one| &one.understood).collect();
        assert_eq!(read, [&json!({"cents": 700}), &json!({"cents": 950})]);
    }

    #[test]
    fn golden_files_tell_what_code_breaks() {
        let files = complete();
        let newer =
            "bill.paid is in schema 2, and this program knows none after 1: a newer program recorded it, run that one";
        let expected = [
            format!("golden/bill.paid.2.json: {newer}"),
            "golden/bill.paid.1.as.2.json: an upcast was taken away".to_owned(),
        ];
        assert_eq!(faults::<before::Event>(&files), expected);
        let expected = ["golden/bill.paid.1.as.2.json: an upcast was changed: write the next one instead"];
        assert_eq!(faults::<careless::Event>(&files), expected);
        let gone = faults::<access::Event>(&files);
        let told = "golden/bill.paid.1.json: no aggregate has this event any more: events are for good";
        assert!(gone.iter().any(|fault| fault == told), "{gone:?}");
    }

    #[test]
    fn golden_files_that_are_missing_or_wrong_are_told() {
        let without = |name: &str| complete().into_iter().filter(|(file, _)| file != name).collect();
        for name in ["bill.paid.2.json", "bill.paid.1.as.2.json"] {
            let expected = [format!("golden/{name} is missing: let a run record it")];
            assert_eq!(faults::<now::Event>(&without(name)), expected);
        }
        let with = |text: String| [("bill.paid.1.json".to_owned(), text)].into();
        for (text, told) in [
            (body(1, &json!({"units": 7})).replace(",\"", ", \""), "it is not spelled as it is stored"),
            (body(2, &json!({"cents": 7})), "it holds bill.paid in schema 2"),
            (body(1, &json!({"euros": 7})), "bill.paid does not say what this program expects of it"),
        ] {
            let faults = faults::<before::Event>(&with(text));
            assert!(
                faults.iter().any(|fault| fault.starts_with(&format!("golden/bill.paid.1.json: {told}"))),
                "{faults:?}"
            );
        }
    }
}

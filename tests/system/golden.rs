//! Every event in every schema in which it was ever written, as it was stored: today's code reads it, and what it reads is
//! agreed on. `docs/evolution.md` says how a file comes here; none is ever changed or taken away.

mod shelf;

use crate::house::{root, sources};
use crate::lock::Lock;
use crate::proto::Contracts;
use eventstore::Schemas;
use serde_json::Value;
use sha2::{Digest, Sha256};
use shelf::Shelf;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

pub const LOCK: Lock = Lock {
    path: "tests/golden.lock",
    update: "STELE_UPDATE_GOLDEN",
    why: "Events of that form are stored for ever, and what an upcast made of them is held by others. Put the file back as \
          it was, and the code in such a way that it reads it.",
    remedy: "./dev test -E 'test(every_message)'",
};

/// Events that are every service's, and stand once.
const SHARED: [&str; 7] = ["access.", "grant.", "identity.", "key.", "lockout.", "logo.", "look."];

fn is_shared(event_type: &str) -> bool {
    SHARED.iter().any(|shared| event_type.starts_with(shared))
}

/// The folder of each crate that records events, with its events.
fn shelves() -> Vec<Shelf> {
    let access = Schemas::new()
        .with::<access::Event>()
        .with::<access::identity::Event>()
        .with::<access::key::Event>()
        .with::<access::grant::Event>()
        .with::<access::lockout::Event>()
        .with::<access::logo::Event>()
        .with::<access::look::Event>();
    let mut shelves = vec![Shelf::new("shared/access", &access, is_shared)];
    for service in [
        tenancy::service(None),
        risk::service(),
        controls::service(None),
        audit::service(),
        notifications::service(None),
    ] {
        service.events.check().unwrap_or_else(|fault| panic!("{}: {fault}", service.name));
        let folder = format!("services/{}", service.name);
        shelves.push(Shelf::new(&folder, &service.events, |event_type| !is_shared(event_type)));
    }
    shelves
}

/// Adds what a run recorded and no file shows yet: event types and stored bodies.
pub fn add(recorded: &[(String, String)]) {
    if !LOCK.updates() {
        return;
    }
    for mut shelf in shelves() {
        for (event_type, body) in recorded {
            shelf.add(event_type, body);
        }
        shelf.add_upcast();
        for (path, text) in shelf.files() {
            let path = root().join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
    }
    LOCK.hold(&digests());
}

/// The lines of the lock: each file and its digest.
fn digests() -> BTreeSet<String> {
    let files = sources(&["services", "shared"], "json").into_iter().filter(|file| file.path.contains("/golden/"));
    files
        .map(|file| {
            let digest = Sha256::digest(file.text.as_bytes());
            let digest = digest.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
            format!("{} {digest}", file.path)
        })
        .collect()
}

#[test]
fn golden_files_are_only_ever_added() {
    LOCK.hold(&digests());
}

#[test]
fn golden_every_event_that_was_ever_stored_is_read_as_agreed() {
    let (mut faults, mut all) = (Vec::new(), BTreeMap::new());
    let contracts = Contracts::load();
    let mut known = BTreeSet::new();
    for shelf in shelves() {
        let (read, told) = shelf.read();
        faults.extend(told);
        known.extend(shelf.event_types());
        for (path, event) in read {
            // What is sent again, after however long, is what the contract says today.
            faults
                .extend(contracts.decode(&event.event_type, &event.current).err().map(|why| format!("{path}: {why}")));
            all.insert(path, event.understood);
        }
    }
    assert!(faults.is_empty(), "docs/evolution.md says how to change an event:\n  {}\n", faults.join("\n  "));
    assert_eq!(
        known,
        contracts.event_types(),
        "a service records what it does not declare by `records`, or the reverse"
    );
    let all: BTreeMap<String, Value> = all;
    insta::assert_json_snapshot!(all);
}

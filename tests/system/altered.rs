//! An archive that was altered, damaged or is not for here: it is told before anything is written.

use crate::export::{Files, export, files, import, numbers, pack, work};
use crate::system::{SERVICES, System};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::Path;
use testkit::servers;

/// The manifest, changed.
fn with_manifest(files: &Files, change: impl Fn(&mut Value)) -> Files {
    let mut files = files.clone();
    let mut manifest: Value = serde_json::from_slice(&files[0].1).expect("JSON");
    change(&mut manifest);
    files[0].1 = manifest.to_string().into_bytes();
    files
}

/// A file's text, changed.
fn with_text(files: &Files, name: &str, change: impl Fn(String) -> String) -> Files {
    let mut files = files.clone();
    let (_, content) = files.iter_mut().find(|(one, _)| one == name).expect("a file");
    *content = change(String::from_utf8(content.clone()).expect("text")).into_bytes();
    files
}

/// The same, with a manifest that says so.
fn sealed(files: &Files, name: &str, change: impl Fn(String) -> String) -> Files {
    let files = with_text(files, name, change);
    let content = &files.iter().find(|(one, _)| one == name).expect("a file").1;
    let (sha256, bytes) = (eventstore::hex(&Sha256::digest(content)), content.len());
    with_manifest(&files, |manifest| {
        let entries = manifest["files"].as_array_mut().expect("files");
        let entry = entries.iter_mut().find(|entry| entry["name"] == name).expect("its entry");
        (entry["sha256"], entry["bytes"]) = (json!(sha256), json!(bytes));
    })
}

fn without_line(text: &str, number: usize) -> String {
    let kept: Vec<&str> = text.lines().enumerate().filter(|(at, _)| at + 1 != number).map(|(_, line)| line).collect();
    kept.join("\n") + "\n"
}

fn swapped(text: &str, number: usize) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.swap(number - 1, number);
    lines.join("\n") + "\n"
}

/// Archives that must not be restored: what was done to each, and what is told of it.
fn alterations(whole: &Files, nowhere: &str) -> Vec<(&'static str, Files, &'static str)> {
    let log = "risk/events.jsonl";
    let at = |files: &Files, change: fn(String) -> String| with_text(files, log, change);
    let mut renamed = whole.clone();
    "audit/other.jsonl".clone_into(&mut renamed[3].0);
    let mut longer = whole.clone();
    longer.push(("attachments/x".to_owned(), b"x".to_vec()));
    vec![
        ("an altered event", at(whole, |text| text.replace("Larkspur", "Larkspar")), "its digest differs"),
        (
            "an event less",
            at(whole, |text| without_line(&text, 9)),
            "risk/events.jsonl, line 9: position 10: position 9 is missing",
        ),
        ("two events swapped", at(whole, |text| swapped(&text, 9)), "risk/events.jsonl, line 9: position 10"),
        (
            "another instant",
            at(whole, |text| text.replacen("\"recorded_at\":\"2", "\"recorded_at\":\"1", 1)),
            "risk/events.jsonl, line 1: position 1: the chain is broken",
        ),
        ("no JSON", at(whole, |text| text.replacen('{', "[", 1)), "risk/events.jsonl, line 1: "),
        ("a lost tail", at(whole, |text| without_line(&text, text.lines().count())), "the manifest says"),
        (
            "an altered row",
            with_text(whole, "audit/trail.jsonl", |text| text.replacen("admin", "nobody", 1)),
            "audit/trail.jsonl: it has",
        ),
        ("a file less", whole[..whole.len() - 1].to_vec(), "it ends before notifications/deliveries.jsonl"),
        ("a file more", longer, "attachments/x is not in the manifest"),
        ("another file", renamed, "audit/other.jsonl stands where tenancy/consumer_checkpoints.jsonl should"),
        ("a newer format", with_manifest(whole, |manifest| manifest["format"] = json!(3)), "which knows format 2"),
        (
            "a newer program",
            with_manifest(whole, |manifest| manifest["program"] = json!("99.0.0")),
            "stele 99.0.0 wrote it",
        ),
        (
            "another tenant",
            with_manifest(whole, |manifest| manifest["tenant"] = json!(nowhere)),
            "line 1: position 1: the chain is broken",
        ),
        (
            "a wrong digest",
            with_manifest(whole, |manifest| manifest["files"][0]["sha256"] = json!("00")),
            "its SHA-256 is",
        ),
        (
            "another end",
            with_manifest(whole, |manifest| manifest["services"]["risk"]["position"] = json!(99999)),
            "risk/events.jsonl ends at position",
        ),
        (
            "a checkpoint ahead",
            with_manifest(whole, |manifest| {
                manifest["services"]["tenancy"] = json!({"position": 0, "hash": ""});
            }),
            "consumer_checkpoints.jsonl, line",
        ),
        ("no manifest", whole[1..].to_vec(), "it is no archive of `stele export`"),
        (
            "an unknown service",
            with_manifest(whole, |manifest| manifest["files"][0]["name"] = json!("risks/events.jsonl")),
            "there is no service risks",
        ),
        (
            "an unknown table",
            with_manifest(whole, |manifest| manifest["files"][1]["name"] = json!("audit/ledger.jsonl")),
            "keeps no table of that name",
        ),
        (
            "a row that the last database refuses",
            sealed(whole, "notifications/contacts.jsonl", |text| text.replace("\"olga\"", "null")),
            "notifications/contacts.jsonl: ",
        ),
    ]
}

#[tokio::test]
async fn what_cannot_be_restored_is_told_and_nothing_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = System::start().await;
    let tenant = here.tenant("Larkspur").await;
    work(&here, &tenant).await;
    let archive = folder.path().join("tenant.tar.gz");
    export(&here, &tenant, &archive).await;
    let (done, told) = here.tool(&["export", "--tenant", &tenant, "--out", &archive.display().to_string()], &[]).await;
    assert!(!done && told.contains("is there already: name another file"), "{told}");
    let nowhere = uuid::Uuid::new_v4().to_string();
    let (done, told) = here.tool(&["export", "--tenant", &nowhere, "--out", "/nowhere/x"], &[]).await;
    assert!(!done && told.contains("no service knows a tenant"), "{told}");

    let there = System::migrated(&servers::postgres_admin_url(), &servers::nats_url(), &[]).await;
    let path = folder.path().join("altered.tar.gz");
    for (what, files, expected) in alterations(&files(&archive), &nowhere) {
        pack(&files, &path);
        let (done, told) = import(&there, &path).await;
        assert!(!done, "{what}: {told}");
        assert!(told.contains("nothing was written: ") && told.contains(expected), "{what}: {told}");
        assert_eq!(told.lines().count(), 1, "{what}: {told}");
    }
    let bytes = fs::read(&archive).expect("read");
    for (what, content, expected) in [
        ("half of it", bytes[..bytes.len() / 2].to_vec(), "cannot be read"),
        ("without its end", bytes[..bytes.len() - 4].to_vec(), "damaged"),
        ("a bit over", [bytes.as_slice(), b"x"].concat(), "damaged"),
        ("nothing", Vec::new(), "it is no archive"),
        ("a text", b"PK\x03\x04 is another format".to_vec(), "it is no archive"),
    ] {
        fs::write(&path, content).expect("written");
        let (done, told) = import(&there, &path).await;
        assert!(!done && told.contains(expected), "{what}: {told}");
    }
    let (done, told) = import(&there, Path::new("/nowhere")).await;
    assert!(!done && told.contains("/nowhere cannot be read"), "{told}");
    // In an installation that knows it, and is nobody's but its own.
    let (done, told) = import(&here, &archive).await;
    assert!(!done && told.contains("is here already, with"), "{told}");

    for service in SERVICES {
        for table in ["heads", "events", "commands", "consumer_checkpoints", "parked", "relay_checkpoints"] {
            let query = format!("select count(*) from {table} where tenant_id = '{tenant}'");
            assert_eq!(numbers(&there, service, &query).await, [0], "{service} {table}");
        }
    }
    let (done, told) = import(&there, &archive).await;
    assert!(done, "{told}");
}

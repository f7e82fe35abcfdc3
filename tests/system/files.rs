//! Files of the whole system: in a bucket, taken out and restored, after a crash between the bytes and their event, and shown to auditors.

use crate::auditor_grants::granted;
use crate::export::{export, files, import, pack};
use crate::system::{Client, SERVICES, System, until};
use reqwest::Method;
use serde_json::json;
use std::fs::{self, File};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};
use testkit::{S3, servers};
use tokio::time::timeout;

/// SHA-256 of `abc`.
const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// Evidence that a file with this content shows; gives the path of the file.
async fn shown(client: &Client, tenant: &str, content: &str) -> String {
    let file = client.file(tenant, "log.txt", content).await;
    let evidence = json!({"title": "Log", "file": file, "supports": ["A.8.13"]});
    let id = client.post(&format!("/v1/tenants/{tenant}/evidence"), evidence).await.text("id");
    format!("/v1/tenants/{tenant}/evidence/{id}/file")
}

fn at(system: &System, tenant: &str) -> PathBuf {
    system.files.path().join(tenant).join(ABC)
}

#[tokio::test]
async fn a_bucket_keeps_files_like_a_folder() {
    let s3 = S3::start().await;
    let variables = s3.variables();
    let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let system = System::start_with(&variables).await;
    let tenant = system.tenant("Larkspur").await;
    let admin = system.as_admin();
    let path = shown(&admin, &tenant, "abc").await;
    assert_eq!(admin.get(&path).await.body, "abc");
    // In several parts.
    let large = "0123456789abcdef".repeat(17 << 16);
    let path = shown(&admin, &tenant, &large).await;
    assert!(admin.get(&path).await.body == large);
    let (sound, report) = system.verify().await;
    assert!(sound && report.contains("2 files read: sound"), "{report}");
    assert_eq!(fs::read_dir(system.files.path()).expect("read").count(), 0, "nothing is in the folder");
}

#[tokio::test]
async fn an_archive_takes_files_along_and_is_refused_where_one_was_altered() {
    let system = System::start().await;
    let tenant = system.tenant("Larkspur").await;
    let admin = system.as_admin();
    let path = shown(&admin, &tenant, "abc").await;
    shown(&admin, &tenant, "abcd").await;
    // The same file under another name is one file.
    admin.file(&tenant, "other.txt", "abc").await;
    let folder = tempfile::tempdir().expect("a folder");
    let archive = folder.path().join("archive.tar.gz");
    export(&system, &tenant, &archive).await;
    let entries = files(&archive);
    let attached: Vec<&str> = entries.iter().filter_map(|(name, _)| name.strip_prefix("attachments/")).collect();
    assert_eq!((attached.len(), attached.contains(&ABC)), (2, true), "{attached:?}");

    let mut other = System::migrated(&servers::postgres_admin_url(), &servers::nats_url(), &[]).await;
    for (what, told) in [("altered", "its SHA-256 is"), ("longer", "and the log says 3"), ("missing", ABC)] {
        let mut entries = entries.clone();
        let place = entries.iter().position(|(name, _)| name.ends_with(ABC)).expect("it is there");
        match what {
            "altered" => entries[place].1[0] = b'x',
            "longer" => entries[place].1.push(b'x'),
            _ => drop(entries.remove(place)),
        }
        let wrong = folder.path().join(what);
        pack(&entries, &wrong);
        let (done, report) = import(&other, &wrong).await;
        assert!(!done && report.contains("nothing was written") && report.contains(told), "{what}: {report}");
        assert!(!at(&other, &tenant).exists(), "{what}");
    }
    let (done, report) = import(&other, &archive).await;
    assert!(done, "{report}");
    other.serve(&SERVICES).await;
    other.ready().await;
    let organisation = folder.path().join("organisation");
    export(&system, &system.organisation, &organisation).await;
    let (done, report) = import(&other, &organisation).await;
    assert!(done, "{report}");
    let client = other.with(system.token.clone());
    until("the owner to be let in", async || client.send(Method::GET, &path, None, &[]).await.status == 200).await;
    assert_eq!(client.get(&path).await.body, "abc");
    let (sound, report) = other.verify().await;
    assert!(sound && report.contains("2 files read: sound"), "{report}");

    fs::write(at(&other, &tenant), "abd").expect("altered");
    let (sound, report) = other.tool(&["verify"], &[]).await;
    assert!(!sound && report.contains(&format!("{tenant}: file {ABC}: its SHA-256 is")), "{report}");
    let out = folder.path().join("never").display().to_string();
    let (done, report) = other.tool(&["export", "--tenant", &tenant, "--out", &out], &[]).await;
    assert!(!done && report.contains("an archive would not be what was recorded"), "{report}");
    fs::remove_file(at(&other, &tenant)).expect("gone");
    let (sound, report) = other.tool(&["verify"], &[]).await;
    assert!(!sound && report.contains(&format!("{tenant}: file {ABC}: it is gone")), "{report}");
}

/// The bytes are kept before it is recorded that they are there: who dies in between leaves bytes that nobody sees, and that go.
#[tokio::test]
async fn a_process_that_dies_before_the_event_leaves_bytes_that_go() {
    let mut system = System::start().await;
    let tenant = system.tenant("Larkspur").await;
    system.processes.clear();
    system.serve_until("controls:kept").await;
    system.ready().await;
    let path = format!("/v1/tenants/{tenant}/files?name=log.txt");
    let headers = [("idempotency-key", "one")];
    let sent = system.as_admin().try_send(Method::POST, &path, Some("abc".to_owned()), &headers).await;
    assert!(sent.is_err(), "{sent:?}");
    timeout(Duration::from_secs(30), system.processes[0].child.wait()).await.expect("it died").expect("waited");
    assert!(at(&system, &tenant).exists(), "the bytes come first");

    system.processes.clear();
    system.serve(&SERVICES).await;
    system.ready().await;
    let admin = system.as_admin();
    let listed = format!("/v1/tenants/{tenant}/files");
    assert_eq!(admin.get(&listed).await.json["items"], json!([]));
    let body = json!({"title": "Log", "file": ABC, "supports": ["A.8.13"]}).to_string();
    let evidence = format!("/v1/tenants/{tenant}/evidence");
    assert_eq!(admin.send(Method::POST, &evidence, Some(body), &[]).await.status, 400, "nothing refers to them");

    // Of a second file something was recorded. Both are as old; a restart looks after them at once.
    let kept = admin.file(&tenant, "log.txt", "abcd").await;
    let kept = system.files.path().join(&tenant).join(kept);
    let old = SystemTime::now() - Duration::from_hours(48);
    for path in [at(&system, &tenant), kept.clone()] {
        File::options().write(true).open(path).and_then(|file| file.set_modified(old)).expect("made old");
    }
    system.processes.clear();
    system.serve(&SERVICES).await;
    system.ready().await;
    until("the bytes to go", async || !at(&system, &tenant).exists()).await;
    assert!(kept.exists(), "what was recorded stays");
    // The same request again is carried out as if it had never been.
    let admin = system.as_admin();
    let again = admin.send(Method::POST, &path, Some("abc".to_owned()), &headers).await;
    assert_eq!((again.status.as_u16(), again.headers.contains_key("idempotency-replayed")), (201, false));
    let (sound, report) = system.verify().await;
    assert!(sound && report.contains("2 files read: sound"), "{report}");
}

#[tokio::test]
async fn an_auditor_sees_files_by_their_grant_and_each_look_is_recorded() {
    let system = System::start().await;
    let tenant = system.tenant("Larkspur").await;
    let admin = system.as_admin();
    let early = shown(&admin, &tenant, "abc").await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let instant: chrono::DateTime<chrono::Utc> = SystemTime::now().into();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let late = shown(&admin, &tenant, "abcd").await;
    let (grant, auditor) =
        granted(&system, &tenant, json!({"scope": ["evidence", "controls"], "as_of": instant})).await;
    assert_eq!(auditor.get(&early).await.body, "abc");
    assert_eq!(auditor.send(Method::GET, &late, None, &[]).await.status, 404);
    let elsewhere = format!("/v1/tenants/{tenant}/documents/P-1/versions/1/file");
    assert_eq!(auditor.send(Method::GET, &elsewhere, None, &[]).await.status, 403);
    let looks = format!("/v1/tenants/{tenant}/auditor-grants/{grant}/looks");
    until("the looks", async || {
        let items = admin.get(&looks).await.json["items"].clone();
        let paths: Vec<_> = items.as_array().into_iter().flatten().map(|look| look["data"]["path"].clone()).collect();
        paths.contains(&json!(early)) && paths.contains(&json!(late))
    })
    .await;
}

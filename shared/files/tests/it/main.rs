//! Files in a folder. A bucket is tried by the whole system: tests/system/files.rs.

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use eventstore::TenantId;
use files::{Damaged, Fault, FileDigest, Files, Unfit, Whole};
use futures::StreamExt;
use std::fs;
use std::time::SystemTime;
use tempfile::TempDir;

const MOST: u64 = 40 * 1024 * 1024;

fn place() -> (TempDir, Files) {
    let folder = tempfile::Builder::new().prefix("stele-files-").tempdir().expect("a folder");
    let files = Files::at(folder.path().to_str().expect("text"), MOST).expect("a place");
    (folder, files)
}

fn arrived(files: &Files, chunks: &[&[u8]]) -> Result<Whole, Unfit> {
    let mut arriving = files.arriving().expect("room");
    for chunk in chunks {
        arriving.write(chunk)?;
    }
    arriving.end()
}

async fn read(files: &Files, tenant: TenantId, whole: &Whole) -> Result<Vec<u8>, String> {
    let opened = files.open(tenant, &whole.digest, whole.bytes).await.expect("reached");
    let chunks = opened.map_err(|fault| fault.to_string())?;
    let chunks: Vec<Result<Bytes, Damaged>> = chunks.collect().await;
    let chunks: Result<Vec<Bytes>, Damaged> = chunks.into_iter().collect();
    chunks.map(|chunks| chunks.concat()).map_err(|damaged| damaged.to_string())
}

fn now() -> DateTime<Utc> {
    SystemTime::now().into()
}

async fn older(files: &Files, tenant: TenantId, than: DateTime<Utc>) -> Vec<FileDigest> {
    files.older(tenant, than).map(|found| found.expect("listed")).collect().await
}

/// What lies in the folder, by its path there.
fn lying(folder: &TempDir) -> Vec<String> {
    let mut found = Vec::new();
    for tenant in fs::read_dir(folder.path()).expect("read") {
        for file in fs::read_dir(tenant.expect("a tenant").path()).expect("read") {
            let path = file.expect("a file").path();
            found.push(path.strip_prefix(folder.path()).expect("below").display().to_string());
        }
    }
    found
}

#[tokio::test]
async fn a_file_is_kept_by_its_digest_and_read_back() {
    let (folder, files) = place();
    let tenant = TenantId::random();
    let whole = arrived(&files, &[b"a", b"bc"]).expect("arrived");
    assert_eq!(whole.digest.as_str(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(lying(&folder), Vec::<String>::new(), "what has arrived has no name yet");
    for _ in 0..2 {
        files.keep(tenant, &whole).await.expect("kept");
        assert_eq!(lying(&folder), [format!("{tenant}/{}", whole.digest)]);
    }
    assert_eq!(read(&files, tenant, &whole).await, Ok(b"abc".to_vec()));
    assert_eq!(files.examine(tenant, &whole.digest, 3).await.expect("read"), None);
}

#[tokio::test]
async fn one_that_goes_in_parts_is_read_back_whole() {
    let (_folder, files) = place();
    let tenant = TenantId::random();
    let content: Vec<u8> = (0..17 * 1024 * 1024_u32).map(|n| u8::try_from(n % 251).expect("small")).collect();
    let whole = arrived(&files, &content.chunks(1 << 20).collect::<Vec<_>>()).expect("arrived");
    files.keep(tenant, &whole).await.expect("kept");
    assert!(read(&files, tenant, &whole).await.is_ok_and(|read| read == content));
}

#[tokio::test]
async fn tenants_share_no_file() {
    let (_folder, files) = place();
    let (ours, theirs) = (TenantId::random(), TenantId::random());
    let whole = arrived(&files, &[b"abc"]).expect("arrived");
    files.keep(ours, &whole).await.expect("kept");
    assert_eq!(read(&files, theirs, &whole).await, Err("it is gone".to_owned()));
    let later = now() + TimeDelta::hours(1);
    assert_eq!(older(&files, theirs, later).await, []);

    files.keep(theirs, &whole).await.expect("kept");
    files.discard(theirs, &whole.digest).await.expect("gone");
    assert_eq!(read(&files, ours, &whole).await, Ok(b"abc".to_vec()), "theirs was another");
    assert_eq!(older(&files, ours, later).await, [whole.digest]);
    assert_eq!(older(&files, ours, now() - TimeDelta::hours(1)).await, []);
}

#[test]
fn what_is_empty_or_too_large_is_not_kept() {
    let (_folder, files) = place();
    assert!(matches!(arrived(&files, &[]), Err(Unfit::Empty)));
    let chunk = vec![7; 1 << 20];
    let refused = arrived(&files, &vec![chunk.as_slice(); 41]).err().expect("refused").to_string();
    assert_eq!(refused, "it is larger than 41943040 bytes, which is the most here");
}

#[tokio::test]
async fn one_that_was_altered_is_never_given_whole() {
    let (folder, files) = place();
    let tenant = TenantId::random();
    let whole = arrived(&files, &[b"abc"]).expect("arrived");
    files.keep(tenant, &whole).await.expect("kept");
    let path = folder.path().join(tenant.to_string()).join(whole.digest.as_str());
    fs::write(&path, b"abd").expect("altered");
    let told = read(&files, tenant, &whole).await.expect_err("told");
    assert!(told.contains(&format!("and {} was kept", whole.digest)), "{told}");
    let fault = files.examine(tenant, &whole.digest, 3).await.expect("read");
    assert!(matches!(fault, Some(Fault::Altered(_))), "{fault:?}");
    fs::write(&path, b"ab").expect("cut");
    let fault = files.examine(tenant, &whole.digest, 3).await.expect("read");
    assert_eq!(fault, Some(Fault::Resized { kept: 3, found: 2 }));
    fs::remove_file(&path).expect("gone");
    assert_eq!(files.examine(tenant, &whole.digest, 3).await.expect("read"), Some(Fault::Gone));
}

#[tokio::test]
async fn what_a_dead_process_left_is_taken_away_and_nothing_else() {
    let (folder, files) = place();
    let tenant = TenantId::random();
    let whole = arrived(&files, &[b"abc"]).expect("arrived");
    files.keep(tenant, &whole).await.expect("kept");
    let path = folder.path().join(tenant.to_string()).join(format!("{}#1", whole.digest));
    fs::write(&path, b"ab").expect("written");
    files.tidy(tenant, now() - TimeDelta::hours(1)).await.expect("tidied");
    assert!(path.exists(), "it may still be written");
    files.tidy(tenant, now() + TimeDelta::hours(1)).await.expect("tidied");
    assert_eq!(lying(&folder), [format!("{tenant}/{}", whole.digest)]);
}

#[test]
fn a_place_that_is_none_says_so() {
    let told = |place: &str| Files::at(place, MOST).err().map(|error| error.to_string()).unwrap_or_default();
    for place in ["http://bucket/x", "s3:///x"] {
        assert_eq!(told(place), format!("`{place}` is neither a folder nor s3://BUCKET/PREFIX"));
    }
    assert!(told("/dev/null/x").starts_with("files cannot be kept in /dev/null/x: "), "{}", told("/dev/null/x"));
}

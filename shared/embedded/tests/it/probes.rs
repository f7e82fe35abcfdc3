//! What tests ask the servers and the system.

use embedded::Pair;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

/// Open to the servers' account, which is not root.
pub fn folder() -> TempDir {
    let open = Permissions::from_mode(0o711);
    tempfile::Builder::new().prefix("stele-embedded-").permissions(open).tempdir().unwrap()
}

pub async fn nats_answers(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)).await else { return false };
    let mut word = [0; 4];
    stream.read_exact(&mut word).await.is_ok() && &word == b"INFO"
}

/// A request for TLS, which PostgreSQL answers by one letter.
pub async fn postgres_answers(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)).await else { return false };
    let request = [0, 0, 0, 8, 4, 210, 22, 47];
    let mut letter = [0; 1];
    stream.write_all(&request).await.is_ok() && stream.read_exact(&mut letter).await.is_ok() && &letter == b"N"
}

pub async fn both_answer(pair: &Pair) -> bool {
    postgres_answers(pair.postgres.port()).await && nats_answers(pair.nats.port()).await
}

pub async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds().await {
        assert!(Instant::now() < deadline, "waited 60 s for: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}

pub fn kill_9(pid: u32) {
    assert!(signal(pid, "-KILL"), "process {pid} is gone already");
}

/// One that ended and was not waited for counts as gone.
pub fn is_alive(pid: u32) -> bool {
    let output = Command::new("ps").args(["-o", "stat=", "-p", &pid.to_string()]).output().unwrap();
    let state = output.stdout.trim_ascii();
    !state.is_empty() && !state.starts_with(b"Z")
}

pub fn signal(pid: u32, signal: &str) -> bool {
    Command::new("/bin/kill").args([signal, &pid.to_string()]).status().is_ok_and(|status| status.success())
}

pub fn is_root() -> bool {
    Command::new("id").arg("-u").output().unwrap().stdout.trim_ascii() == b"0"
}

use crate::Error;
use crate::account::{Account, hand_over};
use std::fs;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

const START_SECONDS: u64 = 60;
const STOP: Duration = Duration::from_secs(30);

/// A command that runs as the servers' account, in a process group of its own: a terminal's Ctrl-C reaches the parent,
/// which drains first.
pub fn command(program: &Path) -> Command {
    let mut command = std::process::Command::new(program);
    if let Some(account) = Account::for_servers() {
        command.uid(account.uid).gid(account.gid);
    }
    command.process_group(0).current_dir("/").stdin(Stdio::null()).env("LC_ALL", "C.UTF-8");
    Command::from(command)
}

/// A running server and where it writes its log.
pub struct Server {
    program: &'static str,
    child: Child,
    log: PathBuf,
}

impl Server {
    pub fn spawn(program: &'static str, mut command: Command, log: &Path) -> Result<Self, Error> {
        let fault = |source| Error::Path { path: log.to_owned(), source };
        let output = fs::OpenOptions::new().create(true).append(true).open(log).map_err(fault)?;
        hand_over(log)?;
        let errors = output.try_clone().map_err(fault)?;
        let child = command
            .stdout(output)
            .stderr(errors)
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| Error::Spawn { program: program.to_owned(), source })?;
        Ok(Self { program, child, log: log.to_owned() })
    }

    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits until `ready` says so; a server that ends first is an error that names its log.
    pub async fn until(&mut self, ready: impl AsyncFn() -> bool) -> Result<(), Error> {
        let deadline = Instant::now() + Duration::from_secs(START_SECONDS);
        while Instant::now() < deadline {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(Error::Ended {
                    program: self.program.to_owned(),
                    status: status.to_string(),
                    log: self.log.clone(),
                });
            }
            if ready().await {
                return Ok(());
            }
            sleep(Duration::from_millis(50)).await;
        }
        Err(Error::Silent { program: self.program.to_owned(), seconds: START_SECONDS, log: self.log.clone() })
    }

    /// Asks it to end by `signal` and waits; one that does not is killed.
    pub async fn stop(mut self, signal: &str) -> Result<(), Error> {
        if let Some(pid) = self.child.id() {
            send(pid, signal).await;
        }
        if timeout(STOP, self.child.wait()).await.is_err() {
            tracing::warn!(program = self.program, "did not stop in time and is killed");
            self.child.kill().await.map_err(|source| Error::Spawn { program: self.program.to_owned(), source })?;
        }
        Ok(())
    }
}

/// Ends a server that a killed parent left behind: the process in `pid_file`, where its command line names `folder`.
pub async fn end_orphan(pid_file: &Path, folder: &Path, signal: &str) -> Result<(), Error> {
    let Some(pid) = fs::read_to_string(pid_file).ok().and_then(|text| text.lines().next()?.trim().parse::<u32>().ok())
    else {
        return Ok(());
    };
    let ours = || {
        fs::read(format!("/proc/{pid}/cmdline"))
            .is_ok_and(|line| String::from_utf8_lossy(&line).contains(&*folder.to_string_lossy()))
    };
    if !ours() {
        return Ok(());
    }
    tracing::warn!(pid, folder = %folder.display(), "a server of an earlier run is still there and is stopped");
    for attempt in ["", "-KILL"] {
        send(pid, if attempt.is_empty() { signal } else { attempt }).await;
        let deadline = Instant::now() + Duration::from_secs(15);
        while ours() && Instant::now() < deadline {
            sleep(Duration::from_millis(50)).await;
        }
    }
    if ours() { Err(Error::Orphan { path: folder.to_owned(), pid }) } else { Ok(()) }
}

async fn send(pid: u32, signal: &str) {
    // A process that is gone already is what was wanted.
    let _ = Command::new("kill").arg(signal).arg(pid.to_string()).stderr(Stdio::null()).status().await;
}

/// A port that was free a moment ago.
pub fn free_port() -> Result<u16, Error> {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .map(|at| at.port())
        .map_err(Error::NoPort)
}

/// A secret kept in a file that only its owner reads; made on the first call.
pub fn secret(path: &Path) -> Result<String, Error> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let fault = |source| Error::Path { path: path.to_owned(), source };
    if let Ok(secret) = fs::read_to_string(path)
        && !secret.trim().is_empty()
    {
        return Ok(secret.trim().to_owned());
    }
    let secret = uuid::Uuid::new_v4().simple().to_string();
    let mut file =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path).map_err(fault)?;
    file.write_all(secret.as_bytes()).map_err(fault)?;
    hand_over(path)?;
    Ok(secret)
}

use crate::account::Account;
use crate::processes::send;
use crate::program::{Answer, Program};
use crate::{Error, processes};
use std::fs;
use std::os::unix::fs::OpenOptionsExt;
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
    // macOS knows no C.UTF-8, and PostgreSQL does not start there under a locale that is not known.
    let locale = if cfg!(target_os = "macos") { "C" } else { "C.UTF-8" };
    command.process_group(0).current_dir("/").stdin(Stdio::null()).env("LC_ALL", locale);
    let mut command = Command::from(command);
    command.kill_on_drop(true);
    command
}

/// A running server and where it writes its log.
pub struct Server {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Server {
    /// Starts it in the place of whatever an earlier run or an earlier child left behind.
    pub async fn spawn<P: Program>(program: &P) -> Result<Self, Error> {
        let log = program.log();
        processes::end_orphans(P::NAME, program.mark(), P::STOP, program.folder()).await?;
        program.clear_away();
        let fault = |source| Error::Path { path: log.clone(), source };
        let output = fs::OpenOptions::new().create(true).append(true).mode(0o600).open(&log).map_err(fault)?;
        let errors = output.try_clone().map_err(fault)?;
        let child = program
            .command()
            .stdout(output)
            .stderr(errors)
            .spawn()
            .map_err(|source| Error::Spawn { program: P::NAME.to_owned(), source })?;
        Ok(Self { name: P::NAME, child, log })
    }

    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits until it answers; one that ends first is an error that names its log.
    pub async fn until_it_answers<P: Program>(&mut self, program: &P) -> Result<(), Error> {
        let patience = Duration::from_secs(START_SECONDS);
        let mut deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(Error::Ended {
                    program: self.name.to_owned(),
                    status: status.to_string(),
                    log: self.log.clone(),
                });
            }
            match program.answer(self.pid().unwrap_or_default()).await {
                Answer::Ready => return Ok(()),
                // A database that recovers after a crash takes the time it needs.
                Answer::Starting => deadline = Instant::now() + patience,
                Answer::Silent => {}
            }
            sleep(Duration::from_millis(25)).await;
        }
        Err(Error::Silent { program: self.name.to_owned(), seconds: START_SECONDS, log: self.log.clone() })
    }

    /// Waits until it is gone, and says how it went.
    pub async fn end(&mut self) -> String {
        self.child.wait().await.map_or_else(|error| error.to_string(), |status| status.to_string())
    }

    /// Asks it to end by `signal` and waits; one that does not is killed.
    pub async fn stop(mut self, signal: &str) -> Result<(), Error> {
        if let Some(pid) = self.pid() {
            send(pid, signal).await;
        }
        if timeout(STOP, self.child.wait()).await.is_err() {
            tracing::warn!(program = self.name, "{} did not stop in time and is killed", self.name);
            self.child.kill().await.map_err(|source| Error::Spawn { program: self.name.to_owned(), source })?;
        }
        Ok(())
    }
}

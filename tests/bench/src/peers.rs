//! The peers' program, and message-db from npm.

use crate::protocol::{Answer, Request};
use crate::rounds::Outcome;
use anyhow::{Context, bail};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::Mutex;

/// Its SQL is what is measured: another version may be another measurement.
const MESSAGE_DB: &str = "@eventide/message-db@1.3.1";

/// A process that is asked in turn.
pub struct Peers(Mutex<Process>);

struct Process {
    requests: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    _child: Child,
}

impl Peers {
    /// `target`: where `just bench` has built the program, and where npm puts message-db.
    pub async fn start(target: &Path, postgres: &str) -> anyhow::Result<Self> {
        let program = target.join("peers/release/peers");
        if !program.exists() {
            bail!("{} is missing: run `./dev bench`, which builds it", program.display());
        }
        let message_db = message_db(target).await;
        let mut child = Command::new(&program)
            .arg(postgres)
            .arg(message_db)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} does not start", program.display()))?;
        let requests = child.stdin.take().context("its input")?;
        let answers = BufReader::new(child.stdout.take().context("its output")?).lines();
        Ok(Self(Mutex::new(Process { requests, answers, _child: child })))
    }

    pub async fn measure(&self, request: Request) -> anyhow::Result<Outcome> {
        let mut process = self.0.lock().await;
        let line = serde_json::to_string(&request)? + "\n";
        process.requests.write_all(line.as_bytes()).await?;
        let answer = process.answers.next_line().await?.context("the peers' program ended: its error stands above")?;
        match serde_json::from_str(&answer)? {
            Answer::Measured(measured) => Ok(Outcome::Measured(measured)),
            Answer::Unavailable(why) => Ok(Outcome::Unavailable(why)),
            // Its rows go without it, and say so: the rest is measured all the same.
            Answer::Failed(why) => Ok(Outcome::Unavailable(format!("it failed: {why}"))),
        }
    }
}

/// The folder of message-db's SQL. Where npm is not there or does not bring it, the rows that need it say so.
async fn message_db(target: &Path) -> PathBuf {
    let prefix = target.join("npm");
    let folder = prefix.join("node_modules/@eventide/message-db/database");
    if !folder.exists() {
        let mut npm = Command::new("npm");
        npm.args(["install", "--silent", "--no-save", "--no-audit", "--no-fund", "--prefix"]).arg(&prefix);
        let installed = npm.arg(MESSAGE_DB).stdout(Stdio::null()).status().await;
        if !installed.is_ok_and(|status| status.success()) {
            eprintln!("bench: npm did not install {MESSAGE_DB}: the rows go without it");
        }
    }
    folder
}

//! `stele up` as its starter meets it: how soon it can be asked, and what it needs while nobody asks.

use crate::bench::{Bench, remove};
use crate::memory;
use crate::rounds::median;
use crate::row::Row;
use anyhow::{Context, bail};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

const ROW: &str = "stele up";
const FIRST: &str = "first start: two servers, five databases, all services";
const LATER: &str = "later start on the same data";
const OWN: &str = "idle memory of the stele process, resident";
const ALL: &str = "idle memory with PostgreSQL and NATS, shared pages counted once";
const PATIENCE: Duration = Duration::from_secs(120);
/// How long it is left alone before it is looked at.
const IDLE: Duration = Duration::from_secs(3);

pub async fn measure(bench: &Bench) -> anyhow::Result<()> {
    if ![FIRST, LATER, OWN, ALL].iter().any(|shape| bench.wants(ROW, shape)) {
        return Ok(());
    }
    let data = bench.work.join("up");
    let (mut first, mut later, mut own, mut all) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..bench.options.rounds() {
        remove(&data)?;
        let (up, took) = Up::start(&data).await?;
        first.push(took);
        up.stop().await?;
        let (up, took) = Up::start(&data).await?;
        later.push(took);
        sleep(IDLE).await;
        if let Some(memory) = memory::of(up.pid()?) {
            own.push(memory.own_mb);
            all.push(memory.all_mb);
        }
        up.stop().await?;
    }
    remove(&data)?;
    for (shape, values, unit) in [(FIRST, first, "s"), (LATER, later, "s"), (OWN, own, "MB"), (ALL, all, "MB")] {
        // There is no /proc where it is not Linux.
        if let Some(value) = median(values) {
            bench.keep(Row::new(ROW, shape, value, unit));
        }
    }
    Ok(())
}

/// Told to stop when it is let go, so that its servers do not stay behind.
struct Up(Child);

impl Up {
    /// Starts it, and waits until it says that it runs; gives the seconds that it took.
    async fn start(data: &Path) -> anyhow::Result<(Self, f64)> {
        let started = Instant::now();
        let mut child = Command::new(stele()?)
            .args(["up", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("stele does not start")?;
        let printed = child.stdout.take();
        let up = Self(child);
        let mut lines = BufReader::new(printed.context("what it prints")?).lines();
        let running = async {
            while let Some(line) = lines.next_line().await? {
                if line.contains("Stele runs") {
                    return Ok(());
                }
            }
            bail!("`stele up` ended before it ran")
        };
        timeout(PATIENCE, running).await.context("`stele up` takes too long")??;
        let took = started.elapsed().as_secs_f64();
        // Somebody has to read the rest.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok((up, took))
    }

    fn pid(&self) -> anyhow::Result<u32> {
        self.0.id().context("it runs")
    }

    async fn stop(mut self) -> anyhow::Result<()> {
        self.interrupt();
        timeout(PATIENCE, self.0.wait()).await.context("`stele up` does not stop")??;
        Ok(())
    }
}

impl Up {
    fn interrupt(&self) {
        if let Some(pid) = self.0.id() {
            // One that is gone already needs no signal.
            let _ = std::process::Command::new("kill").args(["-INT", &pid.to_string()]).status();
        }
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        self.interrupt();
    }
}

/// `just bench` builds it beside this program.
fn stele() -> anyhow::Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name("stele");
    anyhow::ensure!(path.exists(), "{} is missing: run `./dev bench`, which builds it", path.display());
    Ok(path)
}

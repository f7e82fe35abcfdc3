//! `just bench`: what Stele does in a second, beside a bare insert and other event stores on the same PostgreSQL in the
//! same run. It prints a table and writes target/bench.json.

mod bench;
mod content;
mod drive;
mod measure;
mod memory;
mod options;
mod peers;
mod protocol;
mod rounds;
mod row;
mod served;
mod stores;
mod table;
mod tally;
mod walk;

use crate::bench::Bench;
use crate::options::Options;
use crate::row::Row;
use anyhow::Context;
use clap::Parser;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse();
    if let Some(file) = &options.plain {
        print!("{}", table::plain(&read(file)?));
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(file) = &options.markdown {
        print!("{}", table::markdown(&read(file)?));
        return Ok(ExitCode::SUCCESS);
    }
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target").canonicalize()?;
    let built = target.join("bench");
    let work = options.work.clone().unwrap_or_else(|| built.clone());
    let result = options.json.clone().unwrap_or_else(|| target.join("bench.json"));
    let mut terminated = signal(SignalKind::terminate())?;
    let bench = Bench::start(options, &built, work).await?;
    // As a service does it: logging and counting are part of what is measured.
    service::log_to(Mutex::new(fs::File::create(bench.work.join("bench.log"))?));
    service::prometheus();

    let failed = tokio::select! {
        failed = measure::all(&bench, |bench| write(&result, &bench.rows())) => failed?,
        _ = tokio::signal::ctrl_c() => 1,
        _ = terminated.recv() => 1,
    };
    print!("{}", table::plain(&bench.rows()));
    bench.stop().await?;
    println!("\n{}", result.display());
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn read(file: &PathBuf) -> anyhow::Result<Vec<Row>> {
    let text = fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not a result of `./dev bench`", file.display()))
}

/// After each kind of measurement, so that a run that ends early is not lost.
fn write(file: &Path, rows: &[Row]) -> anyhow::Result<()> {
    Ok(fs::write(file, serde_json::to_string_pretty(rows)? + "\n")?)
}

//! `testkit run -- COMMAND`: runs a command beside a private PostgreSQL and NATS, and stops both after it.

use embedded::{Durability, Pair};
use std::ffi::OsStr;
use std::process::ExitCode;
use testkit::servers;
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [run, dashes, program, rest @ ..] = arguments.as_slice() else {
        anyhow::bail!("usage: testkit run -- COMMAND...")
    };
    anyhow::ensure!(run == "run" && dashes == "--", "usage: testkit run -- COMMAND...");

    let mut terminated = signal(SignalKind::terminate())?;
    let folder = tempfile::Builder::new().prefix("stele-test-").tempdir()?;
    let pair = Pair::start(folder.path(), Durability::Throwaway).await?;
    let mut command = Command::new(program);
    command.args(rest).env(servers::POSTGRES, pair.postgres.admin_url()).env(servers::NATS, pair.nats.url());
    for (name, _) in std::env::vars_os().filter(|(name, _)| tells_of_this_package(name)) {
        command.env_remove(name);
    }
    let mut child = command.spawn()?;
    let status = tokio::select! {
        status = child.wait() => status?,
        // A terminal sends Ctrl-C to the command too: it ends by itself, and its servers after it.
        _ = tokio::signal::ctrl_c() => child.wait().await?,
        _ = terminated.recv() => {
            child.start_kill()?;
            child.wait().await?
        }
    };
    pair.stop().await?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// What `cargo run` says of the program that it runs: a cargo that is the command would build anew whatever asks for such
/// variables, each time that it takes turns with one that was called from a shell.
fn tells_of_this_package(variable: &OsStr) -> bool {
    let name = variable.to_string_lossy();
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_PACKAGE"]
        .iter()
        .any(|beginning| name.starts_with(beginning))
}

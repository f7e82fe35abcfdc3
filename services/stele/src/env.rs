use crate::installation::Running;
use anyhow::bail;
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::net::TcpStream;

/// Variables for a shell: `eval "$(stele env)"`.
#[derive(Args)]
pub struct Env {
    /// Data directory of `stele up`
    #[arg(long, env = "STELE_DATA")]
    data: Option<PathBuf>,
}

impl Env {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let running = Running::find(self.data.as_deref())?;
        let place = running.address.trim_start_matches("http://");
        // One that was killed could not take its address back.
        if TcpStream::connect(place).await.is_err() {
            bail!("nothing answers at {}: start it with `./dev up`", running.address);
        }
        println!("export STELE={}", running.address);
        println!("export ORGANISATION={}", running.organisation);
        println!("export TOKEN={}", running.token);
        Ok(ExitCode::SUCCESS)
    }
}

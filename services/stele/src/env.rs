use crate::installation::Running;
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// Variables for a shell: `eval "$(stele env)"`.
#[derive(Args)]
pub struct Env {
    /// Data directory of `stele up`
    #[arg(long, env = "STELE_DATA")]
    data: Option<PathBuf>,
}

impl Env {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let running = Running::find(self.data.as_deref())?;
        println!("export STELE={}", running.address);
        println!("export ORGANISATION={}", running.organisation);
        println!("export TOKEN={}", running.token);
        Ok(ExitCode::SUCCESS)
    }
}

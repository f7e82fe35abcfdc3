use std::path::PathBuf;

/// Each one a sentence for the person who started the system, with the remedy.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{name} is not installed: {remedy}, or name its place in {variable}")]
    Missing { name: &'static str, remedy: &'static str, variable: &'static str },
    #[error("{} belongs to PostgreSQL {found}, and {wanted} is installed: install {found}, or start with another data directory", path.display())]
    OtherVersion { path: PathBuf, found: String, wanted: String },
    #[error("{} cannot be used: {source}", path.display())]
    Path { path: PathBuf, source: std::io::Error },
    #[error("{program} could not be started: {source}")]
    Spawn { program: String, source: std::io::Error },
    #[error("{program} ended with {status}; its log is {}", log.display())]
    Ended { program: String, status: String, log: PathBuf },
    #[error("{program} did not answer within {seconds} s; its log is {}", log.display())]
    Silent { program: String, seconds: u64, log: PathBuf },
    #[error("no free port on 127.0.0.1: {0}")]
    NoPort(std::io::Error),
    #[error("a server of an earlier run still holds {} (process {pid}) and does not stop: stop it with kill {pid}", path.display())]
    Orphan { path: PathBuf, pid: u32 },
}

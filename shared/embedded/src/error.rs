use std::path::PathBuf;

/// Each one a sentence for the person who started the system, with the remedy.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{name} is not installed: {remedy}, or name its place in {variable}")]
    Missing { name: &'static str, remedy: &'static str, variable: &'static str },
    #[error("{variable} names {}, which is not a file: let it name the program {name}, or unset it", path.display())]
    Misnamed { variable: &'static str, path: PathBuf, name: &'static str },
    #[error("{} belongs to PostgreSQL {found}, and {wanted} is installed: install {found}, or start with another data directory", path.display())]
    OtherVersion { path: PathBuf, found: String, wanted: String },
    #[error("{} has layout {found}, and this program knows layout {wanted}: start the version that made it, or choose another data directory", path.display())]
    OtherLayout { path: PathBuf, found: String, wanted: &'static str },
    #[error("{} is in use by process {holder}: stop that one, or choose another data directory", path.display())]
    InUse { path: PathBuf, holder: String },
    #[error("{} holds other things than Stele's data: choose an empty or a new data directory", path.display())]
    NotOurs { path: PathBuf },
    #[error("{} cannot be the data directory, because {} lets the servers' account {account} not through: choose another one, such as /var/lib/stele", path.display(), above.display())]
    NoPassage { path: PathBuf, above: PathBuf, account: String },
    #[error("{} belongs to the user with id {owner}, and the servers would run as {account}: start as that user, or choose another data directory", path.display())]
    OtherOwner { path: PathBuf, owner: u32, account: String },
    #[error("neither XDG_DATA_HOME nor HOME says where your data lies: choose a data directory")]
    NoHome,
    #[error("{} cannot be used: {source}", path.display())]
    Path { path: PathBuf, source: std::io::Error },
    #[error("{program} could not be started: {source}")]
    Spawn { program: String, source: std::io::Error },
    #[error("{program} ended with {status}; its log is {}", log.display())]
    Ended { program: String, status: String, log: PathBuf },
    #[error("{program} did not answer within {seconds} s; its log is {}", log.display())]
    Silent { program: String, seconds: u64, log: PathBuf },
    #[error("no free port on 127.0.0.1 between 20000 and 30000: stop what holds them")]
    NoPort,
    #[error("a server of an earlier run still holds {} (process {pid}) and does not stop: stop it with kill -9 {pid}", path.display())]
    Orphan { path: PathBuf, pid: u32 },
}

use crate::Error;
use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, chown};
use std::path::Path;

/// Whom a server runs as: itself, or an unprivileged user where root started it.
#[derive(Clone, Copy, Debug)]
pub struct Account {
    pub uid: u32,
    pub gid: u32,
}

impl Account {
    /// The first of `stele`, `postgres` and `nobody` that exists, where this process is root's; nothing elsewhere.
    pub fn for_servers() -> Option<Self> {
        let root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
        let users = fs::read_to_string("/etc/passwd").ok().filter(|_| root)?;
        ["stele", "postgres", "nobody"].iter().find_map(|name| {
            let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
            let mut fields = line.split(':').skip(2);
            Some(Self { uid: fields.next()?.parse().ok()?, gid: fields.next()?.parse().ok()? })
        })
    }
}

/// Makes a folder that only the servers' account can open, or hands an existing one over to it.
pub fn own(path: &Path) -> Result<(), Error> {
    let fault = |source| Error::Path { path: path.to_owned(), source };
    if !path.exists() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(fault)?;
    }
    hand_over(path)
}

pub fn hand_over(path: &Path) -> Result<(), Error> {
    match Account::for_servers() {
        Some(account) => chown(path, Some(account.uid), Some(account.gid))
            .map_err(|source| Error::Path { path: path.to_owned(), source }),
        None => Ok(()),
    }
}

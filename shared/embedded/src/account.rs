use crate::Error;
use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

/// Whom the servers run as where root started them: PostgreSQL refuses to be root.
#[derive(Clone, Debug)]
pub struct Account {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
}

impl Account {
    /// The first unprivileged user that exists, where this process is root's; nothing elsewhere.
    pub fn for_servers() -> Option<&'static Self> {
        static ACCOUNT: OnceLock<Option<Account>> = OnceLock::new();
        ACCOUNT.get_or_init(Self::find).as_ref()
    }

    fn find() -> Option<Self> {
        let users = fs::read_to_string("/etc/passwd").ok().filter(|_| is_root())?;
        ["stele", "postgres", "_postgres", "nobody"].iter().find_map(|name| {
            let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
            let mut fields = line.split(':').skip(2);
            Some(Self {
                name: (*name).to_owned(),
                uid: fields.next()?.parse().ok()?,
                gid: fields.next()?.parse().ok()?,
            })
        })
    }

    /// Whether it may go through a folder to what lies below.
    fn passes(&self, folder: &fs::Metadata) -> bool {
        let bit = if folder.uid() == self.uid {
            0o100
        } else if folder.gid() == self.gid {
            0o010
        } else {
            0o001
        };
        folder.mode() & bit != 0
    }
}

pub fn is_root() -> bool {
    match fs::metadata("/proc/self") {
        Ok(process) => process.uid() == 0,
        // macOS has no /proc.
        Err(_) => Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0"),
    }
}

/// Makes a folder that stays its starter's, and that the servers' account can go through: what root writes there, that
/// account cannot replace by a link.
pub fn passage(path: &Path) -> Result<(), Error> {
    let fault = |source| Error::Path { path: path.to_owned(), source };
    let account = Account::for_servers();
    if !path.exists() {
        let mode = if account.is_some() { 0o711 } else { 0o700 };
        fs::DirBuilder::new().recursive(true).mode(mode).create(path).map_err(fault)?;
    }
    let folder = fs::metadata(path).map_err(fault)?;
    match account {
        Some(account) if !account.passes(&folder) => {
            fs::set_permissions(path, fs::Permissions::from_mode(folder.mode() | 0o011)).map_err(fault)
        }
        Some(_) | None => Ok(()),
    }
}

/// Every folder above `path` that is there must let the servers' account through; a home of root does not.
pub fn can_reach(path: &Path) -> Result<(), Error> {
    let Some(account) = Account::for_servers() else { return Ok(()) };
    for above in path.ancestors().skip(1) {
        let folder = fs::metadata(above);
        if folder.is_ok_and(|folder| !account.passes(&folder)) {
            return Err(Error::NoPassage {
                path: path.to_owned(),
                above: above.to_owned(),
                account: account.name.clone(),
            });
        }
    }
    Ok(())
}

/// Makes a folder that belongs to the servers' account alone. One that is another user's is refused, not taken over.
pub fn own(path: &Path) -> Result<(), Error> {
    let fault = |source| Error::Path { path: path.to_owned(), source };
    if !path.exists() {
        fs::DirBuilder::new().mode(0o700).create(path).map_err(fault)?;
    }
    let Some(account) = Account::for_servers() else { return Ok(()) };
    let owner = fs::metadata(path).map_err(fault)?.uid();
    if owner == account.uid {
        return Ok(());
    }
    // A start that was killed between making and handing over leaves root's.
    if owner == 0 {
        return hand_over(path);
    }
    Err(Error::OtherOwner { path: path.to_owned(), owner, account: account.name.clone() })
}

pub fn hand_over(path: &Path) -> Result<(), Error> {
    match Account::for_servers() {
        Some(account) => chown(path, Some(account.uid), Some(account.gid))
            .map_err(|source| Error::Path { path: path.to_owned(), source }),
        None => Ok(()),
    }
}

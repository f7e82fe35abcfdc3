use crate::{Error, account, files};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::{fs, process};

/// How the folders below are arranged. Another number needs another program.
const LAYOUT: &str = "1";

/// A data directory that this process alone uses: the lock goes with the process, however that ends.
pub struct Directory {
    pub path: PathBuf,
    /// Stands in the command line of every server that runs on this directory and of no other process on the machine:
    /// by it a later start knows what an earlier one left behind. A copied directory has another one.
    pub mark: String,
    _lock: File,
}

impl Directory {
    pub fn open(path: &Path) -> Result<Self, Error> {
        let fault = |source| Error::Path { path: path.to_owned(), source };
        if path.exists() {
            is_ours_or_empty(path)?;
        }
        // Before anything is made, and again below, where links are resolved.
        account::can_reach(&std::path::absolute(path).map_err(fault)?)?;
        account::passage(path)?;
        // The servers start in another folder, and macOS reaches its temporary folder by a link.
        let path = fs::canonicalize(path).map_err(fault)?;
        account::can_reach(&path)?;
        let lock = lock(&path)?;
        layout(&path)?;
        let id = files::kept_random(&path.join("id"))?;
        let mark = format!("stele-{}", uuid::Uuid::new_v5(&id, path.as_os_str().as_encoded_bytes()).simple());
        Ok(Self { path, mark, _lock: lock })
    }
}

/// A folder with other things in it is not opened to the servers' account nor filled with ours.
fn is_ours_or_empty(path: &Path) -> Result<(), Error> {
    let fault = |source| Error::Path { path: path.to_owned(), source };
    if path.join("layout").exists() {
        return Ok(());
    }
    for entry in fs::read_dir(path).map_err(fault)? {
        let name = entry.map_err(fault)?.file_name();
        // Of a start that was killed early, and of a fresh disk.
        if !["lock", "layout.new", "lost+found"].iter().any(|known| name == *known) {
            return Err(Error::NotOurs { path: path.to_owned() });
        }
    }
    Ok(())
}

fn lock(folder: &Path) -> Result<File, Error> {
    let path = folder.join("lock");
    let fault = |source| Error::Path { path: path.clone(), source };
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(fault)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let holder = files::read(&path).unwrap_or_else(|| "unknown".to_owned());
            return Err(Error::InUse { path: folder.to_owned(), holder });
        }
        Err(TryLockError::Error(source)) => return Err(fault(source)),
    }
    file.set_len(0).and_then(|()| file.write_all(process::id().to_string().as_bytes())).map_err(fault)?;
    Ok(file)
}

fn layout(folder: &Path) -> Result<(), Error> {
    let path = folder.join("layout");
    match files::read(&path) {
        None => files::write(&path, LAYOUT.as_bytes()),
        Some(found) if found == LAYOUT => Ok(()),
        Some(found) => Err(Error::OtherLayout { path: folder.to_owned(), found, wanted: LAYOUT }),
    }
}

use crate::Error;
use crate::account::hand_over;
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Writes a file that only the servers' account reads: whole or not at all, and on disk when this returns.
pub fn write(path: &Path, text: &[u8]) -> Result<(), Error> {
    let fault = |source| Error::Path { path: path.to_owned(), source };
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = Path::new(&name);
    let mut file =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(new).map_err(fault)?;
    file.write_all(text).and_then(|()| file.sync_all()).map_err(fault)?;
    hand_over(new)?;
    fs::rename(new, path).map_err(fault)
}

/// What the file holds, without the space around it; nothing where it is missing or empty.
pub fn read(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// 122 random bits, made on the first call and kept.
pub fn kept_random(path: &Path) -> Result<uuid::Uuid, Error> {
    if let Some(kept) = read(path).and_then(|text| text.parse().ok()) {
        return Ok(kept);
    }
    let new = uuid::Uuid::new_v4();
    write(path, new.simple().to_string().as_bytes())?;
    Ok(new)
}

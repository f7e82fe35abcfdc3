use anyhow::Context;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Says which program this is: its version, and a digest of its file, since two builds of a version may fold otherwise.
pub fn fingerprint() -> anyhow::Result<String> {
    let path = std::env::current_exe().context("the program's own file is not known")?;
    let digest = digest(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    let mut told = format!("{} ", env!("CARGO_PKG_VERSION"));
    for byte in &digest[..8] {
        write!(told, "{byte:02x}")?;
    }
    Ok(told)
}

fn digest(path: &Path) -> std::io::Result<[u8; 32]> {
    let mut file = File::open(path)?;
    let mut digest = Sha256::new();
    let mut bytes = vec![0; 1 << 16];
    loop {
        match file.read(&mut bytes)? {
            0 => return Ok(digest.finalize().into()),
            read => digest.update(&bytes[..read]),
        }
    }
}

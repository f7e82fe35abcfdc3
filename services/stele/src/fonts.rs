use anyhow::{Context, ensure};
use clap::Args;
use std::fs;
use std::path::{Path, PathBuf};
use typesetting::Typst;

/// Every font that is given is in memory as long as the process runs.
const MOST_BYTES: u64 = 256 << 20;

/// In what papers are set.
#[derive(Args, Clone)]
pub struct FontOptions {
    /// A folder of OpenType or TrueType fonts, for characters of papers that the built-in ones lack: they have Latin, Greek and Cyrillic
    #[arg(long = "fonts", env = "STELE_FONTS", value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

impl FontOptions {
    /// What prints papers. A folder that is named and cannot be used is a mistake, and no reason to print boxes.
    pub fn printer(&self) -> anyhow::Result<Typst> {
        let Some(folder) = &self.folder else { return Ok(Typst::default()) };
        fonts(folder).and_then(|files| Ok(Typst::with_fonts(files)?)).context("--fonts")
    }
}

/// The files of a folder by their names, in one order on each machine.
fn fonts(folder: &Path) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let shown = folder.display();
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("{shown} cannot be read"))? {
        let entry = entry?;
        if fs::metadata(entry.path())?.is_file() {
            paths.push(entry.path());
        }
    }
    paths.sort();
    let (mut files, mut bytes) = (Vec::new(), 0);
    for path in paths {
        bytes += fs::metadata(&path)?.len();
        ensure!(bytes <= MOST_BYTES, "{shown} holds more than {} MiB: leave out what no paper needs", MOST_BYTES >> 20);
        let file = fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        files.push((path.display().to_string(), file));
    }
    ensure!(!files.is_empty(), "{shown} holds no file");
    Ok(files)
}

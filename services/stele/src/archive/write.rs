use super::{Entry, Manifest};
use anyhow::Context;
use eventstore::hex;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;
use tempfile::NamedTempFile;

/// A file of an archive that is still being written: a tar says how long each one is before it begins.
pub struct Spool {
    name: String,
    file: BufWriter<File>,
    digest: Sha256,
    bytes: u64,
    lines: u64,
}

/// One that is whole.
pub struct Spooled {
    pub entry: Entry,
    file: File,
}

impl Spool {
    /// `folder` has room for it; the file has no name there and goes with the process.
    pub fn new(folder: &Path, service: &str, table: &str) -> anyhow::Result<Self> {
        let file =
            tempfile::tempfile_in(folder).with_context(|| format!("{} cannot be written to", folder.display()))?;
        let name = Entry::named(service, table);
        Ok(Self { name, file: BufWriter::new(file), digest: Sha256::new(), bytes: 0, lines: 0 })
    }

    pub fn line(&mut self, line: &str) -> anyhow::Result<()> {
        for part in [line.as_bytes(), b"\n"] {
            self.file.write_all(part).with_context(|| format!("{} cannot be written", self.name))?;
            self.digest.update(part);
            self.bytes += u64::try_from(part.len())?;
        }
        self.lines += 1;
        Ok(())
    }

    pub fn end(self) -> anyhow::Result<Spooled> {
        let Self { name, file, digest, bytes, lines } = self;
        let mut file = file.into_inner().with_context(|| format!("{name} cannot be written"))?;
        file.seek(SeekFrom::Start(0))?;
        Ok(Spooled { entry: Entry { name, sha256: hex(&digest.finalize()), bytes, lines }, file })
    }
}

/// An archive that is being written: the manifest, the files in its order, the attachments. It is there whole or not at all, and
/// only its owner reads it.
pub struct Writer {
    tar: tar::Builder<GzEncoder<BufWriter<NamedTempFile>>>,
    at: u64,
}

impl Writer {
    pub fn begin(folder: &Path, manifest: &Manifest) -> anyhow::Result<Self> {
        let new =
            NamedTempFile::new_in(folder).with_context(|| format!("{} cannot be written to", folder.display()))?;
        let tar = tar::Builder::new(GzEncoder::new(BufWriter::new(new), Compression::default()));
        let mut writer = Self { tar, at: u64::try_from(manifest.exported_at.timestamp())? };
        let text = serde_json::to_vec_pretty(manifest)?;
        writer.append("manifest.json", u64::try_from(text.len())?, text.as_slice())?;
        Ok(writer)
    }

    pub fn file(&mut self, file: Spooled) -> anyhow::Result<()> {
        let Spooled { entry, file } = file;
        self.append(&entry.name, entry.bytes, BufReader::new(file))
    }

    pub fn append(&mut self, name: &str, bytes: u64, content: impl Read) -> anyhow::Result<()> {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes);
        header.set_mode(0o600);
        header.set_mtime(self.at);
        self.tar.append_data(&mut header, name, content).with_context(|| format!("{name} cannot be written"))
    }

    pub fn end(self, path: &Path) -> anyhow::Result<()> {
        let new = self.tar.into_inner()?.finish()?.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        new.as_file().sync_all()?;
        // Never over another one, which a rename would do.
        new.persist_noclobber(path)
            .map_err(|error| error.error)
            .with_context(|| format!("{} cannot be made", path.display()))?;
        Ok(())
    }
}

use super::{Entry, FORMAT, Manifest, PROGRAM, attachment};
use anyhow::{Context, bail, ensure};
use eventstore::hex;
use files::FileDigest;
use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::vec::IntoIter;

/// No manifest is longer.
const MANIFEST: u64 = 1 << 20;
/// No line is longer: an event has 700 kB at most, and JSON may take six times that to say it.
const LINE: u64 = 16 << 20;
/// Lines are taken in pages of so many, or of so many bytes.
const PAGE: usize = 1000;
const PAGE_BYTES: usize = 4 << 20;

/// A file of the tenant is read in pieces of so many bytes.
const PIECE: u64 = 1 << 20;

type Gz = MultiGzDecoder<BufReader<File>>;

/// A file that says it is an archive.
pub struct Archive {
    tar: tar::Archive<Gz>,
}

/// Its files, one after the other.
pub struct Parts<'a> {
    entries: tar::Entries<'a, Gz>,
    pub manifest: Manifest,
    /// The SHA-256 of the manifest, and so of everything.
    pub digest: String,
    expected: IntoIter<Entry>,
}

/// A file of the tenant, which is digested as it is read.
pub struct Attachment<'a> {
    name: String,
    content: tar::Entry<'a, Gz>,
    kept: FileDigest,
    digest: Sha256,
}

/// One file, whose lines are counted and digested as they are read.
pub struct Part<'a> {
    pub entry: Entry,
    content: BufReader<tar::Entry<'a, Gz>>,
    digest: Sha256,
    bytes: u64,
    lines: u64,
}

impl Archive {
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let file = File::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
        Ok(Self { tar: tar::Archive::new(MultiGzDecoder::new(BufReader::new(file))) })
    }

    /// Reads the manifest; what it lists follows.
    pub fn parts(&mut self) -> anyhow::Result<Parts<'_>> {
        // Names and sizes as they stand: an extension of the format could claim ones that have no bound.
        let mut entries = self.tar.entries()?.raw(true);
        let first = entries.next().and_then(Result::ok);
        let is_manifest = |entry: &tar::Entry<'_, Gz>| entry.path_bytes().as_ref() == b"manifest.json";
        let mut first = first.filter(is_manifest).context("it is no archive of `stele export`")?;
        ensure!(first.size() <= MANIFEST, "manifest.json has {} bytes, and {MANIFEST} are the most", first.size());
        let mut text = Vec::new();
        first.read_to_end(&mut text).context("manifest.json cannot be read")?;
        let manifest = manifest(&text).context("manifest.json")?;
        let expected = manifest.files.clone().into_iter();
        Ok(Parts { entries, manifest, digest: hex(&Sha256::digest(&text)), expected })
    }

    /// Reads what is left of the file itself.
    pub fn end(self) -> anyhow::Result<()> {
        // To its last byte: the compression has a check of its own.
        std::io::copy(&mut self.tar.into_inner(), &mut std::io::sink()).context("the end of it is damaged")?;
        Ok(())
    }
}

fn manifest(text: &[u8]) -> anyhow::Result<Manifest> {
    #[derive(Deserialize)]
    struct Any {
        format: u32,
        program: String,
    }
    let Any { format, program } = serde_json::from_slice(text)?;
    if format > FORMAT || newer(&program) {
        bail!(
            "stele {program} wrote it, in format {format}, and this is stele {PROGRAM}, which knows format {FORMAT}: use that version"
        );
    }
    Ok(serde_json::from_slice(text)?)
}

/// Whether a version comes after this program's.
fn newer(version: &str) -> bool {
    let numbers =
        |version: &str| version.split(['.', '-', '+']).map_while(|part| part.parse().ok()).collect::<Vec<u64>>();
    numbers(version) > numbers(PROGRAM)
}

impl<'a> Parts<'a> {
    /// The next file of the manifest; nothing after the last.
    pub fn next(&mut self) -> anyhow::Result<Option<Part<'a>>> {
        let Some(entry) = self.expected.next() else { return Ok(None) };
        let content = BufReader::new(self.called(&entry.name)?);
        Ok(Some(Part { entry, content, digest: Sha256::new(), bytes: 0, lines: 0 }))
    }

    /// A file of the tenant; all of them follow those of the manifest.
    pub fn attachment(&mut self, digest: &FileDigest, bytes: u64) -> anyhow::Result<Attachment<'a>> {
        let name = attachment(digest);
        let content = self.called(&name)?;
        let found = content.size();
        ensure!(found == bytes, "{name}: it has {found} bytes, and the log says {bytes}");
        Ok(Attachment { name, content, kept: digest.clone(), digest: Sha256::new() })
    }

    fn called(&mut self, expected: &str) -> anyhow::Result<tar::Entry<'a, Gz>> {
        let content = match self.entries.next() {
            Some(content) => content.with_context(|| format!("{expected} cannot be read"))?,
            None => bail!("it ends before {expected}"),
        };
        let name = String::from_utf8_lossy(&content.path_bytes()).into_owned();
        ensure!(name == expected, "{name} stands where {expected} should");
        Ok(content)
    }

    /// What follows the last one, which is nothing.
    pub fn none_left(mut self) -> anyhow::Result<()> {
        match self.entries.next() {
            None => Ok(()),
            Some(Ok(more)) => bail!("{} is not in the manifest", String::from_utf8_lossy(&more.path_bytes())),
            Some(Err(error)) => Err(error).context("after the last file"),
        }
    }
}

impl Attachment<'_> {
    /// Its next bytes; nothing at the end, where they are what the log says.
    pub fn next(&mut self) -> anyhow::Result<Option<Vec<u8>>> {
        let mut piece = Vec::new();
        let read = self.content.by_ref().take(PIECE).read_to_end(&mut piece);
        read.with_context(|| format!("{} cannot be read", self.name))?;
        if piece.is_empty() {
            let found = hex(&self.digest.clone().finalize());
            ensure!(found == self.kept.as_str(), "{}: its SHA-256 is {found}", self.name);
            return Ok(None);
        }
        self.digest.update(&piece);
        Ok(Some(piece))
    }
}

impl Part<'_> {
    /// The next lines, each with its number; nothing at the end, where the file is what the manifest says.
    pub fn page(&mut self) -> anyhow::Result<Option<Vec<(u64, String)>>> {
        let (mut page, mut bytes) = (Vec::new(), 0);
        while page.len() < PAGE && bytes < PAGE_BYTES {
            let Some(line) = self.line()? else { break };
            bytes += line.len();
            page.push((self.lines, line));
        }
        if page.is_empty() {
            self.against_the_manifest()?;
            return Ok(None);
        }
        Ok(Some(page))
    }

    fn line(&mut self) -> anyhow::Result<Option<String>> {
        let name = &self.entry.name;
        let mut line = Vec::new();
        let read = self.content.by_ref().take(LINE).read_until(b'\n', &mut line);
        if read.with_context(|| format!("{name} cannot be read beyond line {}", self.lines))? == 0 {
            return Ok(None);
        }
        self.digest.update(&line);
        self.bytes += u64::try_from(line.len())?;
        self.lines += 1;
        let is_whole = line.pop() == Some(b'\n');
        ensure!(u64::try_from(line.len())? < LINE, "{name}, line {}: it is longer than {LINE} bytes", self.lines);
        ensure!(is_whole, "{name}, line {}: it has no end", self.lines);
        let line =
            String::from_utf8(line).ok().with_context(|| format!("{name}, line {}: it is not UTF-8", self.lines))?;
        Ok(Some(line))
    }

    fn against_the_manifest(&self) -> anyhow::Result<()> {
        let Entry { name, sha256, bytes, lines } = &self.entry;
        ensure!(
            (self.bytes, self.lines) == (*bytes, *lines),
            "{name}: it has {} bytes in {} lines, and the manifest says {bytes} in {lines}",
            self.bytes,
            self.lines
        );
        let found = hex(&self.digest.clone().finalize());
        ensure!(found == *sha256, "{name}: its SHA-256 is {found}, and the manifest says {sha256}");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{PROGRAM, newer};

    #[test]
    fn a_version_that_comes_later_is_newer() {
        assert!(!newer(PROGRAM) && !newer("0.0.9"));
        assert!(newer("0.10.0") && newer("1.0.0") && newer(&format!("{PROGRAM}.1")));
    }
}

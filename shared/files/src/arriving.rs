use crate::FileDigest;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

/// A file that is being received. It has no name on the disk: where its sender or the process goes away, nothing of it stays.
pub struct Arriving {
    file: File,
    digest: Sha256,
    bytes: u64,
    most: u64,
}

/// One that has arrived.
#[derive(Clone)]
pub struct Whole {
    pub(crate) file: Arc<File>,
    pub digest: FileDigest,
    pub bytes: u64,
}

/// Why what arrives cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    #[error("it is empty: send the file itself, such as with --data-binary @FILE")]
    Empty,
    #[error("it is larger than {0} bytes, which is the most here")]
    TooLarge(u64),
    #[error(transparent)]
    Disk(#[from] io::Error),
}

impl Arriving {
    pub(crate) fn within(folder: &Path, most: u64) -> io::Result<Self> {
        Ok(Self { file: tempfile::tempfile_in(folder)?, digest: Sha256::new(), bytes: 0, most })
    }

    /// The next of its bytes. Writing to a file that was just made is writing to memory: it blocks for no disk.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Unfit> {
        self.bytes += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if self.bytes > self.most {
            return Err(Unfit::TooLarge(self.most));
        }
        self.digest.update(bytes);
        Ok(self.file.write_all(bytes)?)
    }

    pub fn end(self) -> Result<Whole, Unfit> {
        if self.bytes == 0 {
            return Err(Unfit::Empty);
        }
        Ok(Whole { file: Arc::new(self.file), digest: FileDigest::of(self.digest), bytes: self.bytes })
    }
}

use crate::FileDigest;
use crate::arriving::{Arriving, Whole};
use crate::place::Place;
use crate::reading::{Chunks, Damaged, verified};
use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Utc};
use eventstore::TenantId;
use futures::stream::{BoxStream, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, WriteMultipart};
use std::fs;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::task::spawn_blocking;

/// How much of a file is on its way at once; S3 takes no smaller part but the last.
const PART: usize = 8 * 1024 * 1024;

/// What is smaller goes in one request.
const SMALL: u64 = 16 * 1024 * 1024;

/// How many parts are on their way at once.
const PARTS: usize = 2;

/// The files of all tenants.
#[derive(Clone)]
pub struct Files {
    store: Arc<dyn ObjectStore>,
    folder: Option<PathBuf>,
    arriving: PathBuf,
    most_bytes: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    #[error("`{0}` is neither a folder nor s3://BUCKET/PREFIX")]
    Place(String),
    #[error("files cannot be kept in {}: {source}", folder.display())]
    Folder { folder: PathBuf, source: io::Error },
    #[error("files cannot be reached: {0}")]
    Store(#[from] object_store::Error),
    #[error("a file cannot be read: {0}")]
    Disk(#[from] io::Error),
}

/// What is wrong with a file that was kept.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("it is gone")]
    Gone,
    #[error("it has {found} bytes, and {kept} were kept")]
    Resized { kept: u64, found: u64 },
    #[error("{0}")]
    Altered(String),
}

impl Files {
    /// In a folder, or at `s3://bucket/prefix`; none of them larger than this.
    pub fn at(place: &str, most_bytes: u64) -> Result<Self, FilesError> {
        let Place { store, folder, arriving } = Place::read(place)?;
        Ok(Self { store, folder, arriving, most_bytes })
    }

    pub fn most_bytes(&self) -> u64 {
        self.most_bytes
    }

    pub fn arriving(&self) -> io::Result<Arriving> {
        Arriving::within(&self.arriving, self.most_bytes)
    }

    /// Keeps a file for the tenant. It is there whole or not at all, and on the disk when this is over. Where it is there
    /// already it stays as it is, unless it has another length.
    pub async fn keep(&self, tenant: TenantId, whole: &Whole) -> Result<(), FilesError> {
        let path = path(tenant, &whole.digest);
        match self.store.head(&path).await {
            Ok(found) if found.size == whole.bytes => return Ok(()),
            Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        if whole.bytes <= SMALL {
            let content = part(whole, 0, whole.bytes).await?;
            self.store.put(&path, content.into()).await?;
            return Ok(());
        }
        let mut upload = WriteMultipart::new_with_chunk_size(self.store.put_multipart(&path).await?, PART);
        let mut written = 0;
        while written < whole.bytes {
            let next = part(whole, written, u64::try_from(PART).unwrap_or(SMALL)).await?;
            written += u64::try_from(next.len()).unwrap_or_default();
            upload.wait_for_capacity(PARTS).await?;
            upload.put(next);
        }
        upload.finish().await?;
        Ok(())
    }

    /// The bytes of a file that was kept with this length. They are checked on their way, and the last come only where all are right.
    pub async fn open(
        &self,
        tenant: TenantId,
        digest: &FileDigest,
        bytes: u64,
    ) -> Result<Result<Chunks, Fault>, FilesError> {
        let got = match self.store.get(&path(tenant, digest)).await {
            Ok(got) => got,
            Err(object_store::Error::NotFound { .. }) => return Ok(Err(Fault::Gone)),
            Err(error) => return Err(error.into()),
        };
        if got.meta.size != bytes {
            return Ok(Err(Fault::Resized { kept: bytes, found: got.meta.size }));
        }
        Ok(Ok(verified(got.into_stream(), digest.clone())))
    }

    /// Reads a file whole: what is wrong with it, if anything.
    pub async fn examine(
        &self,
        tenant: TenantId,
        digest: &FileDigest,
        bytes: u64,
    ) -> Result<Option<Fault>, FilesError> {
        let mut chunks = match self.open(tenant, digest, bytes).await? {
            Ok(chunks) => chunks,
            Err(fault) => return Ok(Some(fault)),
        };
        while let Some(chunk) = chunks.next().await {
            match chunk {
                Ok(_) => {}
                Err(altered @ Damaged::Altered { .. }) => return Ok(Some(Fault::Altered(altered.to_string()))),
                Err(Damaged::Unreadable(error)) => return Err(error.into()),
            }
        }
        Ok(None)
    }

    /// The tenant's files that came before this instant.
    pub fn older(&self, tenant: TenantId, than: DateTime<Utc>) -> BoxStream<'_, Result<FileDigest, FilesError>> {
        let listed = self.store.list(Some(&Path::from(tenant.to_string())));
        let old = listed.try_filter_map(move |found| async move {
            let digest = found.location.filename().and_then(|name| name.parse().ok());
            Ok(digest.filter(|_| found.last_modified < than))
        });
        old.map_err(FilesError::from).boxed()
    }

    /// Takes away a file of which nothing was recorded.
    pub async fn discard(&self, tenant: TenantId, digest: &FileDigest) -> Result<(), FilesError> {
        match self.store.delete(&path(tenant, digest)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes away what a process left that died while it wrote into the tenant's folder, before this instant. A bucket does the same
    /// by a rule of its own.
    pub async fn tidy(&self, tenant: TenantId, than: DateTime<Utc>) -> Result<(), FilesError> {
        let Some(folder) = self.folder.as_ref().map(|folder| folder.join(tenant.to_string())) else { return Ok(()) };
        let tidied = spawn_blocking(move || tidied(&folder, than)).await;
        tidied.map_err(io::Error::other)??;
        Ok(())
    }
}

fn path(tenant: TenantId, digest: &FileDigest) -> Path {
    Path::from_iter([tenant.to_string().as_str(), digest.as_str()])
}

/// So many bytes of it from there on, or as many as there are.
async fn part(whole: &Whole, from: u64, most: u64) -> io::Result<Bytes> {
    let file = whole.file.clone();
    let length = usize::try_from(most.min(whole.bytes - from)).map_err(io::Error::other)?;
    let read = spawn_blocking(move || {
        let mut bytes = BytesMut::zeroed(length);
        file.read_exact_at(&mut bytes, from)?;
        Ok(bytes.freeze())
    });
    read.await.map_err(io::Error::other)?
}

/// Files are written under another name, with a `#` in it, until they are whole.
fn tidied(folder: &std::path::Path, than: DateTime<Utc>) -> io::Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    for file in fs::read_dir(folder)? {
        let file = file?;
        let is_unfinished = file.file_name().to_string_lossy().contains('#');
        // One that another process just finished or took away is gone, which is as good.
        let Ok(changed) = file.metadata().and_then(|data| data.modified()) else { continue };
        if is_unfinished && DateTime::<Utc>::from(changed) < than {
            tracing::warn!(file = %file.path().display(), "what a process left that died while it wrote is taken away");
            let _ = fs::remove_file(file.path());
        }
    }
    Ok(())
}

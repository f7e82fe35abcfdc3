use crate::store::FilesError;
use crate::web::Web;
use object_store::ObjectStore;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::prefix::PrefixStore;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use url::Url;

/// Where files are, and where they lie until they are whole.
pub struct Place {
    pub store: Arc<dyn ObjectStore>,
    /// The folder, where it is one.
    pub folder: Option<PathBuf>,
    pub arriving: PathBuf,
}

impl Place {
    /// `s3://bucket/prefix`, with what the variables `AWS_*` say of it; or a folder, which is made where it is missing.
    pub fn read(place: &str) -> Result<Self, FilesError> {
        if place.contains("://") { Self::bucket(place) } else { Self::folder(Path::new(place)) }
    }

    fn folder(folder: &Path) -> Result<Self, FilesError> {
        let unusable = |source| FilesError::Folder { folder: folder.to_owned(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(unusable)?;
        let store = LocalFileSystem::new_with_prefix(folder)?.with_fsync(true);
        // Made at once, so that a folder that may not be written to is told of by the start.
        tempfile::tempfile_in(folder).map_err(unusable)?;
        Ok(Self { store: Arc::new(store), folder: Some(folder.to_owned()), arriving: folder.to_owned() })
    }

    fn bucket(place: &str) -> Result<Self, FilesError> {
        let unreadable = || FilesError::Place(place.to_owned());
        let url = Url::parse(place).ok().filter(|url| url.scheme() == "s3").ok_or_else(unreadable)?;
        let bucket = url.host_str().filter(|host| !host.is_empty()).ok_or_else(unreadable)?;
        let prefix = object_store::path::Path::from_url_path(url.path()).map_err(|_| unreadable())?;
        let store = AmazonS3Builder::from_env().with_bucket_name(bucket).with_http_connector(Web).build()?;
        Ok(Self { store: Arc::new(PrefixStore::new(store, prefix)), folder: None, arriving: std::env::temp_dir() })
    }
}

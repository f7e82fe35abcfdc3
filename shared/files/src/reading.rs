use crate::FileDigest;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use sha2::{Digest, Sha256};

/// A file's bytes as they are read.
pub type Chunks = BoxStream<'static, Result<Bytes, Damaged>>;

/// A file that is not what was kept.
#[derive(Debug, thiserror::Error)]
pub enum Damaged {
    #[error("its SHA-256 is {found}, and {kept} was kept")]
    Altered { kept: FileDigest, found: FileDigest },
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] object_store::Error),
}

/// The same bytes, of which the last come only when all are seen to be those that were kept.
pub fn verified(chunks: BoxStream<'static, object_store::Result<Bytes>>, kept: FileDigest) -> Chunks {
    let state = Some((chunks, Sha256::new(), Bytes::new(), kept));
    let told = stream::unfold(state, async |state| {
        let (mut chunks, mut digest, mut held, kept) = state?;
        loop {
            match chunks.next().await {
                Some(Ok(next)) => {
                    digest.update(&next);
                    let before = std::mem::replace(&mut held, next);
                    if !before.is_empty() {
                        return Some((Ok(before), Some((chunks, digest, held, kept))));
                    }
                }
                Some(Err(error)) => return Some((Err(error.into()), None)),
                None => {
                    let found = FileDigest::of(digest);
                    let last = if found == kept { Ok(held) } else { Err(Damaged::Altered { kept, found }) };
                    return Some((last, None));
                }
            }
        }
    });
    told.boxed()
}

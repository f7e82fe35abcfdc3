//! Where a page ended, as its reader carries it to the next one.

use crate::Problem;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What a cursor of ours says. One that was made up, or does not fit the list, is refused.
pub fn read<T: DeserializeOwned>(text: &str, fits: impl FnOnce(&T) -> bool) -> Result<T, Problem> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok();
    let cursor = bytes.and_then(|bytes| serde_json::from_slice::<T>(&bytes).ok());
    cursor
        .filter(fits)
        .ok_or_else(|| Problem::field("cursor", "this is no cursor of ours: give `next` of the page before"))
}

pub fn written(cursor: &impl Serialize) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(cursor).unwrap_or_default())
}

use anyhow::Context;
use clap::Args;
use files::Files;
use std::path::Path;

/// Where files are kept, and how large they may be.
#[derive(Args, Clone)]
pub struct FileOptions {
    /// A folder, or `s3://BUCKET/PREFIX` with what the variables AWS_* say of it; `stele up` has a folder beside its data
    #[arg(long = "files", env = "STELE_FILES", value_name = "PLACE")]
    place: Option<String>,
    /// MiB that a file may have
    #[arg(long, env = "STELE_MOST_FILE_MIB", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..4096))]
    most_file_mib: u32,
}

impl FileOptions {
    /// The place that is named, or this one.
    pub fn place(&self, otherwise: Option<&Path>) -> anyhow::Result<Option<String>> {
        self.place.as_deref().map_or_else(|| Ok(otherwise.map(told)), |place| named(place).map(Some))
    }

    pub fn files(&self, place: Option<&str>) -> anyhow::Result<Option<Files>> {
        let most_bytes = u64::from(self.most_file_mib) << 20;
        place.map(|place| Files::at(place, most_bytes).context("--files")).transpose()
    }
}

/// The same wherever one stands.
pub fn named(place: &str) -> anyhow::Result<String> {
    if place.contains("://") { Ok(place.to_owned()) } else { Ok(told(&std::path::absolute(place)?)) }
}

fn told(folder: &Path) -> String {
    folder.display().to_string()
}

use crate::secrets;
use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// How to reach a running `stele up`; kept in its data directory while it runs.
#[derive(Serialize, Deserialize)]
pub struct Running {
    pub address: String,
    pub organisation: Uuid,
    pub token: String,
    pub postgres: String,
    pub nats: String,
    pub password: String,
    /// Where files are kept.
    pub files: String,
}

impl Running {
    fn path(data: &Path) -> PathBuf {
        data.join("running.json")
    }

    pub fn tell(&self, data: &Path) -> anyhow::Result<()> {
        secrets::write(&Self::path(data), self)
    }

    pub fn forget(data: &Path) {
        // One that stays names an address where nothing answers, which its reader says.
        let _ = fs::remove_file(Self::path(data));
    }

    /// The one on `data`, or on the usual data directory.
    pub fn find(data: Option<&Path>) -> anyhow::Result<Self> {
        let data = directory(data)?;
        let path = Self::path(&data);
        if !path.exists() {
            bail!("nothing runs on {}: start it with `./dev up`, or name its directory with --data", data.display());
        }
        secrets::read(&path).context("start `./dev up` anew")
    }
}

pub fn directory(data: Option<&Path>) -> anyhow::Result<PathBuf> {
    Ok(match data {
        Some(data) => data.to_owned(),
        None => embedded::default_data_dir()?,
    })
}

use crate::installation;
use anyhow::Context;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use tenancy::Kind;
use uuid::Uuid;

/// What one installation of `stele up` keeps beside its data, for its starter's eyes only.
#[derive(Clone, Serialize, Deserialize)]
pub struct Secrets {
    /// Signs the tokens of the local issuer: 64 hexadecimal digits.
    pub issuer_seed: String,
    /// Of the services' database logins.
    pub password: String,
    /// The first organisation, as the first start was told to found it.
    pub organisation: Uuid,
    pub name: String,
    pub kind: Kind,
}

impl Secrets {
    /// Those of an earlier start on this data directory.
    pub fn of(data: Option<&Path>) -> anyhow::Result<Self> {
        read(&installation::directory(data)?.join("secrets.json"))
    }

    /// Those of an earlier start, else new ones for an organisation of this name.
    pub fn kept(data: &Path, name: &str, kind: Kind) -> anyhow::Result<Self> {
        let path = data.join("secrets.json");
        if path.exists() {
            return read(&path);
        }
        let random = || Uuid::new_v4().simple().to_string();
        let secrets = Self {
            issuer_seed: random() + &random(),
            password: random(),
            organisation: Uuid::now_v7(),
            name: name.to_owned(),
            kind,
        };
        write(&path, &secrets)?;
        Ok(secrets)
    }
}

pub fn read<T: DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let text = fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is damaged", path.display()))
}

/// Whole or not at all, and readable by its owner only.
pub fn write(path: &Path, content: &impl Serialize) -> anyhow::Result<()> {
    let new = path.with_extension("new");
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(&serde_json::to_vec_pretty(content)?)?;
    file.sync_all()?;
    fs::rename(&new, path).with_context(|| format!("{} cannot be written", path.display()))
}

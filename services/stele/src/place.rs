use crate::installation::Running;
use access::{Issuer, Verifier};
use anyhow::Context;
use clap::Args;
use eventstore::Server;
use files::Files;
use service::{Rates, Settings};
use std::path::PathBuf;

/// Where the databases are: given, or those of a running `stele up`.
#[derive(Args)]
pub struct Place {
    /// postgres://user:password@host:port of the PostgreSQL server; without it, that of `stele up` on the data directory
    #[arg(long, env = "STELE_POSTGRES_URL", hide_env_values = true)]
    pub postgres: Option<String>,
    /// Databases are named <PREFIX>_<service>; also the first token of every NATS subject
    #[arg(long, env = "STELE_PREFIX", default_value = "stele")]
    pub prefix: String,
    /// Password of the services' database logins, where it is not that of the address
    #[arg(long, env = "STELE_PASSWORD", hide_env_values = true)]
    pub password: Option<String>,
    /// Data directory of `stele up`
    #[arg(long, env = "STELE_DATA")]
    pub data: Option<PathBuf>,
    /// Where files are kept: a folder, or `s3://BUCKET/PREFIX`; without it, where `stele up` keeps them
    #[arg(long, env = "STELE_FILES", value_name = "PLACE")]
    pub files: Option<String>,
}

impl Place {
    /// The files, where it is told or known where they are.
    pub fn files(&self) -> anyhow::Result<Option<Files>> {
        let place = match (&self.files, &self.postgres) {
            (Some(place), _) => place.clone(),
            (None, Some(_)) => return Ok(None),
            (None, None) => Running::find(self.data.as_deref())?.files,
        };
        // What was kept once is not measured anew.
        Ok(Some(Files::at(&place, u64::MAX).context("--files")?))
    }

    /// What a tool needs that works on the databases alone.
    pub fn settings(&self) -> anyhow::Result<Settings> {
        let (url, password) = if let Some(url) = &self.postgres {
            (url.clone(), self.password.clone())
        } else {
            let running = Running::find(self.data.as_deref())?;
            (running.postgres, Some(running.password))
        };
        // Tools check no tokens: they are run by who holds the database's password.
        let nobody = Verifier::from_public(&Issuer::public(&"0".repeat(64))?)?;
        Ok(Settings {
            postgres: Server::new(&url, &self.prefix).context("--postgres is not an address")?,
            password,
            connections: 4,
            nats: String::new(),
            prefix: self.prefix.clone(),
            verifier: nobody,
            rates: Rates::default(),
            proxies: 0,
        })
    }
}

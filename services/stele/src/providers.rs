use access::Providers;
use anyhow::Context;
use clap::Args;
use std::fs;
use std::path::PathBuf;

/// Which identity providers are trusted, if any.
#[derive(Args, Clone)]
pub struct ProviderOptions {
    /// A JSON file with the identity providers (OpenID Connect) whose tokens count, each for the people of one organisation
    #[arg(long, env = "STELE_PROVIDERS")]
    providers: Option<PathBuf>,
}

impl ProviderOptions {
    pub fn read(&self) -> anyhow::Result<Providers> {
        let Some(path) = &self.providers else { return Ok(Providers::default()) };
        let text = fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
        Providers::read(&text).with_context(|| format!("--providers {}", path.display()))
    }
}

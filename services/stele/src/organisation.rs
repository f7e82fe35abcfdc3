use crate::place::Place;
use crate::services;
use access::{Caller, Issuer};
use chrono::{DateTime, Duration, Utc};
use clap::Args;
use eventstore::{Actor, Cx, EventStore, TenantId};
use std::process::ExitCode;
use std::sync::Arc;
use tenancy::Kind;
use uuid::Uuid;

/// Founds an organisation: there is no request for that, because nobody could be let in to make it.
#[derive(Args)]
pub struct Found {
    #[command(flatten)]
    place: Place,
    /// What it is called
    #[arg(long)]
    name: String,
    /// consultancy or enterprise
    #[arg(long, default_value = "enterprise", value_parser = kind)]
    kind: Kind,
    /// Its administrator's short name
    #[arg(long, default_value = "admin")]
    administrator: String,
    /// The issuer's secret key: 64 hexadecimal digits
    #[arg(long, env = "STELE_ISSUER_SEED", hide_env_values = true)]
    issuer_seed: String,
}

fn kind(text: &str) -> Result<Kind, String> {
    text.parse().map_err(|_| format!("`{text}` is neither consultancy nor enterprise"))
}

impl Found {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let (issuer, _) = Issuer::from_seed(&self.issuer_seed)?;
        let settings = self.place.settings()?;
        let mut tenancy = services::named("tenancy", None, None)?;
        let views = Arc::new(std::mem::take(&mut tenancy.views));
        let store = service::connect(&tenancy, views, &settings).await?;
        let organisation = Uuid::now_v7();
        found(&store, organisation, &self.name, self.kind).await?;
        let token = administrator(&issuer, &self.administrator, organisation)?;
        println!("export ORGANISATION={organisation}\nexport TOKEN={token}");
        Ok(ExitCode::SUCCESS)
    }
}

/// Records the founding; a second time it changes nothing.
pub async fn found(store: &EventStore, organisation: Uuid, name: &str, kind: Kind) -> anyhow::Result<()> {
    let tenant = TenantId(organisation);
    let cx = Cx::new(tenant, Actor::Operator("stele".to_owned()), now());
    tenancy::found(store, tenant, name, kind, cx).await.map(drop).map_err(Into::into)
}

/// A token for an administrator of the organisation.
pub fn administrator(issuer: &Issuer, person: &str, organisation: Uuid) -> anyhow::Result<String> {
    let caller = Caller { person: person.to_owned(), organisation, administrator: true };
    Ok(issuer.issue(&caller, now(), Duration::days(30))?)
}

#[expect(clippy::disallowed_methods, reason = "the command line is an edge: contexts get their time here")]
pub fn now() -> DateTime<Utc> {
    Utc::now()
}

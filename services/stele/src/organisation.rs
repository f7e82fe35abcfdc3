use crate::place::Place;
use crate::secrets::{self, Secrets};
use crate::services::{self, Given};
use access::Issuer;
use anyhow::Context;
use chrono::{DateTime, Duration, Utc};
use clap::Args;
use eventstore::{Actor, Cx, EventStore, TenantId};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use tenancy::{IssuedToken, Kind};
use uuid::Uuid;

const LIFETIME: Duration = Duration::days(30);
/// Whom `stele up` lets in first.
pub const ADMINISTRATOR: &str = "admin";
/// How long before its end a token is replaced.
const RENEWED: Duration = Duration::days(7);

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
    /// The issuer's secret key, 64 hexadecimal digits; without it, that of `stele up` on the data directory
    #[arg(long, env = "STELE_ISSUER_SEED", hide_env_values = true)]
    issuer_seed: Option<String>,
}

fn kind(text: &str) -> Result<Kind, String> {
    text.parse().map_err(|_| format!("`{text}` is neither consultancy nor enterprise"))
}

/// A token for an administrator of an organisation that is here, such as one that was restored.
#[derive(Args)]
pub struct Token {
    #[command(flatten)]
    place: Place,
    /// The organisation
    #[arg(long)]
    organisation: Uuid,
    /// The administrator's short name
    #[arg(long, default_value = "admin")]
    administrator: String,
    /// The issuer's secret key, 64 hexadecimal digits; without it, that of `stele up` on the data directory
    #[arg(long, env = "STELE_ISSUER_SEED", hide_env_values = true)]
    issuer_seed: Option<String>,
}

impl Token {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let issuer = issuer(self.issuer_seed.as_deref(), &self.place)?;
        let store = tenancy_store(&self.place).await?;
        let token = administrator(&store, &issuer, &self.administrator, self.organisation).await?.token;
        println!("export ORGANISATION={}\nexport TOKEN={token}", self.organisation);
        Ok(ExitCode::SUCCESS)
    }
}

fn issuer(seed: Option<&str>, place: &Place) -> anyhow::Result<Issuer> {
    let seed = match seed {
        Some(seed) => seed.to_owned(),
        None => Secrets::of(place.data.as_deref()).context("give --issuer-seed")?.issuer_seed,
    };
    Ok(Issuer::from_seed(&seed)?.0)
}

/// The store of tenancy, whose views follow what is recorded here.
pub async fn tenancy_store(place: &Place) -> anyhow::Result<EventStore> {
    let settings = place.settings()?;
    let mut tenancy = services::named("tenancy", Given::default())?;
    let views = Arc::new(std::mem::take(&mut tenancy.views));
    Ok(service::connect(&tenancy, views, &settings).await?)
}

impl Found {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let issuer = issuer(self.issuer_seed.as_deref(), &self.place)?;
        let store = tenancy_store(&self.place).await?;
        let organisation = Uuid::now_v7();
        found(&store, organisation, &self.name, self.kind).await?;
        let token = administrator(&store, &issuer, &self.administrator, organisation).await?.token;
        println!("export ORGANISATION={organisation}\nexport TOKEN={token}");
        Ok(ExitCode::SUCCESS)
    }
}

/// Records the founding; a second time it changes nothing.
pub async fn found(store: &EventStore, organisation: Uuid, name: &str, kind: Kind) -> anyhow::Result<()> {
    let tenant = TenantId(organisation);
    let cx = operator(tenant, now());
    tenancy::found(store, tenant, name, kind, cx).await.map(drop).map_err(Into::into)
}

/// A token for an administrator of the organisation; that it was issued is recorded.
async fn administrator(
    store: &EventStore,
    issuer: &Issuer,
    person: &str,
    organisation: Uuid,
) -> anyhow::Result<IssuedToken> {
    let cx = operator(TenantId(organisation), now());
    Ok(tenancy::issue_token(store, issuer, cx, person, true, LIFETIME).await?)
}

/// The token of an earlier start while it is good for a while, else a new one.
pub async fn kept_token(
    data: &Path,
    store: &EventStore,
    issuer: &Issuer,
    organisation: Uuid,
) -> anyhow::Result<String> {
    #[derive(Serialize, Deserialize)]
    struct Kept {
        token: String,
        expires_at: DateTime<Utc>,
    }
    let path = data.join("token.json");
    if path.exists() {
        let kept: Kept = secrets::read(&path)?;
        if kept.expires_at - now() > RENEWED {
            return Ok(kept.token);
        }
    }
    let IssuedToken { token, expires_at, .. } = administrator(store, issuer, ADMINISTRATOR, organisation).await?;
    secrets::write(&path, &Kept { token: token.clone(), expires_at })?;
    Ok(token)
}

/// A link by which the first administrator sets a password; nothing where they have one.
pub async fn first_link(store: &EventStore, organisation: Uuid) -> anyhow::Result<Option<String>> {
    let cx = operator(TenantId(organisation), now());
    Ok(tenancy::first_link(store, cx, ADMINISTRATOR, true).await?)
}

/// Who acts at the command line.
pub fn operator(tenant: TenantId, now: DateTime<Utc>) -> Cx {
    Cx::new(tenant, Actor::Operator("stele".to_owned()), now)
}

#[expect(clippy::disallowed_methods, reason = "the command line is an edge: contexts get their time here")]
pub fn now() -> DateTime<Utc> {
    Utc::now()
}

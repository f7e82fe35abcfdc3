mod program;
mod teller;
mod unfinished;

use crate::place::Place;
use crate::say::say;
use crate::services::{self, Given};
use crate::verify::all_tenants;
use anyhow::{bail, ensure};
use clap::Args;
use eventstore::{EventStore, TenantId};
use service::Settings;
use std::process::ExitCode;
use std::sync::Arc;
use teller::Teller;
use views::{RebuildError, ViewSet};

/// Folds views anew beside the live ones and swaps them in. One that was interrupted goes on where it was.
#[derive(Args)]
pub struct Rebuild {
    #[command(flatten)]
    place: Place,
    /// The service whose views are rebuilt; without it, what is unfinished is listed
    service: Option<String>,
    /// One of its views; all where none is named
    #[arg(long, requires = "service")]
    view: Option<String>,
    /// Only this tenant
    #[arg(long, requires = "service")]
    tenant: Option<TenantId>,
}

impl Rebuild {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let settings = self.place.settings()?;
        match &self.service {
            Some(service) => self.rebuild(service, &settings).await,
            None => unfinished::list(&settings).await,
        }
    }

    async fn rebuild(&self, service: &str, settings: &Settings) -> anyhow::Result<ExitCode> {
        let mut service = services::named(service, Given::default())?;
        let views = Arc::new(std::mem::take(&mut service.views));
        let names: Vec<&str> =
            views.names().into_iter().filter(|name| self.view.as_deref().is_none_or(|one| one == *name)).collect();
        ensure!(!names.is_empty(), "{} has no such view: choose from {}", service.name, views.names().join(", "));
        let store = service::connect(&service, views.clone(), settings).await?;
        let program = program::fingerprint()?;
        let tenants = match self.tenant {
            Some(tenant) => vec![tenant],
            None => all_tenants(&store).await?,
        };
        let mut failed = 0;
        for tenant in tenants {
            whole(&store, tenant).await?;
            match one(&views, &store, tenant, &names, &program).await? {
                None => {}
                Some(error) => {
                    failed += 1;
                    say(error)?;
                }
            }
        }
        if failed > 0 {
            say(format!(
                "{failed} tenants were not rebuilt for the reasons above; `stele rebuild` lists what is unfinished"
            ))?;
            return Ok(ExitCode::FAILURE);
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn whole(store: &EventStore, tenant: TenantId) -> anyhow::Result<()> {
    let chain = store.verify_chain(tenant).await?;
    if let Some(fault) = chain.fault {
        bail!("{tenant}: {fault}: views are not folded from a log that was altered; restore it first");
    }
    ensure!(chain.events > 0, "{} knows no tenant {tenant}", store.service());
    Ok(())
}

/// Rebuilds a tenant's views; what keeps one from being rebuilt keeps no other tenant's.
async fn one(
    views: &ViewSet,
    store: &EventStore,
    tenant: TenantId,
    names: &[&str],
    program: &str,
) -> anyhow::Result<Option<RebuildError>> {
    let mut teller = Teller::new(tenant);
    let rebuilt = views.rebuild(store, tenant, names, program, &mut |told| teller.tell(&told)).await;
    teller.end()?;
    match rebuilt {
        Ok(_) => Ok(None),
        Err(RebuildError::Store(error)) => Err(error.into()),
        Err(error @ (RebuildError::Fold { .. } | RebuildError::Busy { .. } | RebuildError::Overtaken { .. })) => {
            Ok(Some(error))
        }
    }
}

use crate::place::Place;
use crate::say::say;
use crate::services;
use crate::verify::all_tenants;
use anyhow::{bail, ensure};
use clap::Args;
use eventstore::TenantId;
use std::process::ExitCode;
use std::sync::Arc;

/// Folds views anew beside the live ones and swaps them in.
#[derive(Args)]
pub struct Rebuild {
    #[command(flatten)]
    place: Place,
    /// The service whose views are rebuilt
    service: String,
    /// One of its views; all where none is named
    #[arg(long)]
    view: Option<String>,
    /// Only this tenant
    #[arg(long)]
    tenant: Option<TenantId>,
}

impl Rebuild {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let settings = self.place.settings()?;
        let mut service = services::named(&self.service, None, None)?;
        let views = Arc::new(std::mem::take(&mut service.views));
        let names: Vec<&str> =
            views.names().into_iter().filter(|name| self.view.as_deref().is_none_or(|one| one == *name)).collect();
        ensure!(!names.is_empty(), "{} has no such view: choose from {}", service.name, views.names().join(", "));
        let store = service::connect(&service, views.clone(), &settings).await?;
        let tenants = match self.tenant {
            Some(tenant) => vec![tenant],
            None => all_tenants(&store).await?,
        };
        for tenant in tenants {
            let chain = store.verify_chain(tenant).await?;
            if let Some(fault) = chain.fault {
                bail!("{tenant}: {fault}: views are not folded from a log that was altered; restore it first");
            }
            ensure!(chain.events > 0, "{} knows no tenant {tenant}", service.name);
            for name in &names {
                if let Some(rebuilt) = views.rebuild(&store, tenant, name).await? {
                    say(format!("{tenant} {name}: {} events, {} rows", rebuilt.events, rebuilt.rows))?;
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

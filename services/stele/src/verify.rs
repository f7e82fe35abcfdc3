use crate::place::Place;
use crate::services;
use anyhow::Context;
use clap::Args;
use eventstore::{ChainReport, EventStore, Head, TenantId};
use service::Service;
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use views::ViewSet;

const PAGE: i64 = 1000;

/// Recomputes what the databases claim.
#[derive(Args)]
pub struct Verify {
    #[command(flatten)]
    place: Place,
    /// Only this tenant
    #[arg(long)]
    tenant: Option<TenantId>,
}

/// What was found in one service.
#[derive(Default)]
struct Found {
    tenants: usize,
    events: i64,
    views: usize,
    held: usize,
    faults: Vec<String>,
}

impl Verify {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let settings = self.place.settings()?;
        let mut stores = BTreeMap::new();
        for mut service in services::all(None, None)? {
            let views = Arc::new(std::mem::take(&mut service.views));
            let store = service::connect(&service, views.clone(), &settings)
                .await
                .with_context(|| format!("the database of {} cannot be reached", service.name))?;
            stores.insert(service.name, (service, views, store));
        }
        let (_, _, audit) = stores.get("audit").context("audit is one of the services")?;
        let mut faults = 0;
        for (service, views, store) in stores.values() {
            let found = self.examine(service, views, store, audit).await?;
            println!(
                "{:<14} {:>4} tenants {:>7} events, {:>4} views folded anew, {:>7} events held by audit: {}",
                service.name,
                found.tenants,
                found.events,
                found.views,
                found.held,
                if found.faults.is_empty() { "sound" } else { "NOT SOUND" }
            );
            faults += found.faults.len();
            for fault in found.faults {
                println!("  {fault}");
            }
        }
        if faults > 0 {
            println!("{faults} faults: what is named above is not what was recorded");
            return Ok(ExitCode::FAILURE);
        }
        println!("every chain, view and copy agrees with what was recorded");
        Ok(ExitCode::SUCCESS)
    }

    async fn examine(
        &self,
        service: &Service,
        views: &ViewSet,
        store: &EventStore,
        audit: &EventStore,
    ) -> anyhow::Result<Found> {
        let mut found = Found::default();
        for tenant in self.tenants(store).await? {
            found.tenants += 1;
            let chain = store.verify_chain(tenant).await?;
            found.events += chain.events;
            found.faults.extend(chain.fault.as_ref().map(|fault| format!("{tenant}: {fault}")));
            for view in views.names() {
                found.views += 1;
                if let Some(difference) = views.compare(store, tenant, view).await? {
                    found.faults.push(format!(
                        "{tenant}: view {view}, row {}, position {}: it is not what the events say; mend it by `stele rebuild`",
                        difference.key, difference.position
                    ));
                }
            }
            let (held, fault) = agreement(audit, service.name, &chain).await?;
            found.held += held;
            found.faults.extend(fault.map(|fault| format!("{tenant}: {fault}")));
        }
        Ok(found)
    }

    async fn tenants(&self, store: &EventStore) -> anyhow::Result<Vec<TenantId>> {
        if let Some(tenant) = self.tenant {
            return Ok(vec![tenant]);
        }
        all_tenants(store).await
    }
}

/// How many of the source's events audit holds, and the first that is another one, or is gone at the source.
async fn agreement(audit: &EventStore, source: &str, chain: &ChainReport) -> anyhow::Result<(usize, Option<String>)> {
    let mut session = audit.session(chain.tenant).await?;
    let (mut held, mut last) = (0, 0);
    loop {
        let page = audit::hashes(&mut session, source, last, PAGE).await?;
        if page.is_empty() {
            return Ok((held, None));
        }
        for (position, hash) in page {
            let stored = usize::try_from(position - 1).ok().and_then(|index| chain.hashes.get(index));
            let fault = match stored {
                Some(stored) if *stored == hash => None,
                Some(_) => Some("audit holds another event"),
                // A broken chain is told by itself, and ends before this position.
                None if chain.fault.is_some() => return Ok((held, None)),
                None => Some("audit holds an event that is gone here"),
            };
            if let Some(fault) = fault {
                return Ok((held, Some(format!("position {position}: {fault}"))));
            }
            (held, last) = (held + 1, position);
        }
    }
}

pub async fn all_tenants(store: &EventStore) -> anyhow::Result<Vec<TenantId>> {
    let mut tenants: Vec<TenantId> = Vec::new();
    loop {
        let page = store.heads(tenants.last().copied(), PAGE).await?;
        if page.is_empty() {
            return Ok(tenants);
        }
        tenants.extend(page.iter().map(|Head { tenant_id, .. }| tenant_id));
    }
}

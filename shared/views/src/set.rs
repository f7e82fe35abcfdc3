use crate::rows::{Wanted, Written};
use crate::view::{AnyView, Typed};
use crate::{View, checkpoint, fold, rows};
use eventstore::{Project, Projecting, Recorded, Run, TenantId};
use sqlx::PgConnection;
use std::collections::BTreeSet;
use std::marker::PhantomData;

/// The read models of one service.
#[derive(Default)]
pub struct ViewSet(Vec<Box<dyn AnyView>>);

impl ViewSet {
    pub fn new() -> Self {
        Self::default()
    }

    #[must_use]
    pub fn with<V: View>(mut self) -> Self {
        self.0.push(Box::new(Typed::<V>(PhantomData)));
        self
    }

    pub fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|view| view.name()).collect()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &dyn AnyView> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// One statement locks the checkpoints, one reads what stands, one writes everything: however many tenants and views.
    async fn follow(&self, connection: &mut PgConnection, runs: &[Run]) -> Result<Vec<TenantId>, sqlx::Error> {
        let caught_up = checkpoint::caught_up(connection, &self.names(), runs).await?;
        let mut touched = Vec::new();
        let mut lagging: BTreeSet<TenantId> = BTreeSet::new();
        let mut faults = Vec::new();
        for view in self.iter() {
            for run in runs {
                if !caught_up.contains(&(run.tenant, view.name())) {
                    lagging.insert(run.tenant);
                    continue;
                }
                match fold::keys(view, &run.events) {
                    Ok(keys) => touched.push((view, run, keys)),
                    Err(fault) => faults.push((view.name(), run.tenant, fault)),
                }
            }
        }
        let wanted = touched.iter().map(|(view, run, keys)| Wanted { view: view.name(), tenant: run.tenant, keys });
        let mut standing = rows::standing(connection, &wanted.collect::<Vec<_>>()).await?;
        let (mut written, mut followed) = (Vec::new(), Vec::new());
        for (view, run, keys) in touched {
            if !keys.is_empty() {
                let standing = standing.remove(&(view.name(), run.tenant)).unwrap_or_default();
                match fold::fold(view, standing, &run.events) {
                    Ok(changes) => written.push(Written { view: view.name(), tenant: run.tenant, changes }),
                    Err(fault) => {
                        faults.push((view.name(), run.tenant, fault));
                        continue;
                    }
                }
            }
            followed.extend(run.events.last().map(|last| (run.tenant, view.name(), last.position)));
        }
        rows::write(connection, written, &followed).await?;
        for (view, tenant, fault) in faults {
            lagging.insert(tenant);
            report(connection, tenant, view, &fault).await?;
        }
        Ok(lagging.into_iter().collect())
    }
}

impl Project for ViewSet {
    fn is_idle(&self) -> bool {
        self.0.is_empty()
    }

    fn project<'a>(&'a self, connection: &'a mut PgConnection, runs: &'a [Run]) -> Projecting<'a> {
        Box::pin(self.follow(connection, runs))
    }
}

/// Writes what `events` change in one view, and moves its checkpoint; false where its fold has a fault, which is recorded.
pub(crate) async fn apply(
    connection: &mut PgConnection,
    tenant: TenantId,
    view: &dyn AnyView,
    events: &[Recorded],
) -> Result<bool, sqlx::Error> {
    let Some(last) = events.last() else { return Ok(true) };
    let changes = match fold::keys(view, events) {
        Err(fault) => Err(fault),
        Ok(keys) if keys.is_empty() => Ok(None),
        Ok(keys) => {
            let wanted = [Wanted { view: view.name(), tenant, keys: &keys }];
            let mut standing = rows::standing(connection, &wanted).await?;
            fold::fold(view, standing.remove(&(view.name(), tenant)).unwrap_or_default(), events).map(Some)
        }
    };
    match changes {
        Ok(changes) => {
            let written = changes.map(|changes| Written { view: view.name(), tenant, changes });
            let followed = [(tenant, view.name(), last.position)];
            rows::write(connection, written.into_iter().collect(), &followed).await?;
            Ok(true)
        }
        Err(fault) => {
            report(connection, tenant, view.name(), &fault).await?;
            Ok(false)
        }
    }
}

async fn report(
    connection: &mut PgConnection,
    tenant: TenantId,
    view: &str,
    fault: &fold::Fault,
) -> Result<(), sqlx::Error> {
    tracing::error!(tenant.id = %tenant, view, position = fault.position, error = fault.what, "a view cannot fold an event");
    checkpoint::fault(connection, tenant, view, &format!("position {}: {}", fault.position, fault.what)).await
}

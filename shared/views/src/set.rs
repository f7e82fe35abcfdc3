use crate::rows::{Wanted, Written};
use crate::view::{AnyView, Typed};
use crate::{View, checkpoint, fold, rows};
use eventstore::{Project, Projecting, Recorded, Run, TenantId};
use sqlx::PgConnection;
use std::collections::{BTreeSet, HashSet};
use std::marker::PhantomData;

/// So many events of a tenant are folded at a time: not all that a large append makes is in memory at once, and no fold
/// holds a thread for long.
const AT_ONCE: usize = 2000;

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

    /// One statement locks the checkpoints; then one reads what stands and one writes everything, however many tenants and views.
    async fn follow(&self, connection: &mut PgConnection, runs: &[Run]) -> Result<Vec<TenantId>, sqlx::Error> {
        let mut caught_up = checkpoint::caught_up(connection, &self.names(), runs).await?;
        let is_behind = |run: &&Run| self.iter().any(|view| !caught_up.contains(&(run.tenant, view.name())));
        let mut lagging: BTreeSet<TenantId> = runs.iter().filter(is_behind).map(|run| run.tenant).collect();
        let parts = runs.iter().map(|run| run.events.len().div_ceil(AT_ONCE)).max().unwrap_or_default();
        for number in 0..parts {
            let mut part: Vec<(TenantId, &[Recorded])> = Vec::new();
            for run in runs {
                part.extend(run.events.chunks(AT_ONCE).nth(number).map(|events| (run.tenant, events)));
            }
            for (tenant, view, fault) in self.follow_part(connection, &part, &caught_up).await? {
                caught_up.remove(&(tenant, view));
                lagging.insert(tenant);
                report(connection, tenant, view, &fault).await?;
            }
        }
        Ok(lagging.into_iter().collect())
    }

    /// Gives the views that could not fold, which are as they were.
    async fn follow_part(
        &self,
        connection: &mut PgConnection,
        part: &[(TenantId, &[Recorded])],
        caught_up: &HashSet<(TenantId, &str)>,
    ) -> Result<Vec<(TenantId, &'static str, fold::Fault)>, sqlx::Error> {
        let mut touched = Vec::new();
        let mut faults = Vec::new();
        for view in self.iter() {
            for (tenant, events) in part.iter().filter(|(tenant, _)| caught_up.contains(&(*tenant, view.name()))) {
                match fold::keys(view, events) {
                    Ok(keys) => touched.push((view, *tenant, *events, keys)),
                    Err(fault) => faults.push((*tenant, view.name(), fault)),
                }
            }
        }
        let wanted = touched.iter().map(|(view, tenant, _, keys)| Wanted { view: view.name(), tenant: *tenant, keys });
        let mut standing = rows::standing(connection, &wanted.collect::<Vec<_>>()).await?;
        let (mut written, mut followed) = (Vec::new(), Vec::new());
        for (view, tenant, events, keys) in touched {
            if !keys.is_empty() {
                let standing = standing.remove(&(view.name(), tenant)).unwrap_or_default();
                match fold::fold(view, standing, events) {
                    Ok(changes) => written.push(Written { view: view.name(), tenant, changes }),
                    Err(fault) => {
                        faults.push((tenant, view.name(), fault));
                        continue;
                    }
                }
            }
            followed.extend(events.last().map(|last| (tenant, view.name(), last.position)));
        }
        rows::write(connection, written, &followed).await?;
        Ok(faults)
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

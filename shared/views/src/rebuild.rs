mod attempt;
mod fresh;
mod log;
mod shadow;
mod swap;

use crate::ViewSet;
use crate::view::AnyView;
use attempt::{Attempt, Guard};
use eventstore::{EventStore, NOW, StoreError, TenantId, crash_point};
use fresh::Fresh;
use log::Log;
use uuid::Uuid;

/// How many events are folded and written in one transaction.
const BATCH: i64 = 2000;

/// A view of one tenant that was folded anew and swapped in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rebuilt {
    pub view: &'static str,
    /// All events of the tenant.
    pub events: i64,
    /// Rows of the view, those that ended included.
    pub rows: i64,
}

/// What a rebuild tells while it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    Begun {
        view: &'static str,
    },
    /// An interrupted rebuild goes on after `position`.
    Continued {
        view: &'static str,
        position: i64,
    },
    /// An interrupted rebuild had come to `position` by another program, which may fold otherwise: this one begins anew.
    BegunAnew {
        view: &'static str,
        position: i64,
        program: String,
    },
    /// `position` of the `of` events that the log has now are folded, into `rows` rows.
    Folded {
        view: &'static str,
        position: i64,
        of: i64,
        rows: i64,
    },
    Swapped(Rebuilt),
}

/// The first row in which the table and a fold from zero differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub key: String,
    pub position: i64,
}

#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(
        "view {view} of {tenant} cannot fold the event at position {position}: {what}. What is shown stays as it was; mend \
         the code and rebuild again"
    )]
    Fold { view: &'static str, tenant: TenantId, position: i64, what: String },
    #[error(
        "view {view} of {tenant} is being rebuilt by another process already: let it end, or stop it and try again"
    )]
    Busy { view: &'static str, tenant: TenantId },
    #[error("another process took over the rebuild of view {view} of {tenant}: this one stopped, and mixed nothing in")]
    Overtaken { view: &'static str, tenant: TenantId },
}

impl From<sqlx::Error> for RebuildError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl ViewSet {
    /// Folds some views of one tenant anew from its first event, beside the live ones, and swaps each in. Readers see the
    /// old rows until the swap, and writers wait for nothing. What is folded is kept as it goes: a rebuild that was
    /// interrupted goes on where it was, if `program`, which says what folds, is the same.
    pub async fn rebuild(
        &self,
        store: &EventStore,
        tenant: TenantId,
        names: &[&str],
        program: &str,
        told: &mut (dyn FnMut(Told) + Send),
    ) -> Result<Vec<Rebuilt>, RebuildError> {
        let views: Vec<&dyn AnyView> = self.iter().filter(|view| names.contains(&view.name())).collect();
        let guard = Guard::take(store, tenant, &views).await?;
        let mut rebuilding = Vec::with_capacity(views.len());
        for view in views {
            let (attempt, begun) = Attempt::begin(store, tenant, view.name(), program).await?;
            told(begun);
            let fresh = Fresh::after(view, tenant, attempt.build, attempt.position, attempt.rows);
            rebuilding.push(Rebuilding { attempt, fresh });
        }
        let faulty = fold(store, tenant, &mut rebuilding, told).await?;
        let mut rebuilt = Vec::with_capacity(rebuilding.len());
        for Rebuilding { attempt, fresh } in rebuilding {
            let swapped = swap::swap(store, attempt, fresh).await?;
            told(Told::Swapped(swapped));
            rebuilt.push(swapped);
        }
        guard.release().await?;
        match faulty {
            Some(error) => Err(error),
            None => Ok(rebuilt),
        }
    }

    /// Compares a view's table with a fold from zero up to the same position; nothing where they agree.
    pub async fn compare(
        &self,
        store: &EventStore,
        tenant: TenantId,
        name: &str,
    ) -> Result<Option<Difference>, RebuildError> {
        let Some(view) = self.iter().find(|view| view.name() == name) else { return Ok(None) };
        // What is written is rolled back in the end.
        let mut session = store.session(tenant).await?;
        shadow::without_limits(session.connection()).await?;
        let position = shadow::reached(session.connection(), tenant, view.name()).await?;
        let mut fresh = Fresh::after(view, tenant, Uuid::new_v4(), 0, 0);
        let mut log = Log::read(store.clone(), tenant, 0, position);
        while let Some(events) = log.next().await? {
            if let Some(fault) = fresh.take(session.connection(), &events).await? {
                return Err(fresh.error(fault));
            }
        }
        Ok(shadow::difference(session.connection(), &fresh, position).await?)
    }
}

struct Rebuilding<'a> {
    attempt: Attempt,
    fresh: Fresh<'a>,
}

/// Folds the log to its end, all views from one reading of it. A view that cannot fold an event is kept as far as it came
/// and left out; the others go on.
async fn fold(
    store: &EventStore,
    tenant: TenantId,
    rebuilding: &mut Vec<Rebuilding<'_>>,
    told: &mut (dyn FnMut(Told) + Send),
) -> Result<Option<RebuildError>, RebuildError> {
    let mut faulty = None;
    let Some(first) = rebuilding.iter().map(|one| one.fresh.position).min() else { return Ok(None) };
    let mut log = Log::read(store.clone(), tenant, first, NOW);
    while let Some(events) = log.next().await? {
        let mut session = store.session(tenant).await?;
        let of = session.head().await?;
        let mut kept = Vec::with_capacity(rebuilding.len());
        for mut one in rebuilding.drain(..) {
            let fault = one.fresh.take(session.connection(), &events).await?;
            one.attempt.advance(session.connection(), &one.fresh).await?;
            match fault {
                Some(fault) => faulty = faulty.or(Some(one.fresh.error(fault))),
                None => kept.push(one),
            }
        }
        session.commit().await?;
        crash_point(store.service(), "rebuilding");
        *rebuilding = kept;
        for Rebuilding { fresh, .. } in &*rebuilding {
            let (view, position, rows) = (fresh.view(), fresh.position, fresh.rows);
            told(Told::Folded { view, position, of, rows });
        }
        if rebuilding.is_empty() {
            break;
        }
    }
    Ok(faulty)
}

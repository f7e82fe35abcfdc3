use crate::fold::{Changes, Fault, Span, fold, keys};
use crate::view::AnyView;
use crate::{ViewSet, checkpoint, rows};
use eventstore::{EventStore, NOW, Session, StoreError, TenantId};
use std::collections::BTreeMap;

const BATCH: i64 = 1000;

/// A view of one tenant, folded from its first event.
struct Fresh {
    position: i64,
    spans: Vec<Span>,
    /// The index in `spans` of the row that stands under each key.
    standing: BTreeMap<String, usize>,
}

/// What a rebuild did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rebuilt {
    pub events: i64,
    pub rows: usize,
}

/// The first row in which the table and a fold from zero differ.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    pub key: String,
    pub position: i64,
}

impl ViewSet {
    /// Folds a view of one tenant anew beside the live one and swaps it in. Readers see the old rows until the swap;
    /// writers wait only while the last events are folded and the rows are exchanged.
    pub async fn rebuild(
        &self,
        store: &EventStore,
        tenant: TenantId,
        name: &str,
    ) -> Result<Option<Rebuilt>, StoreError> {
        let Some(view) = self.iter().find(|view| view.name() == name) else { return Ok(None) };
        let mut fresh = Fresh::new();
        fresh.fold_to(&mut store.session(tenant).await?, view, NOW).await?;

        let mut session = store.session(tenant).await?;
        session.lock_head().await?;
        checkpoint::lock(session.connection(), tenant, &[view.name()]).await?;
        let last = session.head().await?;
        // Nothing is appended any more: this is what came meanwhile, and the last of it.
        fresh.fold_to(&mut session, view, last).await?;
        let rebuilt = Rebuilt { events: fresh.position, rows: fresh.spans.len() };
        rows::clear(session.connection(), tenant, view.name()).await?;
        let changes = Changes { ended: Vec::new(), begun: fresh.spans };
        let written = vec![rows::Written { view: view.name(), tenant, changes }];
        rows::write(session.connection(), written, &[(tenant, view.name(), last)]).await?;
        session.commit().await?;
        Ok(Some(rebuilt))
    }

    /// Compares a view's table with a fold from zero up to the same position; nothing where they agree.
    pub async fn compare(
        &self,
        store: &EventStore,
        tenant: TenantId,
        name: &str,
    ) -> Result<Option<Difference>, StoreError> {
        let Some(view) = self.iter().find(|view| view.name() == name) else { return Ok(None) };
        let mut session = store.session(tenant).await?;
        let checkpoints = checkpoint::lock(session.connection(), tenant, &[view.name()]).await?;
        let position = checkpoints.first().map_or(0, |(_, position)| *position);
        let table = rows::all(session.connection(), tenant, view.name()).await?;
        let mut fresh = Fresh::new();
        fresh.fold_to(&mut session, view, position).await?;
        let mut spans = fresh.spans;
        spans.sort_by(|a, b| (&a.key, a.from).cmp(&(&b.key, b.from)));
        for index in 0..table.len().max(spans.len()) {
            let (stands, expected) = (table.get(index), spans.get(index));
            if stands != expected {
                return Ok(expected.or(stands).map(|span| Difference { key: span.key.clone(), position: span.from }));
            }
        }
        Ok(None)
    }
}

impl Fresh {
    fn new() -> Self {
        Self { position: 0, spans: Vec::new(), standing: BTreeMap::new() }
    }

    async fn fold_to(&mut self, session: &mut Session, view: &dyn AnyView, last: i64) -> Result<(), StoreError> {
        while self.position < last {
            let limit = BATCH.min(last - self.position);
            let events = session.events_after(self.position, limit).await?;
            let Some(newest) = events.last() else { break };
            self.position = newest.position;
            let faulty = |fault: Fault| {
                StoreError::Contract(format!("view {}, position {}: {}", view.name(), fault.position, fault.what))
            };
            let touched = keys(view, &events).map_err(faulty)?;
            let standing = touched
                .into_iter()
                .filter_map(|key| self.standing.get(&key).map(|at| (key, self.spans[*at].data.clone())))
                .collect();
            let changes = fold(view, standing, &events).map_err(faulty)?;
            for (key, position) in changes.ended {
                if let Some(index) = self.standing.remove(&key) {
                    self.spans[index].to = position;
                }
            }
            for span in changes.begun {
                if span.to == NOW {
                    self.standing.insert(span.key.clone(), self.spans.len());
                }
                self.spans.push(span);
            }
        }
        Ok(())
    }
}

use super::{RebuildError, shadow};
use crate::fold::Fault;
use crate::folder::Folder;
use crate::view::AnyView;
use eventstore::{Recorded, TenantId};
use sqlx::PgConnection;
use uuid::Uuid;

/// A view of one tenant as far as it is folded anew.
pub struct Fresh<'a> {
    view: &'a dyn AnyView,
    pub tenant: TenantId,
    /// Whose rows in the table beside the view's are this one's.
    pub build: Uuid,
    /// Everything up to it is folded.
    pub position: i64,
    pub rows: i64,
    folder: Box<dyn Folder>,
}

impl<'a> Fresh<'a> {
    /// The rows of `build`, complete up to `position`.
    pub fn after(view: &'a dyn AnyView, tenant: TenantId, build: Uuid, position: i64, rows: i64) -> Self {
        Self { view, tenant, build, position, rows, folder: view.folder() }
    }

    pub fn view(&self) -> &'static str {
        self.view.name()
    }

    /// Folds what of `events` it has not folded yet, and writes it beside the view. At an event that cannot be folded it
    /// stops; what came before counts.
    pub async fn take(
        &mut self,
        connection: &mut PgConnection,
        events: &[Recorded],
    ) -> Result<Option<Fault>, sqlx::Error> {
        let events = &events[events.partition_point(|event| event.position <= self.position)..];
        let Some(last) = events.last() else { return Ok(None) };
        let (touched, untold) = self.folder.touched(events);
        let unknown = self.folder.unknown(&touched);
        if !unknown.is_empty() {
            let standing = shadow::standing(connection, self, &unknown).await?;
            self.folder.remember(unknown, standing);
        }
        let (steps, failed) = self.folder.fold(events, touched);
        let fault = failed.or(untold);
        self.position = fault.as_ref().map_or(last.position, |fault| fault.position - 1);
        self.rows += shadow::add(connection, self, steps).await?;
        Ok(fault)
    }

    pub fn error(&self, Fault { position, what }: Fault) -> RebuildError {
        RebuildError::Fold { view: self.view(), tenant: self.tenant, position, what }
    }
}

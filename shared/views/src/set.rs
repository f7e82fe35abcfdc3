use crate::view::{AnyView, Typed};
use crate::{View, checkpoint, fold, rows};
use eventstore::{Project, Recorded, TenantId};
use sqlx::PgConnection;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;

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

    async fn follow(
        &self,
        connection: &mut PgConnection,
        tenant: TenantId,
        events: &[Recorded],
    ) -> Result<bool, sqlx::Error> {
        let (Some(first), Some(last)) = (events.first(), events.last()) else { return Ok(true) };
        let checkpoints = checkpoint::lock(connection, tenant, &self.names()).await?;
        let mut followed = Vec::with_capacity(self.0.len());
        for view in self.iter() {
            let caught_up = checkpoints.iter().any(|(name, at)| name == view.name() && at + 1 == first.position);
            if caught_up && apply(connection, tenant, view, events).await? {
                followed.push(view.name());
            }
        }
        checkpoint::advance(connection, tenant, &followed, last.position).await?;
        Ok(followed.len() == self.0.len())
    }
}

impl Project for ViewSet {
    fn project<'a>(
        &'a self,
        connection: &'a mut PgConnection,
        tenant: TenantId,
        events: &'a [Recorded],
    ) -> Pin<Box<dyn Future<Output = Result<bool, sqlx::Error>> + Send + 'a>> {
        Box::pin(self.follow(connection, tenant, events))
    }
}

/// Writes what `events` change in one view; false where its fold has a fault, which is recorded.
pub(crate) async fn apply(
    connection: &mut PgConnection,
    tenant: TenantId,
    view: &dyn AnyView,
    events: &[Recorded],
) -> Result<bool, sqlx::Error> {
    let fault = match fold::keys(view, events) {
        Ok(keys) if keys.is_empty() => return Ok(true),
        Ok(keys) => {
            let standing = rows::standing(connection, tenant, view.name(), &keys).await?;
            match fold::fold(view, standing, events) {
                Ok(changes) => {
                    rows::write(connection, tenant, view.name(), changes).await?;
                    return Ok(true);
                }
                Err(fault) => fault,
            }
        }
        Err(fault) => fault,
    };
    tracing::error!(tenant.id = %tenant, view = view.name(), position = fault.position, error = fault.what, "a view cannot fold an event");
    checkpoint::fault(connection, tenant, view.name(), &format!("position {}: {}", fault.position, fault.what)).await?;
    Ok(false)
}

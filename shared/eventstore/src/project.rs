use crate::{Recorded, TenantId};
use sqlx::PgConnection;
use std::future::Future;
use std::pin::Pin;

/// What follows an append inside its own transaction: the read models that are caught up.
pub trait Project: Send + Sync {
    /// Applies `events` (consecutive, of one tenant). An error rolls the append back and has it done again without
    /// this step, so a view that cannot be written never costs a command.
    /// Returns whether every view took them; where not, the caller tells the catch-up worker.
    fn project<'a>(
        &'a self,
        connection: &'a mut PgConnection,
        tenant: TenantId,
        events: &'a [Recorded],
    ) -> Pin<Box<dyn Future<Output = Result<bool, sqlx::Error>> + Send + 'a>>;
}

/// No views: for tools that only append or read.
pub struct Never;

impl Project for Never {
    fn project<'a>(
        &'a self,
        _: &'a mut PgConnection,
        _: TenantId,
        _: &'a [Recorded],
    ) -> Pin<Box<dyn Future<Output = Result<bool, sqlx::Error>> + Send + 'a>> {
        Box::pin(async { Ok(true) })
    }
}

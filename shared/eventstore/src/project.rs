use crate::{Recorded, TenantId};
use sqlx::PgConnection;
use std::future::Future;
use std::pin::Pin;

/// Consecutive events of one tenant that were just appended.
#[derive(Debug)]
pub struct Run {
    pub tenant: TenantId,
    pub events: Vec<Recorded>,
}

pub type Projecting<'a> = Pin<Box<dyn Future<Output = Result<Vec<TenantId>, sqlx::Error>> + Send + 'a>>;

/// What follows an append inside its own transaction: the read models that are caught up.
pub trait Project: Send + Sync {
    /// Whether nothing ever follows, so that an append needs no transaction around it.
    fn is_idle(&self) -> bool;

    /// Applies the runs, one a tenant. An error has the append done again without this step, so a view that cannot be
    /// written never costs a command. Gives the tenants whose views did not all take them, for the catch-up worker.
    fn project<'a>(&'a self, connection: &'a mut PgConnection, runs: &'a [Run]) -> Projecting<'a>;
}

/// No views: for tools that only append or read.
pub struct Never;

impl Project for Never {
    fn is_idle(&self) -> bool {
        true
    }

    fn project<'a>(&'a self, _: &'a mut PgConnection, _: &'a [Run]) -> Projecting<'a> {
        Box::pin(async { Ok(vec![]) })
    }
}

use super::fresh::Fresh;
use super::{RebuildError, Told, shadow};
use crate::view::AnyView;
use eventstore::{EventStore, Session, StoreError, TenantId};
use sqlx::PgConnection;
use uuid::Uuid;

/// Keeps other rebuilds of the same views away until it is dropped, or its process or connection dies.
pub struct Guard(Session);

impl Guard {
    pub async fn take(store: &EventStore, tenant: TenantId, views: &[&dyn AnyView]) -> Result<Self, RebuildError> {
        let mut session = store.session(tenant).await?;
        // It idles for as long as the rebuild takes. Nothing is read by it, so it holds nothing up.
        shadow::without_limits(session.connection()).await?;
        for view in views {
            let taken: bool = sqlx::query_scalar("select pg_try_advisory_xact_lock(rebuild_lock($1, $2))")
                .bind(tenant)
                .bind(view.name())
                .fetch_one(session.connection())
                .await?;
            if !taken {
                return Err(RebuildError::Busy { view: view.name(), tenant });
            }
        }
        Ok(Self(session))
    }

    /// Lets go at once: dropped, it is let go some time later.
    pub async fn release(self) -> Result<(), StoreError> {
        self.0.commit().await
    }
}

/// What is kept of a rebuild until it ends.
pub struct Attempt {
    pub build: Uuid,
    pub position: i64,
    pub rows: i64,
}

impl Attempt {
    /// Goes on with what an interrupted rebuild by the same program left, or begins anew.
    pub async fn begin(
        store: &EventStore,
        tenant: TenantId,
        view: &'static str,
        program: &str,
    ) -> Result<(Self, Told), RebuildError> {
        let mut session = store.session(tenant).await?;
        let left: Option<(Uuid, String, i64, i64)> =
            sqlx::query_as("select build, program, position, rows from rebuilds where tenant_id = $1 and view = $2")
                .bind(tenant)
                .bind(view)
                .fetch_optional(session.connection())
                .await?;
        let begun = match left {
            Some((build, by, position, rows)) if by == program => {
                return Ok((Self { build, position, rows }, Told::Continued { view, position }));
            }
            Some((_, program, position, _)) => Told::BegunAnew { view, position, program },
            None => Told::Begun { view },
        };
        let attempt = Self { build: Uuid::new_v4(), position: 0, rows: 0 };
        shadow::without_limits(session.connection()).await?;
        shadow::clear(session.connection(), tenant, view).await?;
        sqlx::query(
            "insert into rebuilds (tenant_id, view, build, program, position, rows) values ($1, $2, $3, $4, 0, 0)
             on conflict (tenant_id, view) do update
             set build = excluded.build, program = excluded.program, position = 0, rows = 0, started_at = now()",
        )
        .bind(tenant)
        .bind(view)
        .bind(attempt.build)
        .bind(program)
        .execute(session.connection())
        .await?;
        session.commit().await?;
        Ok((attempt, begun))
    }

    /// Keeps how far `fresh` has come, in the transaction of its rows.
    pub async fn advance(&mut self, connection: &mut PgConnection, fresh: &Fresh<'_>) -> Result<(), RebuildError> {
        let kept = sqlx::query(
            "update rebuilds set position = $5, rows = $6 where tenant_id = $1 and view = $2 and build = $3 and position = $4",
        )
        .bind(fresh.tenant)
        .bind(fresh.view())
        .bind(self.build)
        .bind(self.position)
        .bind(fresh.position)
        .bind(fresh.rows)
        .execute(connection)
        .await?;
        self.position = fresh.position;
        owned(kept.rows_affected(), fresh)
    }

    /// Forgets the rebuild, in the transaction of the swap.
    pub async fn end(self, connection: &mut PgConnection, fresh: &Fresh<'_>) -> Result<(), RebuildError> {
        let ended =
            sqlx::query("delete from rebuilds where tenant_id = $1 and view = $2 and build = $3 and position = $4")
                .bind(fresh.tenant)
                .bind(fresh.view())
                .bind(self.build)
                .bind(self.position)
                .execute(&mut *connection)
                .await?;
        owned(ended.rows_affected(), fresh)?;
        Ok(shadow::clear(connection, fresh.tenant, fresh.view()).await?)
    }
}

/// One row, or somebody else has put another attempt in its place.
fn owned(rows: u64, fresh: &Fresh<'_>) -> Result<(), RebuildError> {
    if rows == 1 { Ok(()) } else { Err(RebuildError::Overtaken { view: fresh.view(), tenant: fresh.tenant }) }
}

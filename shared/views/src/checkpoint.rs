use eventstore::TenantId;
use sqlx::PgConnection;

/// Locks the checkpoints of `views` until the transaction ends, and gives each one's position.
/// The lock is the only coordination between the processes that apply a view.
pub async fn lock(
    connection: &mut PgConnection,
    tenant: TenantId,
    views: &[&str],
) -> Result<Vec<(String, i64)>, sqlx::Error> {
    let locked = "select view, position from view_checkpoints
                  where tenant_id = $1 and view = any($2) order by view for update";
    let rows: Vec<(String, i64)> = sqlx::query_as(locked).bind(tenant).bind(views).fetch_all(&mut *connection).await?;
    if rows.len() == views.len() {
        return Ok(rows);
    }
    sqlx::query(
        "insert into view_checkpoints (tenant_id, view, position)
         select $1, v, 0 from unnest($2::text[]) as v order by v on conflict do nothing",
    )
    .bind(tenant)
    .bind(views)
    .execute(&mut *connection)
    .await?;
    sqlx::query_as(locked).bind(tenant).bind(views).fetch_all(connection).await
}

/// The same of one view, where nobody else has locked it.
pub async fn lock_if_free(
    connection: &mut PgConnection,
    tenant: TenantId,
    view: &str,
) -> Result<Option<i64>, sqlx::Error> {
    let locked = "select position from view_checkpoints where tenant_id = $1 and view = $2 for update skip locked";
    let position = sqlx::query_scalar(locked).bind(tenant).bind(view).fetch_optional(&mut *connection).await?;
    if position.is_some() {
        return Ok(position);
    }
    sqlx::query("insert into view_checkpoints (tenant_id, view, position) values ($1, $2, 0) on conflict do nothing")
        .bind(tenant)
        .bind(view)
        .execute(&mut *connection)
        .await?;
    sqlx::query_scalar(locked).bind(tenant).bind(view).fetch_optional(connection).await
}

pub async fn advance(
    connection: &mut PgConnection,
    tenant: TenantId,
    views: &[&str],
    position: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query("update view_checkpoints set position = $3, fault = null where tenant_id = $1 and view = any($2)")
        .bind(tenant)
        .bind(views)
        .bind(position)
        .execute(connection)
        .await
        .map(drop)
}

/// Records why the view does not follow; its position stays before the event that it failed on.
pub async fn fault(connection: &mut PgConnection, tenant: TenantId, view: &str, what: &str) -> Result<(), sqlx::Error> {
    sqlx::query("update view_checkpoints set fault = $3 where tenant_id = $1 and view = $2")
        .bind(tenant)
        .bind(view)
        .bind(what)
        .execute(connection)
        .await
        .map(drop)
}

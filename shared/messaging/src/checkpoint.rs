use eventstore::TenantId;
use sqlx::PgConnection;

/// Locks how far `source` was taken for the tenant until the transaction ends, and gives it.
pub async fn lock(connection: &mut PgConnection, tenant: TenantId, source: &str) -> Result<i64, sqlx::Error> {
    sqlx::query("insert into consumer_checkpoints values ($1, $2, 0) on conflict do nothing")
        .bind(tenant)
        .bind(source)
        .execute(&mut *connection)
        .await?;
    sqlx::query_scalar("select position from consumer_checkpoints where tenant_id = $1 and source = $2 for update")
        .bind(tenant)
        .bind(source)
        .fetch_one(connection)
        .await
}

/// Locks and advances in one, from right before a run to its end, where nothing else is to be looked at: false where the
/// tenant is elsewhere or parked.
pub async fn advance_over(
    connection: &mut PgConnection,
    tenant: TenantId,
    source: &str,
    (before, last): (i64, i64),
) -> Result<bool, sqlx::Error> {
    let advanced = sqlx::query(
        "update consumer_checkpoints set position = $4 where tenant_id = $1 and source = $2 and position = $3
         and not exists (select from parked p where p.tenant_id = $1 and p.source = $2)",
    );
    let advanced = advanced.bind(tenant).bind(source).bind(before).bind(last).execute(connection).await?;
    Ok(advanced.rows_affected() > 0)
}

/// How far `source` was taken for the tenant, without a lock.
pub async fn position(connection: &mut PgConnection, tenant: TenantId, source: &str) -> Result<i64, sqlx::Error> {
    let position = sqlx::query_scalar("select position from consumer_checkpoints where tenant_id = $1 and source = $2");
    Ok(position.bind(tenant).bind(source).fetch_optional(connection).await?.unwrap_or(0))
}

pub async fn advance(
    connection: &mut PgConnection,
    tenant: TenantId,
    source: &str,
    position: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query("update consumer_checkpoints set position = $3 where tenant_id = $1 and source = $2")
        .bind(tenant)
        .bind(source)
        .bind(position)
        .execute(connection)
        .await
        .map(drop)
}

pub async fn is_parked(connection: &mut PgConnection, tenant: TenantId, source: &str) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select exists (select from parked where tenant_id = $1 and source = $2)")
        .bind(tenant)
        .bind(source)
        .fetch_one(connection)
        .await
}

/// Parks the tenant at `position`, or tells that it failed there again; each time it waits twice as long, an hour at most.
pub async fn park(
    connection: &mut PgConnection,
    tenant: TenantId,
    source: &str,
    position: i64,
    error: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into parked (tenant_id, source, position, error, attempts, retry_at)
         values ($1, $2, $3, $4, 1, now() + interval '1 second')
         on conflict (tenant_id, source) do update set
             position = excluded.position, error = excluded.error, attempts = parked.attempts + 1,
             retry_at = now() + least(interval '1 hour', interval '1 second' * power(2, least(parked.attempts, 12)))",
    )
    .bind(tenant)
    .bind(source)
    .bind(position)
    .bind(error)
    .execute(connection)
    .await
    .map(drop)
}

pub async fn unpark(connection: &mut PgConnection, tenant: TenantId, source: &str) -> Result<(), sqlx::Error> {
    sqlx::query("delete from parked where tenant_id = $1 and source = $2")
        .bind(tenant)
        .bind(source)
        .execute(connection)
        .await
        .map(drop)
}

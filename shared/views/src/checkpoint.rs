use eventstore::{Run, TenantId};
use sqlx::PgConnection;
use std::collections::HashSet;

/// Locks the checkpoints of `views` in all tenants of `runs` that nobody else has locked, and gives those that stand right
/// before their run. A view that is being rebuilt or catches up is left alone: it takes the run from the log.
pub async fn caught_up<'a>(
    connection: &mut PgConnection,
    views: &[&'a str],
    runs: &[Run],
) -> Result<HashSet<(TenantId, &'a str)>, sqlx::Error> {
    let firsts = || runs.iter().filter_map(|run| Some((run.tenant, run.events.first()?.position)));
    let (tenants, befores): (Vec<TenantId>, Vec<i64>) = firsts().map(|(tenant, first)| (tenant, first - 1)).unzip();
    let locked: Vec<(TenantId, String)> = sqlx::query_as(
        "select c.tenant_id, c.view from unnest($1::uuid[], $2::bigint[]) as r(tenant, before)
         join view_checkpoints c on c.tenant_id = r.tenant and c.view = any($3) and c.position = r.before
         order by c.tenant_id, c.view for no key update of c skip locked",
    )
    .bind(&tenants)
    .bind(&befores)
    .bind(views)
    .fetch_all(&mut *connection)
    .await?;
    let named = |(tenant, name): (TenantId, String)| Some((tenant, *views.iter().find(|view| **view == name)?));
    let mut caught_up: HashSet<(TenantId, &str)> = locked.into_iter().filter_map(named).collect();
    // A tenant's first events: its checkpoints begin here.
    let new: Vec<TenantId> = firsts().filter(|(_, first)| *first == 1).map(|(tenant, _)| tenant).collect();
    if new.iter().any(|tenant| views.iter().any(|view| !caught_up.contains(&(*tenant, *view)))) {
        let begun: Vec<(TenantId, String)> = sqlx::query_as(
            "insert into view_checkpoints (tenant_id, view, position)
             select t, v, 0 from unnest($1::uuid[]) as t cross join unnest($2::text[]) as v order by t, v
             on conflict do nothing returning tenant_id, view",
        )
        .bind(&new)
        .bind(views)
        .fetch_all(connection)
        .await?;
        caught_up.extend(begun.into_iter().filter_map(named));
    }
    Ok(caught_up)
}

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

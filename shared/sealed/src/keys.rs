//! The keys of people, beside the log. One that is destroyed leaves when that was, and nothing of itself.

use crate::{Fault, PersonKey};
use chrono::{DateTime, Utc};
use eventstore::{Session, StoreError, Work};
use std::collections::HashMap;

/// The keys of these people, in whose rows nothing else is looked at.
pub struct Keys(HashMap<String, PersonKey>);

impl Keys {
    pub async fn of(session: &mut Session, people: Vec<String>) -> Result<Self, StoreError> {
        let tenant = session.tenant();
        let rows: Vec<(String, Vec<u8>)> = sqlx::query_as(
            "select person, key from person_keys where tenant_id = $1 and person = any($2) and key is not null",
        )
        .bind(tenant)
        .bind(people)
        .fetch_all(session.connection())
        .await?;
        let readable = |(person, key): (String, Vec<u8>)| PersonKey::read(&key).ok().map(|key| (person, key));
        Ok(Self(rows.into_iter().filter_map(readable).collect()))
    }

    /// Nothing where it was destroyed.
    pub fn get(&self, person: &str) -> Option<&PersonKey> {
        self.0.get(person)
    }
}

/// The person's key, made now where there was never one; nothing where it was destroyed.
pub async fn kept(work: &mut Work, person: &str) -> Result<Option<PersonKey>, StoreError> {
    let tenant = work.cx().tenant;
    let new = PersonKey::new().map_err(|fault: Fault| StoreError::Contract(fault.to_string()))?;
    sqlx::query("insert into person_keys (tenant_id, person, key) values ($1, $2, $3) on conflict do nothing")
        .bind(tenant)
        .bind(person)
        .bind(new.bytes())
        .execute(work.connection().await?)
        .await?;
    let keys = Keys::of(work.session().await?, vec![person.to_owned()]).await?;
    Ok(keys.0.into_values().next())
}

/// Destroys it; another one is never made for the same person.
pub async fn destroy(work: &mut Work, person: &str) -> Result<(), StoreError> {
    let (tenant, now) = (work.cx().tenant, work.cx().now);
    sqlx::query(
        "insert into person_keys (tenant_id, person, erased_at) values ($1, $2, $3)
         on conflict (tenant_id, person) do update set key = null, erased_at = excluded.erased_at
         where person_keys.key is not null",
    )
    .bind(tenant)
    .bind(person)
    .bind(now)
    .execute(work.connection().await?)
    .await?;
    Ok(())
}

/// Takes all keys of the work's tenant away as if there had never been one: who is called so from now on is somebody else.
pub async fn forget(work: &mut Work) -> Result<(), StoreError> {
    let tenant = work.cx().tenant;
    sqlx::query("delete from person_keys where tenant_id = $1").bind(tenant).execute(work.connection().await?).await?;
    Ok(())
}

/// Whose keys were destroyed in the session's tenant, and when.
pub async fn destroyed(session: &mut Session) -> Result<Vec<(String, DateTime<Utc>)>, StoreError> {
    let tenant = session.tenant();
    let destroyed = sqlx::query_as(
        "select person, erased_at from person_keys where tenant_id = $1 and erased_at is not null order by person",
    )
    .bind(tenant)
    .fetch_all(session.connection())
    .await?;
    Ok(destroyed)
}

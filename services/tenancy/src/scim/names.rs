//! By what a provider looks for people: marks beside the log, which nobody reads without the organisation's key.

use super::query::Sought;
use super::refusal::unique;
use super::schema::Attributes;
use eventstore::{Session, StoreError, TenantId, Work};
use sealed::{Keys, PersonKey};
use service::Problem;

/// Under which the organisation's own key is kept. No handle is written so.
const OWN: &str = "*";

fn user_name(key: &PersonKey, organisation: TenantId, name: &str) -> Vec<u8> {
    key.mark(&format!("{organisation}/user_name"), &name.to_lowercase())
}

fn external_id(key: &PersonKey, organisation: TenantId, id: &str) -> Vec<u8> {
    key.mark(&format!("{organisation}/external_id"), id)
}

/// The person is found by these from now on. Two people are never called the same at the provider.
pub async fn keep(work: &mut Work, person: &str, attributes: &Attributes) -> Result<(), Problem> {
    let organisation = work.cx().tenant;
    // However many are provisioned at once, names are looked at one after the other.
    work.lock().await?;
    let key = sealed::kept(work, OWN).await?.ok_or_else(Problem::internal)?;
    let text = |name: &str| attributes.get(name).and_then(|value| value.as_str());
    let name = user_name(&key, organisation, text("userName").unwrap_or_default());
    let id = text("externalId").map(|id| external_id(&key, organisation, id));
    let kept = sqlx::query(
        "insert into member_names (tenant_id, person, user_name, external_id)
         select $1, $2, $3, $4
         where not exists (select from member_names where tenant_id = $1 and user_name = $3 and person <> $2)
         on conflict (tenant_id, person) do update set user_name = excluded.user_name, external_id = excluded.external_id",
    );
    let kept = kept.bind(organisation).bind(person).bind(name).bind(id).execute(work.connection().await?).await;
    if kept.map_err(StoreError::from)?.rows_affected() == 0 {
        return Err(unique("userName: somebody is called so already: look for them by it"));
    }
    Ok(())
}

pub async fn forget(work: &mut Work, person: &str) -> Result<(), StoreError> {
    let organisation = work.cx().tenant;
    let forgotten = sqlx::query("delete from member_names where tenant_id = $1 and person = $2");
    forgotten.bind(organisation).bind(person).execute(work.connection().await?).await?;
    Ok(())
}

/// Who is called so at the provider.
pub async fn find(session: &mut Session, sought: Sought, value: &str) -> Result<Vec<String>, StoreError> {
    let organisation = session.tenant();
    let keys = Keys::of(session, vec![OWN.to_owned()]).await?;
    let Some(key) = keys.get(OWN) else { return Ok(Vec::new()) };
    let found = match sought {
        Sought::Id => return Ok(vec![value.to_owned()]),
        Sought::Name => sqlx::query_scalar("select person from member_names where tenant_id = $1 and user_name = $2")
            .bind(organisation)
            .bind(user_name(key, organisation, value)),
        Sought::ExternalId => {
            sqlx::query_scalar("select person from member_names where tenant_id = $1 and external_id = $2")
                .bind(organisation)
                .bind(external_id(key, organisation, value))
        }
    };
    Ok(found.fetch_all(session.connection()).await?)
}

use crate::organisation::{Broken, Command, Organisation};
use crate::tenant::Tenant;
use crate::{TenantProfile, tenant};
use access::{Admission, Standing};
use axum::http::StatusCode;
use eventstore::{Cx, EventStore, NOW, Refused, Stream, TenantId, Work};
use service::{Problem, checked_text};
use uuid::Uuid;
use views::View;

/// Gives a tenant to another organisation of this installation: a consultancy hands a client its ISMS. All roles in it end,
/// because people are their organisation's; the new owner's administrators are let in, and give roles anew. What was
/// recorded stays as it was.
///
/// Three partitions are written, each in a transaction of its own. Done again it records only what is missing.
///
/// `listed_as`: how the new owner lists it, where it has another of the same name.
pub async fn hand_over(
    store: &EventStore,
    tenant: TenantId,
    to: TenantId,
    listed_as: Option<String>,
    cx: Cx,
) -> Result<(), Problem> {
    let profile = profile(store, tenant).await?.ok_or_else(|| Problem::not_found(format!("tenant {tenant}")))?;
    let TenantProfile { name, language, time_zone, organisation: from, state, .. } = profile;
    if state == Standing::Closed && from != to.0 {
        return Err(Refused::Rule(tenant::Broken::Closed).into());
    }
    let name = listed_as.map_or(Ok(name), |name| checked_text("name", &name, 200))?;
    let add = Command::AddTenant { tenant: tenant.0, name, language, time_zone };
    refuse_unless_it_can_be_added(store, to, &cx, &add).await?;
    if from != to.0 {
        record(store, TenantId(from), &cx, Command::LetGo { tenant: tenant.0, to: to.0 }).await?;
        let (cx, lane) = (Cx { tenant, ..cx.clone() }, format!("access-{tenant}"));
        store.perform(&cx, &lane, |work| Box::pin(change_owner(work, to.0))).await?;
    }
    record(store, to, &cx, add).await
}

/// From the log: the views of a tenant that was just restored may not be there yet.
async fn profile(store: &EventStore, tenant: TenantId) -> Result<Option<TenantProfile>, Problem> {
    let id = tenant.to_string();
    let events = store.session(tenant).await?.stream(&Stream::new("tenant", &id), NOW).await?;
    let folded = events.iter().try_fold(None, |row, event| TenantProfile::apply(row, &id, event));
    folded.map_err(|error| Problem::from(eventstore::StoreError::from(error)))
}

/// Before anything is recorded: the organisation must be there, and have no other tenant of that name.
async fn refuse_unless_it_can_be_added(
    store: &EventStore,
    organisation: TenantId,
    cx: &Cx,
    add: &Command,
) -> Result<(), Problem> {
    let mut trial = store.work(Cx { tenant: organisation, ..cx.clone() });
    match trial.execute::<Organisation>(&organisation.to_string(), None, add.clone()).await {
        Ok(_) => Ok(()),
        Err(Refused::Rule(Broken::NotFounded)) => Err(Problem::not_found(format!("organisation {organisation}"))),
        Err(Refused::Rule(Broken::NameTaken(name))) => {
            let detail =
                format!("it has a tenant called {name} already: say by `name` (`--name`) how it is to list this one");
            Err(Problem::new(StatusCode::CONFLICT, "name_taken", detail))
        }
        Err(refused) => Err(refused.into()),
    }
}

async fn record(store: &EventStore, organisation: TenantId, cx: &Cx, command: Command) -> Result<(), Problem> {
    let (cx, lane) = (Cx { tenant: organisation, ..cx.clone() }, format!("organisation-{organisation}"));
    store.perform(&cx, &lane, |work| Box::pin(of_organisation(work, command.clone()))).await.map(drop)
}

async fn of_organisation(work: &mut Work, command: Command) -> Result<(), Problem> {
    let organisation = work.cx().tenant.to_string();
    work.execute::<Organisation>(&organisation, None, command).await?;
    Ok(())
}

async fn change_owner(work: &mut Work, organisation: Uuid) -> Result<(), Problem> {
    let id = work.cx().tenant.to_string();
    // The old owner's people invited to it.
    crate::invitations::forget_all(work).await?;
    crate::group_roles::end_all(work).await?;
    work.execute::<Tenant>(&id, None, tenant::Command::HandOver { organisation }).await?;
    work.execute::<Admission>(&id, None, access::Command::HandOver { organisation }).await?;
    Ok(())
}

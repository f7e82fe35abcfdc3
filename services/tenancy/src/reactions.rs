use crate::organisation::{Event, Organisation};
use crate::tenant::{Command, Tenant};
use access::Admission;
use eventstore::{Cx, EventStore, Recorded, TenantId, Work};
use messaging::{Errand, Reaction};
use uuid::Uuid;

/// An organisation added a tenant: its own partition begins, with its settings and its owner.
///
/// The event may come again after that was recorded. It is exactly once all the same: a tenant is created once and opened
/// once, whatever comes again finds it so and records nothing, and the ids of the events derive from their cause.
pub fn when_tenant_added_then_open_it() -> Errand {
    Errand::to(&["organisation.tenant_added"], |store, cause, event| Box::pin(open(store, cause, event)))
}

async fn open(store: &EventStore, cause: Cx, event: &Recorded) -> anyhow::Result<()> {
    let Some(Event::TenantAdded { tenant, name, language, time_zone }) = event.decode::<Event>()? else {
        return Ok(());
    };
    let organisation = event.tenant.0;
    // What follows from the event goes on: who acts, the cause, the correlation, the trace. Only the place is another.
    let cx = Cx { tenant: TenantId(tenant), ..cause };
    let create = Command::Create { organisation, name: name.clone(), language, time_zone };
    let lane = format!("tenant-{tenant}");
    store.perform(&cx, &lane, |work| Box::pin(begin(work, organisation, name.clone(), create.clone()))).await.map(drop)
}

async fn begin(work: &mut Work, organisation: Uuid, name: String, create: Command) -> anyhow::Result<()> {
    let id = work.cx().tenant.to_string();
    // It may belong to another by now.
    if work.load::<Tenant>(&id).await?.1 > 0 {
        return Ok(());
    }
    work.execute::<Tenant>(&id, None, create).await?;
    work.execute::<Admission>(&id, None, access::Command::Open { organisation, name }).await?;
    Ok(())
}

/// An organisation calls a tenant otherwise: so does the tenant itself. Who changes the settings does both, one after the
/// other; this is for the case that they were cut off between the two.
///
/// The name is the one that the organisation knows now, whatever the event says: however late it comes, it never brings
/// back a name that was given up.
pub fn when_tenant_renamed_then_name_it() -> Errand {
    Errand::to(&["organisation.tenant_renamed"], |store, cause, event| {
        Box::pin(async move {
            let Some(Event::TenantRenamed { tenant, .. }) = event.decode::<Event>()? else { return Ok(()) };
            let organisation = event.tenant;
            let mut work = store.work(cause.clone());
            let (known, _) = work.load::<Organisation>(&organisation.to_string()).await?;
            let name = known.name_of(tenant).map(ToOwned::to_owned);
            drop(work);
            let Some(name) = name else { return Ok(()) };
            let (cx, lane) = (Cx { tenant: TenantId(tenant), ..cause }, format!("tenant-{tenant}"));
            store.perform(&cx, &lane, |work| Box::pin(call_it(work, organisation.0, name.clone()))).await.map(drop)
        })
    })
}

async fn call_it(work: &mut Work, organisation: Uuid, name: String) -> anyhow::Result<()> {
    let id = work.cx().tenant.to_string();
    // It may belong to another by now.
    if work.load::<Tenant>(&id).await?.0.organisation() == Some(organisation) {
        work.execute::<Tenant>(&id, None, Command::Rename { name: name.clone() }).await?;
        work.execute::<Admission>(&id, None, access::Command::Name { name }).await?;
    }
    Ok(())
}

/// A service has taken in who owns the tenant, and answers for it from now on.
pub fn when_a_service_opened_then_note_it(source: &'static str) -> Reaction {
    Reaction::to(&["access.opened"], move |work, event| {
        Box::pin(async move {
            if let Some(access::Event::Opened { .. }) = event.decode::<access::Event>()? {
                let note = Command::NoteService { service: source.to_owned() };
                work.execute::<Tenant>(event.stream.id(), None, note).await?;
            }
            Ok(())
        })
    })
}

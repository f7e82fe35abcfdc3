use crate::tenant::{Archived, Command, Tenant};
use eventstore::{Cx, EventStore, Work};
use service::Problem;

/// Notes that an archive holds the context's tenant up to these positions of the services' logs. Of an organisation's own
/// partition, and of a tenant that is closed, nothing is noted.
pub async fn note_export(store: &EventStore, services: Vec<Archived>, cx: Cx) -> Result<(), Problem> {
    let lane = format!("tenant-{}", cx.tenant);
    store.perform(&cx, &lane, |work| Box::pin(decide(work, services.clone()))).await.map(drop)
}

async fn decide(work: &mut Work, services: Vec<Archived>) -> Result<(), Problem> {
    let id = work.cx().tenant.to_string();
    work.execute::<Tenant>(&id, None, Command::NoteExport { services }).await?;
    Ok(())
}

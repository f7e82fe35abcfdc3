use crate::organisation::{Command, Kind, Organisation};
use access::Admission;
use eventstore::{Cx, EventStore, TenantId, Work};
use service::{Problem, checked_text};

/// Founds an organisation and makes it the owner of its own partition, which is what its administrators are let in by.
/// Done again it records nothing. Gives the partition's position.
pub async fn found(store: &EventStore, organisation: TenantId, name: &str, kind: Kind, cx: Cx) -> Result<i64, Problem> {
    let name = checked_text("name", name, 200)?;
    let cx = Cx { tenant: organisation, ..cx };
    let lane = format!("organisation-{organisation}");
    let done = store.perform(&cx, &lane, |work| Box::pin(decide(work, name.clone(), kind))).await?;
    Ok(done.position)
}

async fn decide(work: &mut Work, name: String, kind: Kind) -> Result<(), Problem> {
    let organisation = work.cx().tenant;
    let id = organisation.to_string();
    work.execute::<Organisation>(&id, None, Command::Found { name: name.clone(), kind }).await?;
    work.execute::<Admission>(&id, None, access::Command::Open { organisation: organisation.0, name }).await?;
    Ok(())
}

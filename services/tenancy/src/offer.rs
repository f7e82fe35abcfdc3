use crate::hand_over::hand_over;
use crate::tenant::{Command, Tenant};
use axum::http::StatusCode;
use axum::response::Response;
use eventstore::{Cx, TenantId, Work};
use serde::{Deserialize, Serialize};
use service::{Call, Outcome, Problem, json};
use utoipa::ToSchema;
use uuid::Uuid;

/// Offers the tenant to another organisation, or to none any more.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OfferTenant {
    /// The id of the organisation that may take it over; null: nobody may. Whether there is one of this id is not told.
    organisation: Option<Uuid>,
}

/// Takes over a tenant that is offered.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptTenant {
    /// How the organisation lists it, where it has another tenant of its name.
    name: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct TenantAccepted {
    /// The position of the organisation's log after it.
    position: i64,
    id: Uuid,
}

/// `PUT /offer`: it stands in the tenant's own log, and nothing is looked up of who it is made to.
pub async fn offer(call: Call) -> Result<Response, Problem> {
    let expected = call.if_match()?;
    let (OfferTenant { organisation }, cx) = call.command::<OfferTenant>()?;
    let lane = format!("tenant-{}", cx.tenant);
    let done = call.store.perform(&cx, &lane, |work| Box::pin(decide(work, expected, organisation)));
    Ok(call.carried_out(&done.await?, false))
}

async fn decide(work: &mut Work, expected: Option<i64>, organisation: Option<Uuid>) -> Result<Outcome, Problem> {
    let id = work.cx().tenant.to_string();
    if work.load::<Tenant>(&id).await?.1 == 0 {
        return Err(Problem::not_found(format!("tenant {id}")));
    }
    let changed = work.execute::<Tenant>(&id, expected, Command::Offer { organisation }).await?;
    Ok(Outcome { id, version: changed.version, changed: changed.changed })
}

/// `PUT /tenants/{id}` of the organisation. One that is not offered to it cannot be told from one that does not exist.
///
/// It is the one request that goes into a partition which its path does not open: by the id that it names, and only where
/// that tenant's own log names this organisation. Cut off in the middle, it is sent again and does what is missing.
pub async fn accept(call: Call) -> Result<Response, Problem> {
    let (AcceptTenant { name }, cx) = call.command::<AcceptTenant>()?;
    let to = cx.tenant;
    let strange = || Problem::not_found(format!("tenant {} that is offered", call.id()));
    let tenant: TenantId = call.id().parse().map_err(|_| strange())?;
    let mut work = call.store.work(Cx { tenant, ..cx.clone() });
    let (known, _) = work.load::<Tenant>(&tenant.to_string()).await?;
    if !known.is_offered_to(to.0) && known.organisation() != Some(to.0) {
        return Err(strange());
    }
    hand_over(&call.store, tenant, to, name, cx).await?;
    let position = call.session().await?.head().await?;
    Ok(json(StatusCode::OK, position, &TenantAccepted { position, id: tenant.0 }))
}

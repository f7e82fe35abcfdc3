use super::{execute, known, lane};
use crate::TenantProfile;
use crate::library::{Command, Event};
use crate::organisation::Organisation;
use crate::release::{self, Published, Release};
use crate::tenant::Tenant;
use ::library::push::{self, Made, Push};
use access::Standing;
use axum::response::Response;
use eventstore::{Cx, EventStore, NOW, Recorded, TenantId, Work, crash_point};
use messaging::Errand;
use serde::{Deserialize, Serialize};
use service::{Call, FieldError, Outcome, Problem, field_error};
use std::collections::BTreeSet;
use utoipa::ToSchema;
use uuid::Uuid;

/// So many get a version by one request.
const MOST_TENANTS: usize = 200;

/// Proposes a version to tenants of the organisation. One that has it already hears nothing.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PushLibrary {
    /// One that is published.
    version: u32,
    tenants: Vec<Uuid>,
}

/// The library that a new tenant is created from.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NamedLibrary {
    #[serde(rename = "ref")]
    #[schema(example = "small-company")]
    pub reference: String,
    /// The last one where it is not given.
    pub version: Option<u32>,
}

/// `POST /libraries/{id}/pushes`
pub async fn push(call: Call) -> Result<Response, Problem> {
    let expected = call.if_match()?;
    let (PushLibrary { version, tenants }, cx) = call.command()?;
    // Whoever may not see it hears nothing of its tenants either.
    known(&mut call.store.work(cx.clone()), call.id()).await?;
    refuse_strangers(&call.store, &cx, &tenants).await?;
    let (id, lane) = (call.id().to_owned(), lane(call.id()));
    let done = call.store.perform(&cx, &lane, |work| {
        let (id, command) = (id.clone(), Command::Push { version, tenants: tenants.clone(), accepted: false });
        Box::pin(async move {
            known(work, &id).await?;
            execute(work, id, expected, command).await
        })
    });
    Ok(call.carried_out(&done.await?, false))
}

/// Refuses tenants that are not the organisation's, and those in which nothing is written now. A tenant's partition is opened only
/// where the organisation lists it.
async fn refuse_strangers(store: &EventStore, cx: &Cx, tenants: &[Uuid]) -> Result<(), Problem> {
    if tenants.is_empty() || tenants.len() > MOST_TENANTS {
        return Err(Problem::field("tenants", format!("name 1 to {MOST_TENANTS} tenants")));
    }
    let listed: BTreeSet<TenantId> = {
        let mut work = store.work(cx.clone());
        work.load::<Organisation>(&cx.tenant.to_string()).await?.0.tenants().collect()
    };
    let mut errors: Vec<FieldError> = Vec::new();
    for tenant in tenants.iter().copied().map(TenantId) {
        let detail = if listed.contains(&tenant) {
            let mut session = store.session(tenant).await?;
            let profile = views::get::<TenantProfile>(&mut session, &tenant.to_string(), NOW - 1).await?;
            let is_active = profile.is_none_or(|profile| profile.data.state == Standing::Active);
            (!is_active).then(|| format!("nothing is written in {tenant} now: resume it first, or leave it out"))
        } else {
            Some(format!("the organisation has no tenant {tenant}: GET /tenants lists them"))
        };
        errors.extend(detail.map(|detail| field_error("tenants", detail)));
    }
    if errors.is_empty() { Ok(()) } else { Err(Problem::fields(errors)) }
}

/// That a new tenant is created from the library: in the same append as the tenant, and accepted by it.
pub async fn create_from(work: &mut Work, library: &NamedLibrary, tenant: Uuid) -> Result<Outcome, Problem> {
    let NamedLibrary { reference, version } = library;
    let strange = || Problem::field("library.ref", format!("the organisation has no library {reference}"));
    let last =
        known(work, reference).await.map_err(|problem| if problem.status() == 404 { strange() } else { problem })?;
    let (last, version) = (last.last_version(), version.unwrap_or(last.last_version()));
    if version == 0 || version > last {
        let detail = format!("{reference} has no version {version}: its last one is {last}");
        return Err(Problem::field("library.version", detail));
    }
    execute(work, reference.clone(), None, Command::Push { version, tenants: vec![tenant], accepted: true }).await
}

/// A version was pushed: each of the tenants gets it in its own log, whole. One that has it hears nothing when it comes again.
pub fn when_a_library_is_pushed_then_hand_it_over() -> Errand {
    Errand::to(&["library.pushed"], |store, cause, event| Box::pin(hand_over(store, cause, event)))
}

async fn hand_over(store: &EventStore, cause: Cx, event: &Recorded) -> anyhow::Result<()> {
    let Some(Event::Pushed { version, tenants, accepted }) = event.decode::<Event>()? else { return Ok(()) };
    let (organisation, library) = (event.tenant, event.stream.id());
    let published = {
        let mut work = store.work(cause.clone());
        work.load::<Release>(&release::id(library, version)).await?.0.published().cloned()
    };
    let Some(Published { library, name, version, digest, items }) = published else {
        anyhow::bail!("version {version} of library {library} was pushed and never published");
    };
    let made = Made { organisation: organisation.0, library, name, version, digest, items, accepted };
    for tenant in tenants.into_iter().map(TenantId) {
        // Who pushed it acts there too: a tenant that is created from a library has it by them.
        let (actor, reason) = (event.metadata.actor.clone(), event.metadata.reason.clone());
        let (cx, id) = (Cx { tenant, actor, reason, ..cause.clone() }, push::id(tenant, &made));
        let lane = format!("push-{id}");
        store.perform(&cx, &lane, |work| Box::pin(make(work, id.clone(), made.clone()))).await?;
        crash_point(store.service(), "handed_over");
    }
    Ok(())
}

async fn make(work: &mut Work, id: String, made: Made) -> anyhow::Result<()> {
    let tenant = work.cx().tenant.to_string();
    let (known, _) = work.load::<Tenant>(&tenant).await?;
    // It may be another's by now, or closed. One that was suspended since gets it all the same: it was recorded before.
    if known.organisation() == Some(made.organisation) && !known.is_closed() {
        work.execute::<Push>(&id, None, push::Command::Make(made)).await?;
    }
    Ok(())
}

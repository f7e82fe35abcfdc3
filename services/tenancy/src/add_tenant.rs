use crate::libraries::{NamedLibrary, create_from};
use crate::organisation::{Command, Organisation};
use crate::{TenantProfile, checked};
use axum::response::Response;
use eventstore::{EventStore, NOW, StoreError, TenantId, Work};
use serde::{Deserialize, Serialize};
use service::{Call, Ended, FieldError, Problem, checked_text};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::{Instant, sleep};
use utoipa::ToSchema;
use uuid::Uuid;

/// How long the answer waits for the other services.
const PATIENCE: Duration = Duration::from_secs(15);
const LOOK_AGAIN: Duration = Duration::from_millis(25);

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddTenant {
    /// Once only in the organisation, whatever its capitals.
    name: String,
    /// A language tag, such as `pt-BR`; `en` where it is not given.
    language: Option<String>,
    /// By its name in the tz database, such as `Europe/Berlin`; `UTC` where it is not given.
    time_zone: Option<String>,
    /// What it begins with, where that is more than the controls and the usual methodology: a library of the organisation, all of whose
    /// lines are accepted with it.
    library: Option<NamedLibrary>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct TenantAdded {
    /// The position of the organisation's log after it.
    position: i64,
    id: Uuid,
    name: String,
    /// Every service answers for the tenant. Where it is false, the rest follows by itself: see GET on the tenant.
    ready: bool,
    /// The services that do.
    services: BTreeSet<String>,
}

/// The answer that a repeated Idempotency-Key gets again.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Added {
    id: Uuid,
    name: String,
}

pub async fn answer(call: Call) -> Result<Response, Problem> {
    let expected = call.if_match()?;
    let (body, cx) = call.command::<AddTenant>()?;
    // Chosen once, before a decision that may run again.
    let command = checked(&body, TenantId::random())?;
    let lane = format!("organisation-{}", cx.tenant);
    let done =
        call.store.perform(&cx, &lane, |work| Box::pin(decide(work, expected, command.clone(), body.library.clone())));
    let done = done.await?;
    let Added { id, name } = done.answer.clone();

    let services = opened(&call.store, TenantId(id)).await;
    let (ready, services) = services.map_or_else(Default::default, |profile| (profile.ready, profile.services));
    let body = TenantAdded { position: done.position, id, name, ready, services };
    Ok(Ended::of(&done).created().at(format!("/v1/tenants/{id}")).with(&body))
}

fn checked(body: &AddTenant, tenant: TenantId) -> Result<Command, Problem> {
    let mut errors: Vec<FieldError> = Vec::new();
    let mut take =
        |checked: Result<String, FieldError>| checked.map_err(|error| errors.push(error)).unwrap_or_default();
    let name = take(checked_text("name", &body.name, 200));
    let language = take(checked::language(body.language.as_deref().unwrap_or("en")));
    let time_zone = take(checked::time_zone(body.time_zone.as_deref().unwrap_or("UTC")));
    if errors.is_empty() {
        Ok(Command::AddTenant { tenant: tenant.0, name, language, time_zone })
    } else {
        Err(Problem::fields(errors))
    }
}

async fn decide(
    work: &mut Work,
    expected: Option<i64>,
    command: Command,
    library: Option<NamedLibrary>,
) -> Result<Added, Problem> {
    let organisation = work.cx().tenant.to_string();
    let added = match &command {
        Command::AddTenant { tenant, name, .. } => Added { id: *tenant, name: name.clone() },
        Command::Found { .. } | Command::Rename { .. } | Command::LetGo { .. } | Command::RecordToken { .. } => {
            return Err(Problem::internal());
        }
    };
    work.execute::<Organisation>(&organisation, expected, command).await?;
    if let Some(library) = library {
        create_from(work, &library, added.id).await?;
    }
    Ok(added)
}

/// Waits until every service has opened its part of the tenant, but not for ever: it is recorded already, and an error
/// from here on would have the caller add it again.
async fn opened(store: &EventStore, tenant: TenantId) -> Option<TenantProfile> {
    let last = Instant::now() + PATIENCE;
    let mut seen = None;
    while Instant::now() < last {
        match profile(store, tenant).await {
            Ok(Some(profile)) if profile.ready => return Some(profile),
            Ok(Some(profile)) => seen = Some(profile),
            Ok(None) => {}
            Err(error) => {
                tracing::debug!(tenant.id = %tenant, %error, "a new tenant cannot be looked at; trying again");
            }
        }
        sleep(LOOK_AGAIN).await;
    }
    tracing::warn!(tenant.id = %tenant, "a new tenant is not open in every service yet");
    seen
}

/// The tenant's own partition is another than the request's: its id comes from the organisation's own record.
async fn profile(store: &EventStore, tenant: TenantId) -> Result<Option<TenantProfile>, StoreError> {
    let mut session = store.session(tenant).await?;
    let row = views::get::<TenantProfile>(&mut session, &tenant.to_string(), NOW - 1).await?;
    Ok(row.map(|row| row.data))
}

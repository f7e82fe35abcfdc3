use crate::erasure::{self, Erasure, Note};
use crate::invitations;
use crate::organisation::Organisation;
use crate::person::{Command, Event, Person};
use crate::scim;
use crate::tenant::Tenant;
use access::{Lockout, lockout};
use axum::response::Response;
use chrono::{DateTime, Utc};
use eventstore::{Cx, EventStore, Recorded, TenantId, Work};
use messaging::Errand;
use serde::Deserialize;
use service::{Call, Outcome, Problem};
use utoipa::ToSchema;

/// Destroys the key of the person's name and address. What they did stays, by their handle.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ErasePerson {}

/// `DELETE /people/{id}`
pub async fn erase(call: Call) -> Result<Response, Problem> {
    let expected = call.if_match()?;
    let (ErasePerson {}, cx) = call.command()?;
    if cx.reason().is_none() {
        return Err(Problem::field("reason", "say why, without naming the person: it is kept for ever"));
    }
    let (person, lane) = (call.id().to_owned(), format!("person-{}", call.id()));
    let done = call.store.perform(&cx, &lane, |work| Box::pin(decide(work, expected, person.clone()))).await?;
    // With what is written elsewhere, who restores an older state finds who is to be erased again.
    tracing::info!(tenant.id = %cx.tenant, person, "a person was erased");
    Ok(call.carried_out(&done, false))
}

pub async fn decide(work: &mut Work, expected: Option<i64>, person: String) -> Result<Outcome, Problem> {
    if work.load::<Person>(&person).await?.1 == 0 {
        return Err(Problem::not_found(format!("person {person}")));
    }
    let changed = work.execute::<Person>(&person, expected, Command::Erase).await?;
    scim::end_if_any(work, &person).await?;
    // The handle stays theirs: nobody who is given it later comes in by it.
    work.execute::<Lockout>(&person, None, lockout::Command::Begin).await?;
    sealed::destroy(work, &person).await?;
    Ok(Outcome { id: person, version: changed.version, changed: changed.changed })
}

/// Who was erased in the organisation, and when.
pub async fn erased(store: &EventStore, organisation: TenantId) -> anyhow::Result<Vec<(String, DateTime<Utc>)>> {
    Ok(sealed::destroyed(&mut store.session(organisation).await?).await?)
}

/// Erases somebody of the context's organisation again, where an older state of it or of one of its tenants was restored; false
/// where nobody there knows them.
pub async fn erase_again(store: &EventStore, cx: Cx, person: &str) -> anyhow::Result<bool> {
    let lane = format!("person-{person}");
    let done = store.perform(&cx, &lane, |work| Box::pin(again(work, person.to_owned()))).await?;
    match done.answer {
        Some(changed) => Ok(tell_all(store, cx, person).await? || changed),
        None => Ok(false),
    }
}

/// Whether the organisation had still known who it was; nothing where it never heard of them.
async fn again(work: &mut Work, person: String) -> Result<Option<bool>, Problem> {
    if work.load::<Person>(&person).await?.1 == 0 {
        return Ok(None);
    }
    decide(work, None, person).await.map(|outcome| Some(outcome.changed))
}

/// Somebody was erased: each tenant of their organisation is told, in its own partition. One that is told again records nothing.
pub fn when_a_person_is_erased_then_tell_the_tenants() -> Errand {
    Errand::to(&["person.erased"], |store, cause, event| Box::pin(tell(store, cause, event)))
}

async fn tell(store: &EventStore, cause: Cx, event: &Recorded) -> anyhow::Result<()> {
    match event.decode::<Event>()? {
        Some(Event::Erased {}) => tell_all(store, cause, event.stream.id()).await.map(drop),
        Some(Event::Registered { .. } | Event::Renamed { .. } | Event::AddressChanged { .. }) | None => Ok(()),
    }
}

/// Tells each tenant that the context's organisation has now; whether one of them had not heard it.
async fn tell_all(store: &EventStore, cx: Cx, person: &str) -> anyhow::Result<bool> {
    let mut work = store.work(cx.clone());
    let (organisation, _) = work.load::<Organisation>(&cx.tenant.to_string()).await?;
    let organisation_id = cx.tenant;
    let (tenants, mut news): (Vec<TenantId>, _) = (organisation.tenants().collect(), false);
    for tenant in tenants {
        let cx = Cx { tenant, ..cx.clone() };
        let id = erasure::id(tenant, organisation_id, person);
        let note = Note { person: person.to_owned() };
        news |= store
            .perform(&cx, &id, |work| Box::pin(note_it(work, organisation_id, id.clone(), note.clone())))
            .await?
            .answer;
    }
    Ok(news)
}

async fn note_it(work: &mut Work, organisation: TenantId, id: String, note: Note) -> anyhow::Result<bool> {
    let tenant = work.cx().tenant.to_string();
    // It may be another's by now, whose people are called the same.
    if work.load::<Tenant>(&tenant).await?.0.organisation() != Some(organisation.0) {
        return Ok(false);
    }
    invitations::forget_of(work, &note.person).await?;
    Ok(work.execute::<Erasure>(&id, None, note).await?.changed)
}

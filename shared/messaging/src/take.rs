use crate::checkpoint;
use eventstore::{Actor, Cx, EventStore, Recorded, StoreError, TenantId, Work, crash_point};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use tracing::Instrument;

pub type Reacting<'a> = Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send + 'a>>;

/// What a service does when it hears of another's event: decisions of its own aggregates, on the work it is given.
pub type Reaction = Arc<dyn for<'a> Fn(&'a mut Work, &'a Recorded) -> Reacting<'a> + Send + Sync>;

/// What became of a run of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Everything up to this position is taken.
    UpTo(i64),
    /// Events are missing after this position.
    Gap { after: i64 },
    /// The tenant is parked; its events are asked for again when it is retried.
    Parked,
}

const ATTEMPTS: u32 = 5;

/// Takes a run of one tenant's events, in order of position: effects and checkpoint in one transaction.
pub async fn take(
    store: &EventStore,
    source: &str,
    reactions: &[Reaction],
    tenant: TenantId,
    events: &[Recorded],
    retry: bool,
) -> Result<Taken, StoreError> {
    let mut events = events;
    let mut attempt = 1;
    let mut poison = None;
    loop {
        match once(store, source, reactions, tenant, events, retry, attempt > 1).await {
            Ok(Once::Done(taken)) => {
                let Some((position, error)) = poison else { return Ok(taken) };
                park(store, source, tenant, position, error).await?;
                return Ok(Taken::Parked);
            }
            // What came before the event that failed is taken first, without it.
            Ok(Once::Failed { index, error }) => {
                poison = Some((events[index].position, error));
                events = &events[..index];
            }
            Err(StoreError::Conflict { .. }) if attempt < ATTEMPTS => attempt += 1,
            Err(error) => return Err(error),
        }
    }
}

enum Once {
    Done(Taken),
    Failed { index: usize, error: String },
}

async fn once(
    store: &EventStore,
    source: &str,
    reactions: &[Reaction],
    tenant: TenantId,
    events: &[Recorded],
    retry: bool,
    alone: bool,
) -> Result<Once, StoreError> {
    let Some(last) = events.last() else { return Ok(Once::Done(Taken::Parked)) };
    let mut work = store.work(reacting(store, last));
    let is_next = match run(events) {
        Some(run) if !retry => checkpoint::advance_over(work.connection().await?, tenant, source, run).await?,
        Some(_) | None => false,
    };
    let mut position = if is_next {
        events.first().map_or(0, |first| first.position - 1)
    } else {
        let position = checkpoint::lock(work.connection().await?, tenant, source).await?;
        if !retry && checkpoint::is_parked(work.connection().await?, tenant, source).await? {
            return Ok(Once::Done(Taken::Parked));
        }
        position
    };
    if alone {
        // Somebody else appended meanwhile: this time nobody does.
        work.lock().await?;
    }
    for (index, event) in events.iter().enumerate() {
        if event.position <= position {
            continue;
        }
        if event.position > position + 1 {
            return Ok(Once::Done(Taken::Gap { after: position }));
        }
        work.continue_as(reacting(store, event));
        let span = span(source, event);
        for reaction in reactions {
            match reaction(&mut work, event).instrument(span.clone()).await {
                Ok(()) => {}
                // The database, not the event, is at fault: nothing is parked for that.
                Err(error) if is_the_databases(&error) => {
                    return Err(StoreError::Database(sqlx::Error::Protocol(format!("in a reaction: {error:#}"))));
                }
                Err(error) => return Ok(Once::Failed { index, error: format!("{error:#}") }),
            }
        }
        position = event.position;
    }
    if !is_next {
        checkpoint::advance(work.connection().await?, tenant, source, position).await?;
    }
    if retry {
        checkpoint::unpark(work.connection().await?, tenant, source).await?;
    }
    crash_point(store.service(), "reacted");
    work.finish().await?;
    crash_point(store.service(), "taken");
    Ok(Once::Done(Taken::UpTo(position)))
}

/// The position before events that have no gap, and that of the last.
fn run(events: &[Recorded]) -> Option<(i64, i64)> {
    let is_gapless = events.windows(2).all(|pair| pair[1].position == pair[0].position + 1);
    events.first().zip(events.last()).filter(|_| is_gapless).map(|(first, last)| (first.position - 1, last.position))
}

/// What is logged about the event carries the trace that it came from.
fn span(source: &str, event: &Recorded) -> tracing::Span {
    let trace_id = event.metadata.traceparent.as_deref().and_then(|parent| parent.split('-').nth(1));
    tracing::info_span!("reaction", trace_id, source, position = event.position, event_type = event.event_type)
}

/// Whether the database was away or busy. What it will refuse again (a value that it cannot hold, a row that breaks a
/// constraint, a column that reads otherwise) is the event's fault.
fn is_the_databases(error: &anyhow::Error) -> bool {
    let found = error.chain().find_map(|cause| match cause.downcast_ref::<StoreError>() {
        Some(StoreError::Database(error)) => Some(error),
        Some(_) | None => cause.downcast_ref::<sqlx::Error>(),
    });
    match found {
        None | Some(sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. } | sqlx::Error::Encode(_)) => false,
        Some(sqlx::Error::Database(refused)) => {
            !refused.code().is_some_and(|code| code.starts_with("22") || code.starts_with("23"))
        }
        Some(_) => true,
    }
}

async fn park(
    store: &EventStore,
    source: &str,
    tenant: TenantId,
    position: i64,
    error: String,
) -> Result<(), StoreError> {
    tracing::error!(tenant.id = %tenant, source, position, error, "an event cannot be taken: its tenant is parked for this source");
    let mut session = store.session(tenant).await?;
    checkpoint::park(session.connection(), tenant, source, position, &error).await?;
    session.commit().await
}

/// The context of what follows from `event`: this service acts, for the same cause, at the time it happened.
fn reacting(store: &EventStore, event: &Recorded) -> Cx {
    let actor = Actor::Service(store.service().to_owned());
    Cx {
        occurred_at: Some(event.occurred_at),
        correlation_id: event.metadata.correlation_id,
        causation_id: Some(event.id),
        traceparent: event.metadata.traceparent.clone(),
        ..Cx::new(event.tenant, actor, event.recorded_at)
    }
}

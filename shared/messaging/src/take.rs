use crate::checkpoint;
use crate::consumer::{Consumer, run};
use crate::reaction::Failed;
use eventstore::{Actor, Cx, EventStore, Recorded, StoreError, TenantId, crash_point};
use tracing::Instrument;

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

impl Consumer {
    /// Takes a run of one tenant's events, in order of position and each once: effects and checkpoint in one transaction.
    pub(crate) async fn take(&self, tenant: TenantId, events: &[Recorded], retry: bool) -> Result<Taken, StoreError> {
        let _turn = self.store.turn().await;
        let mut events = events;
        let mut attempt = 1;
        let mut poison = None;
        match self.run_errands(tenant, events, retry).await? {
            Errands::Done => {}
            Errands::Failed { index, error } => {
                poison = Some((events[index].position, error));
                events = &events[..index];
            }
            Errands::NotYet(taken) => return Ok(taken),
        }
        loop {
            match self.take_once(tenant, events, retry, attempt > 1).await {
                Ok(Once::Done(taken)) => {
                    let Some((position, error)) = poison else { return Ok(taken) };
                    self.park(tenant, position, error).await?;
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

    /// Does what is to be done elsewhere for the events that are not taken yet.
    ///
    /// Of a parked tenant nothing is done until it is retried, and of events after a gap nothing until that is filled.
    /// Neither is taken then: somebody else may end the wait right after this looked.
    async fn run_errands(&self, tenant: TenantId, events: &[Recorded], retry: bool) -> Result<Errands, StoreError> {
        if self.errands.is_empty() {
            return Ok(Errands::Done);
        }
        let mut session = self.store.session(tenant).await?;
        let mut position = checkpoint::position(session.connection(), tenant, self.source).await?;
        let waits = !retry && checkpoint::is_parked(session.connection(), tenant, self.source).await?;
        drop(session);
        if waits {
            return Ok(Errands::NotYet(Taken::Parked));
        }
        for (index, event) in events.iter().enumerate() {
            if event.position <= position {
                continue;
            }
            if event.position > position + 1 {
                return Ok(Errands::NotYet(Taken::Gap { after: position }));
            }
            position = event.position;
            let span = span(self.source, event);
            for errand in self.errands.iter().filter(|errand| errand.is_due(event, &events[index + 1..])) {
                let cx = reacting(&self.store, event);
                if let Err(error) = errand.run(&self.store, cx, event).instrument(span.clone()).await {
                    return Ok(Errands::Failed { index, error: the_events_fault(&error)? });
                }
            }
        }
        Ok(Errands::Done)
    }

    async fn take_once(
        &self,
        tenant: TenantId,
        events: &[Recorded],
        retry: bool,
        alone: bool,
    ) -> Result<Once, StoreError> {
        let (store, source) = (&self.store, self.source);
        let Some(last) = events.last() else { return Ok(Once::Done(Taken::Parked)) };
        let mut work = store.work(reacting(store, last));
        let is_next = match run(events.iter()) {
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
        let known = events.iter().take_while(|event| event.position <= position).count();
        for (index, event) in events.iter().enumerate().skip(known) {
            if event.position > position + 1 {
                return Ok(Once::Done(Taken::Gap { after: position }));
            }
            work.continue_as(reacting(store, event));
            let span = span(source, event);
            for reaction in &self.reactions {
                if let Err(error) = reaction.react(&mut work, event).instrument(span.clone()).await {
                    return Ok(Once::Failed { index, error: the_events_fault(&error)? });
                }
            }
            position = event.position;
        }
        for reaction in &self.reactions {
            if let Err(Failed { index, error }) = reaction.react_to_all(&mut work, &events[known..]).await {
                return Ok(Once::Failed { index: known + index, error: the_events_fault(&error)? });
            }
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

    async fn park(&self, tenant: TenantId, position: i64, error: String) -> Result<(), StoreError> {
        let source = self.source;
        tracing::error!(tenant.id = %tenant, source, position, error, "an event cannot be taken: its tenant is parked for this source");
        let mut session = self.store.session(tenant).await?;
        checkpoint::park(session.connection(), tenant, source, position, &error).await?;
        session.commit().await
    }
}

enum Errands {
    Done,
    Failed { index: usize, error: String },
    NotYet(Taken),
}

enum Once {
    Done(Taken),
    Failed { index: usize, error: String },
}

/// What is logged about the event carries the trace that it came from.
fn span(source: &str, event: &Recorded) -> tracing::Span {
    let trace_id = event.metadata.traceparent.as_deref().and_then(|parent| parent.split('-').nth(1));
    tracing::info_span!("reaction", trace_id, source, position = event.position, event_type = event.event_type)
}

/// What failed, where that is the event's fault; where it is the database's, nothing is parked for it.
fn the_events_fault(error: &anyhow::Error) -> Result<String, StoreError> {
    if is_the_databases(error) {
        return Err(StoreError::Database(sqlx::Error::Protocol(format!("in a reaction: {error:#}"))));
    }
    Ok(format!("{error:#}"))
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

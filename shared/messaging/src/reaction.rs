use eventstore::{Cx, EventStore, Recorded, Work};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

pub type Reacting<'a> = Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send + 'a>>;

type ReactingToAll<'a> = Pin<Box<dyn Future<Output = Result<(), Failed>> + Send + 'a>>;

type ReactToEach = dyn for<'a> Fn(&'a mut Work, &'a Recorded) -> Reacting<'a> + Send + Sync;
type ReactToAll = dyn for<'a> Fn(&'a mut Work, &'a [Recorded]) -> ReactingToAll<'a> + Send + Sync;
type Run = dyn for<'a> Fn(&'a EventStore, Cx, &'a Recorded) -> Reacting<'a> + Send + Sync;

/// How the types of the events begin that are heard; the empty text begins every one.
type Heard = &'static [&'static str];

/// What a service does when it hears of another's event: decisions of its own aggregates, on the work it is given, recorded
/// together with the fact that the event is taken.
///
/// Events that nothing hears are passed over for many tenants at once, which costs next to nothing.
#[derive(Clone)]
pub struct Reaction {
    heard: Heard,
    react: React,
}

#[derive(Clone)]
enum React {
    ToEach(Arc<ReactToEach>),
    ToAll(Arc<ReactToAll>),
}

/// Which of several events could not be taken, and why.
pub struct Failed {
    pub index: usize,
    pub error: anyhow::Error,
}

impl Reaction {
    pub fn to(
        heard: Heard,
        react: impl for<'a> Fn(&'a mut Work, &'a Recorded) -> Reacting<'a> + Send + Sync + 'static,
    ) -> Self {
        Self { heard, react: React::ToEach(Arc::new(react)) }
    }

    /// Hears every event, and all that are taken together at once: for what is written by one statement. No decision of an
    /// aggregate, which has the time and the cause of its one event.
    pub fn to_all(
        react: impl for<'a> Fn(&'a mut Work, &'a [Recorded]) -> ReactingToAll<'a> + Send + Sync + 'static,
    ) -> Self {
        Self { heard: &[""], react: React::ToAll(Arc::new(react)) }
    }

    pub fn hears(&self, event: &Recorded) -> bool {
        is_among(self.heard, event)
    }

    /// Does nothing where it does not hear the event, or hears all at once.
    pub async fn react(&self, work: &mut Work, event: &Recorded) -> anyhow::Result<()> {
        match &self.react {
            React::ToEach(react) if self.hears(event) => react(work, event).await,
            React::ToEach(_) | React::ToAll(_) => Ok(()),
        }
    }

    /// Does nothing where it hears each event alone.
    pub async fn react_to_all(&self, work: &mut Work, events: &[Recorded]) -> Result<(), Failed> {
        match &self.react {
            React::ToAll(react) if !events.is_empty() => react(work, events).await,
            React::ToAll(_) | React::ToEach(_) => Ok(()),
        }
    }
}

/// What a service does in another partition than the event's, each time in a transaction of its own: done before the event
/// is taken, so it may be done again for an event that comes again, and must find it done.
///
/// No connection is held meanwhile: were one held while a second is waited for, a few tenants at once would have all that
/// there are, and wait for each other.
#[derive(Clone)]
pub struct Errand {
    heard: Heard,
    of_the_newest: bool,
    run: Arc<Run>,
}

impl Errand {
    pub fn to(
        heard: Heard,
        run: impl for<'a> Fn(&'a EventStore, Cx, &'a Recorded) -> Reacting<'a> + Send + Sync + 'static,
    ) -> Self {
        Self { heard, of_the_newest: false, run: Arc::new(run) }
    }

    /// It says how things stand: of several events that are heard at once, the newest says it all.
    #[must_use]
    pub fn of_the_newest(self) -> Self {
        Self { of_the_newest: true, ..self }
    }

    pub fn hears(&self, event: &Recorded) -> bool {
        is_among(self.heard, event)
    }

    /// Whether something is to be done for the event, which `later` ones follow.
    pub(crate) fn is_due(&self, event: &Recorded, later: &[Recorded]) -> bool {
        self.hears(event) && !(self.of_the_newest && later.iter().any(|later| self.hears(later)))
    }

    pub async fn run(&self, store: &EventStore, cx: Cx, event: &Recorded) -> anyhow::Result<()> {
        if self.hears(event) { (self.run)(store, cx, event).await } else { Ok(()) }
    }
}

fn is_among(heard: Heard, event: &Recorded) -> bool {
    heard.iter().any(|beginning| event.event_type.starts_with(beginning))
}

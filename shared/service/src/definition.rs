use crate::{Press, Routes};
use access::{KnownGrant, KnownKey, KnownLockout, KnownLogo, KnownPerson, Roster};
use eventstore::{EventOf, EventStore, Schemas};
use messaging::{Errand, Reaction};
use sqlx::migrate::Migrator;
use std::pin::Pin;
use std::sync::Arc;
use views::{View, ViewSet};

/// What a service is: its name, its tables, its events, its views, what it hears, what it answers, what it does by itself.
pub struct Service {
    pub name: &'static str,
    /// What it is for, in the API reference.
    pub about: &'static str,
    pub migrations: Migrator,
    pub events: Schemas,
    pub views: ViewSet,
    pub routes: Routes,
    /// Tables beside the log whose rows are no fold of it: `stele export` takes them along.
    pub tables: Vec<&'static str>,
    /// Nobody waits for what follows from what it hears: it may be taken a moment later, more of it at once.
    pub(crate) patient: bool,
    pub(crate) sources: Vec<Source>,
    pub(crate) workers: Vec<Worker>,
    pub(crate) press: Option<Press>,
}

/// Another service whose events are heard, and what is done about each.
pub struct Source {
    pub name: &'static str,
    pub errands: Vec<Errand>,
    pub reactions: Vec<Reaction>,
}

/// What runs beside the requests until the service stops. It may be dropped at any await.
pub type Worker = Arc<dyn Fn(EventStore) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

impl Service {
    pub fn new(name: &'static str, about: &'static str, migrations: Migrator, routes: Routes) -> Self {
        let events = Schemas::new()
            .with::<access::Event>()
            .with::<access::identity::Event>()
            .with::<access::key::Event>()
            .with::<access::grant::Event>()
            .with::<access::look::Event>()
            .with::<access::lockout::Event>()
            .with::<access::logo::Event>();
        let views = ViewSet::new()
            .with::<Roster>()
            .with::<KnownPerson>()
            .with::<KnownKey>()
            .with::<KnownGrant>()
            .with::<KnownLockout>()
            .with::<KnownLogo>();
        Self {
            name,
            about,
            migrations,
            events,
            views,
            routes,
            tables: Vec::new(),
            patient: false,
            sources: Vec::new(),
            workers: Vec::new(),
            press: None,
        }
    }

    /// It records the events of one more aggregate.
    #[must_use]
    pub fn records<E: EventOf>(mut self) -> Self {
        self.events = self.events.with::<E>();
        self
    }

    #[must_use]
    pub fn view<V: View>(mut self) -> Self {
        self.views = self.views.with::<V>();
        self
    }

    /// Names a table beside the log whose rows are no fold of it: an archive of a tenant has them, and a restore writes them.
    #[must_use]
    pub fn table(mut self, name: &'static str) -> Self {
        self.tables.push(name);
        self
    }

    /// The services whose events are heard.
    pub fn sources(&self) -> Vec<&'static str> {
        self.sources.iter().map(|source| source.name).collect()
    }

    #[must_use]
    pub fn reacts_to(mut self, source: &'static str, reactions: Vec<Reaction>) -> Self {
        self.sources.push(Source { name: source, errands: Vec::new(), reactions });
        self
    }

    /// It hears of `source` and does what follows in other partitions than the event's.
    #[must_use]
    pub fn runs_errands_for(mut self, source: &'static str, errands: Vec<Errand>) -> Self {
        self.sources.push(Source { name: source, errands, reactions: Vec::new() });
        self
    }

    /// What it hears may wait a fifth of a second for more, and costs less for it.
    #[must_use]
    pub fn patient(self) -> Self {
        Self { patient: true, ..self }
    }

    /// Its papers can be had as PDF.
    #[must_use]
    pub fn prints_with(self, press: Press) -> Self {
        Self { press: Some(press), ..self }
    }

    #[must_use]
    pub fn worker(mut self, worker: Worker) -> Self {
        self.workers.push(worker);
        self
    }
}

use crate::health::{Readiness, Vitals};
use crate::limits::Limits;
use crate::live::Live;
use crate::remembered::Remembered;
use crate::rosters::Rosters;
use crate::settings::Settings;
use crate::{Service, shell};
use access::{Grant, Identity, Key, Lockout};
use axum::Router;
use eventstore::{Aggregate, EventStore, StoreError};
use futures::future::join_all;
use messaging::{Bus, BusError, Consumer, Relay, serve_replay};
use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use views::ViewSet;

const PAUSE: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(3);

/// How long requests that are being answered may take once the process was asked to stop.
const DRAIN: Duration = Duration::from_secs(20);

/// Services that run in this process, behind one address.
pub struct Running {
    pub address: SocketAddr,
    readiness: Readiness,
    stores: Arc<OnceLock<Vec<EventStore>>>,
    stop: CancellationToken,
    tasks: TaskTracker,
    /// Ends with it.
    _aside: Aside,
}

/// Threads for what nobody waits for. The system shares its cores out between them and those that answer requests, however much
/// there is to do here.
struct Aside(Option<Runtime>);

impl Aside {
    fn start() -> io::Result<(Self, Handle)> {
        let runtime = Builder::new_multi_thread().enable_all().thread_name("background").build()?;
        let threads = runtime.handle().clone();
        Ok((Self(Some(runtime)), threads))
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // Whoever drops it may be a task, which must not wait.
            runtime.shutdown_background();
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum NotYet {
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("{0}")]
    Bus(#[from] BusError),
    #[error("NATS does not answer")]
    Silent,
    #[error("the database lacks migration {0}: run `stele migrate`")]
    Older(i64),
    #[error("the database has seen migration {0}, which this program does not know: run the newer one")]
    Newer(i64),
}

impl Running {
    /// Listens at once, and answers health checks; the rest is there as soon as PostgreSQL and NATS are. Events that were
    /// declared wrongly are a fault of the program, and nothing starts.
    pub fn start(services: Vec<Service>, settings: Settings, listener: TcpListener) -> anyhow::Result<Self> {
        for service in &services {
            service.events.check().map_err(|fault| anyhow::anyhow!("the events of {}: {fault}", service.name))?;
        }
        let address = listener.local_addr()?;
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let readiness = Readiness::waiting(services.iter().map(|service| service.name));
        let stores = Arc::new(OnceLock::new());
        let api: Arc<OnceLock<Router>> = Arc::default();
        let vitals = Vitals::new(readiness.clone());

        let serving = shell::outer(api.clone(), vitals.clone()).into_make_service_with_connect_info::<SocketAddr>();
        let serving = axum::serve(listener, serving).with_graceful_shutdown(stop.clone().cancelled_owned());
        tasks.spawn(async move {
            if let Err(error) = serving.await {
                tracing::error!(%error, "the listener failed");
            }
        });
        let (aside, threads) = Aside::start()?;
        let background = Background { stop: stop.clone(), tasks: tasks.clone(), readiness: readiness.clone(), threads };
        let filled = stores.clone();
        let (verifier, proxies) = (settings.verifier.clone(), settings.proxies);
        let providers = verifier.providers().clone();
        background.spawn(async move { providers.keep_up().await });
        tasks.spawn(stop.clone().run_until_cancelled_owned(async move {
            let connecting = services.into_iter().map(|service| background.connect(service, &settings));
            let live: Vec<Arc<Live>> = join_all(connecting).await.into_iter().map(Arc::new).collect();
            let _ = filled.set(live.iter().map(|live| live.store.clone()).collect());
            vitals.watch(live.clone());
            let _ = api.set(shell::api(&live, &verifier, proxies));
            for live in live {
                background.run(&live);
                background.readiness.ready(live.service.name);
            }
        }));
        tasks.close();
        Ok(Self { address, readiness, stores, stop, tasks, _aside: aside })
    }

    /// Waits until every service answers; gives their stores, in the order they were given in.
    pub async fn ready(&self) -> &[EventStore] {
        self.readiness.all_ready().await;
        self.stores.get().map_or(&[], Vec::as_slice)
    }

    /// What is still missing, a sentence for each service.
    pub fn waits_for(&self) -> Vec<String> {
        self.readiness.waits_for()
    }

    /// Takes no more requests, ends those that are being answered, and lets go of everything.
    pub async fn stop(self) {
        self.readiness.drain();
        self.stop.cancel();
        if timeout(DRAIN, self.tasks.wait()).await.is_err() {
            tracing::warn!("requests were still being answered and are cut off; their callers can repeat them");
        }
        for store in self.stores.get().into_iter().flatten() {
            // A connection that hangs does not keep the process.
            let _ = timeout(Duration::from_secs(5), store.close()).await;
        }
    }
}

struct Background {
    stop: CancellationToken,
    tasks: TaskTracker,
    readiness: Readiness,
    threads: Handle,
}

impl Background {
    /// Tries until the service stands on what it needs.
    async fn connect(&self, mut service: Service, settings: &Settings) -> Live {
        let name = service.name;
        let views = Arc::new(std::mem::take(&mut service.views));
        loop {
            match attach(&service, &views, settings).await {
                Ok((store, bus)) => {
                    let (people, keys) = (Remembered::of(Identity::TYPE), Remembered::of(Key::TYPE));
                    let (limits, grants) = (Limits::new(name, settings.rates), Remembered::of(Grant::TYPE));
                    let (rosters, lockouts) = (Rosters::default(), Remembered::of(Lockout::TYPE));
                    return Live { service, views, store, bus, rosters, limits, people, keys, grants, lockouts };
                }
                Err(error) => {
                    tracing::warn!(service = name, %error, "waiting");
                    self.readiness.waits(name, error.to_string());
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    fn run(&self, live: &Arc<Live>) {
        let (store, bus) = (live.store.in_background(), live.bus.clone());
        let relay = Relay { store: store.clone(), bus: bus.clone() };
        self.spawn(async move { relay.run().await });
        let (views, kept) = (live.views.clone(), store.clone());
        self.spawn(async move { views.keep_up(&kept).await });
        let (replayed, replays) = (store.clone(), bus.clone());
        self.spawn(async move {
            while let Err(error) = serve_replay(&replayed, &replays).await {
                tracing::warn!(%error, "replays cannot be asked for; trying again");
                tokio::time::sleep(PAUSE).await;
            }
        });
        let counting = live.clone();
        self.spawn(async move { counting.limits.stay_small().await });
        for source in &live.service.sources {
            let consumer = Consumer {
                store: store.clone(),
                bus: bus.clone(),
                source: source.name,
                errands: source.errands.clone(),
                reactions: source.reactions.clone(),
                patient: live.service.patient,
            };
            self.spawn(async move { consumer.run().await });
        }
        for worker in &live.service.workers {
            self.spawn(worker(store.clone()));
        }
    }

    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        // What is cut off in the middle rolls back, and is done again by the next start.
        self.tasks.spawn_on(async move { stop.run_until_cancelled(work).await }, &self.threads);
    }
}

async fn attach(service: &Service, views: &Arc<ViewSet>, settings: &Settings) -> Result<(EventStore, Bus), NotYet> {
    let store = connect(service, views.clone(), settings).await?;
    let wanted: BTreeSet<i64> = eventstore::migrations(&service.migrations).iter().map(|one| one.version).collect();
    let found = store.migrated().await?;
    if let Some(lacking) = wanted.difference(&found).next() {
        return Err(NotYet::Older(*lacking));
    }
    if let Some(unknown) = found.difference(&wanted).next() {
        return Err(NotYet::Newer(*unknown));
    }
    // The client connects in the background, and for as long as it takes.
    let bus = Bus::connect(&settings.nats, &settings.prefix).await?;
    timeout(PATIENCE, bus.ping()).await.map_err(|_| NotYet::Silent)??;
    Ok((store, bus))
}

/// A service's store, which knows its events, with `views` following each append.
pub async fn connect(service: &Service, views: Arc<ViewSet>, settings: &Settings) -> Result<EventStore, StoreError> {
    let login = settings.postgres.login(service.name, settings.password.as_deref());
    let store = EventStore::connect(service.name, &login, settings.connections, views).await?;
    Ok(store.knowing(service.events.clone()))
}

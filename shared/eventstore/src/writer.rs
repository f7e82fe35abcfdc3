use crate::announcer::Announcer;
use crate::append::{self, By, Decided, Verdict};
use crate::batch::{Batch, Entry};
use crate::{Project, StoreError, TenantId, crash_point};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Each has a connection of its own, and a share of the tenants.
const WRITERS: usize = 2;
const WAITING: usize = 1024;

/// Group commit: commands that wait at the same moment share one transaction, across tenants. A lone one waits for nobody.
pub struct Writer {
    queues: Vec<mpsc::Sender<Entry>>,
    desk: Arc<Desk>,
}

/// What the writer's tasks share.
struct Desk {
    service: &'static str,
    options: PgConnectOptions,
    projector: Arc<dyn Project>,
    announcer: Announcer,
    /// Tenants that would hold up the others: somebody else appends for them, or a command of theirs is large. Each has a
    /// task that waits for it, and what else comes for the tenant waits there.
    aside: Mutex<HashMap<TenantId, VecDeque<Entry>>>,
    tasks: TaskTracker,
    closing: CancellationToken,
}

impl Writer {
    pub fn start(
        service: &'static str,
        options: PgConnectOptions,
        projector: Arc<dyn Project>,
        announcer: Announcer,
    ) -> Self {
        let (aside, tasks, closing) = (Mutex::default(), TaskTracker::new(), CancellationToken::new());
        let desk = Arc::new(Desk { service, options, projector, announcer, aside, tasks, closing });
        let queues = (0..WRITERS).map(|_| {
            let (queue, waiting) = mpsc::channel(WAITING);
            desk.tasks.spawn(desk.clone().write(waiting));
            queue
        });
        Self { queues: queues.collect(), desk: desk.clone() }
    }

    /// Waits until the command is recorded, or is not.
    pub async fn record(&self, command: Decided) -> Result<Verdict, StoreError> {
        let (verdict, told) = oneshot::channel();
        let mut hasher = DefaultHasher::new();
        command.tenant.hash(&mut hasher);
        let share = usize::try_from(hasher.finish() % 1024).unwrap_or_default() % self.queues.len();
        self.queues[share].send(Entry { command, verdict }).await.map_err(|_| closed())?;
        told.await.map_err(|_| closed())?
    }

    /// Ends after what was given to it is recorded.
    pub async fn close(&self) {
        self.desk.tasks.close();
        self.desk.closing.cancel();
        self.desk.tasks.wait().await;
    }
}

fn closed() -> StoreError {
    StoreError::Database(sqlx::Error::PoolClosed)
}

impl Desk {
    async fn write(self: Arc<Self>, mut waiting: mpsc::Receiver<Entry>) {
        let mut connection = None;
        let mut held_back = VecDeque::new();
        loop {
            if held_back.is_empty() {
                tokio::select! {
                    entry = waiting.recv() => match entry {
                        Some(entry) => held_back.push_back(entry),
                        None => return,
                    },
                    () = self.closing.cancelled() => {
                        waiting.close();
                        match waiting.recv().await {
                            Some(entry) => held_back.push_back(entry),
                            None => return,
                        }
                    }
                }
            }
            while let Ok(entry) = waiting.try_recv() {
                held_back.push_back(entry);
                if held_back.len() >= WAITING {
                    break;
                }
            }
            let batch = compose(&mut held_back, |entry| self.keep_or_set_aside(entry));
            if !batch.entries.is_empty() {
                self.record(&mut connection, By::Writer { wait: false }, batch.entries).await;
            }
        }
    }

    /// The entry back, unless it is large or its tenant is aside already.
    fn keep_or_set_aside(self: &Arc<Self>, entry: Entry) -> Option<Entry> {
        let mut aside = self.aside.lock().unwrap_or_else(PoisonError::into_inner);
        match aside.get_mut(&entry.command.tenant) {
            Some(queue) => {
                queue.push_back(entry);
                None
            }
            None if entry.is_large() => {
                self.begin_aside(&mut aside, entry);
                None
            }
            None => Some(entry),
        }
    }

    fn set_aside(self: &Arc<Self>, entry: Entry) {
        let mut aside = self.aside.lock().unwrap_or_else(PoisonError::into_inner);
        match aside.get_mut(&entry.command.tenant) {
            Some(queue) => queue.push_back(entry),
            None => self.begin_aside(&mut aside, entry),
        }
    }

    fn begin_aside(self: &Arc<Self>, aside: &mut HashMap<TenantId, VecDeque<Entry>>, entry: Entry) {
        let tenant = entry.command.tenant;
        aside.insert(tenant, VecDeque::from([entry]));
        self.tasks.spawn(self.clone().write_aside(tenant));
    }

    /// Records what waits for one tenant, and may wait for its head.
    async fn write_aside(self: Arc<Self>, tenant: TenantId) {
        let mut connection = None;
        loop {
            let batch = {
                let mut aside = self.aside.lock().unwrap_or_else(PoisonError::into_inner);
                match aside.get_mut(&tenant) {
                    Some(queue) if !queue.is_empty() => compose(queue, Some),
                    Some(_) | None => {
                        aside.remove(&tenant);
                        return;
                    }
                }
            };
            self.record(&mut connection, By::Writer { wait: true }, batch.entries).await;
        }
    }

    /// Records a batch and tells each its verdict. Where the database refuses the batch, each is recorded alone, so that
    /// only the one that it does not take hears of it.
    async fn record(self: &Arc<Self>, connection: &mut Option<PgConnection>, by: By, mut entries: Vec<Entry>) {
        entries.sort_by_key(|entry| entry.command.tenant);
        metrics::histogram!("stele_append_batch_commands", "service" => self.service).record(count(entries.len()));
        match self.commit(connection, by, &mut entries).await {
            Ok(done) => self.tell(entries, done),
            Err(sqlx::Error::Database(_)) if entries.len() > 1 => {
                for entry in entries {
                    let mut alone = vec![entry];
                    match self.commit(connection, by, &mut alone).await {
                        Ok(done) => self.tell(alone, done),
                        Err(error) => fail(alone, &error),
                    }
                }
            }
            Err(error) => fail(entries, &error),
        }
    }

    fn tell(self: &Arc<Self>, entries: Vec<Entry>, done: Done) {
        for (entry, verdict) in entries.into_iter().zip(done.verdicts) {
            if matches!(verdict, Verdict::Busy) {
                self.set_aside(entry);
                continue;
            }
            let tenant = entry.command.tenant;
            if let (Verdict::Appended { .. }, false) = (&verdict, entry.command.bodies.is_empty()) {
                let (kinds, events) = (entry.command.kinds(), entry.command.bodies.len());
                self.announcer.appended(tenant, kinds, events, !done.lagging.contains(&tenant));
            }
            // Nobody listens where the caller went away: it is recorded all the same.
            let _ = entry.verdict.send(Ok(verdict));
        }
    }

    async fn commit(
        &self,
        connection: &mut Option<PgConnection>,
        by: By,
        entries: &mut [Entry],
    ) -> Result<Done, sqlx::Error> {
        let mut open = match connection.take() {
            Some(open) => open,
            None => PgConnection::connect_with(&self.options).await?,
        };
        let done = self.commit_on(&mut open, by, entries).await;
        // A connection that failed otherwise than by the database's own word is not used again.
        if matches!(done, Ok(_) | Err(sqlx::Error::Database(_))) {
            *connection = Some(open);
        }
        done
    }

    async fn commit_on(
        &self,
        connection: &mut PgConnection,
        by: By,
        entries: &mut [Entry],
    ) -> Result<Done, sqlx::Error> {
        if self.projector.is_idle() {
            let verdicts = append::append(connection, by, &commands(entries)).await?;
            crash_point(self.service, "committed");
            return Ok(Done { verdicts, lagging: HashSet::new() });
        }
        let mut transaction = connection.begin().await?;
        let verdicts = append::append(&mut transaction, by, &commands(entries)).await?;
        crash_point(self.service, "appended");
        let runs = append::take_runs(entries.iter_mut().map(|entry| &mut entry.command).zip(&verdicts));
        match self.projector.project(&mut transaction, &runs).await {
            Ok(lagging) => {
                crash_point(self.service, "projected");
                transaction.commit().await?;
                crash_point(self.service, "committed");
                Ok(Done { verdicts, lagging: lagging.into_iter().collect() })
            }
            Err(error) => {
                tracing::error!(service = self.service, %error, "the views could not follow an append: they are left to catch up");
                transaction.rollback().await?;
                append::give_back(entries.iter_mut().map(|entry| &mut entry.command), runs);
                let verdicts = append::append(connection, by, &commands(entries)).await?;
                crash_point(self.service, "committed");
                Ok(Done { verdicts, lagging: entries.iter().map(|entry| entry.command.tenant).collect() })
            }
        }
    }
}

struct Done {
    verdicts: Vec<Verdict>,
    lagging: HashSet<TenantId>,
}

fn commands(entries: &[Entry]) -> Vec<&Decided> {
    entries.iter().map(|entry| &entry.command).collect()
}

/// The next batch of what waits; what depends on it waits on, in order.
fn compose(waiting: &mut VecDeque<Entry>, mut pass: impl FnMut(Entry) -> Option<Entry>) -> Batch {
    let mut batch = Batch::default();
    let mut later = VecDeque::new();
    while !batch.is_full() {
        let Some(entry) = waiting.pop_front() else { break };
        if let Some(entry) = pass(entry)
            && let Some(entry) = batch.admit(entry)
        {
            later.push_back(entry);
        }
    }
    later.append(waiting);
    *waiting = later;
    batch
}

/// Whether it is recorded is unknown where the connection broke at the end: the caller repeats it with its key.
fn fail(entries: Vec<Entry>, error: &sqlx::Error) {
    for entry in entries {
        let told = if append::is_conflict(error) {
            StoreError::Conflict { stream: String::new(), actual: 0 }
        } else if let sqlx::Error::Io(io) = error {
            StoreError::Database(std::io::Error::new(io.kind(), io.to_string()).into())
        } else {
            StoreError::Database(sqlx::Error::Protocol(error.to_string()))
        };
        let _ = entry.verdict.send(Err(told));
    }
}

fn count(commands: usize) -> f64 {
    f64::from(u32::try_from(commands).unwrap_or(u32::MAX))
}

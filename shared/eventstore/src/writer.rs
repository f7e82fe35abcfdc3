use crate::announcer::Announcer;
use crate::append::{self, By, Decided, Verdict};
use crate::batch::{Batch, Entry};
use crate::crash::crash_point_in_batch;
use crate::open::Open;
use crate::{Project, StoreError, TenantId};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Each has a connection of its own, and a share of the tenants.
const WRITERS: usize = 2;
const WAITING: usize = 1024;

/// Tenants set aside that are written for at once, each by a connection of its own.
const ASIDE: usize = 3;

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
    rooms: Semaphore,
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
        let rooms = Semaphore::new(ASIDE);
        let desk = Arc::new(Desk { service, options, projector, announcer, aside, rooms, tasks, closing });
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
        // Nobody closes it.
        let _room = self.rooms.acquire().await;
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
    async fn record(self: &Arc<Self>, connection: &mut Option<Open>, by: By, mut entries: Vec<Entry>) {
        entries.sort_by_key(|entry| entry.command.tenant);
        metrics::histogram!("stele_append_batch_commands", "service" => self.service).record(count(entries.len()));
        match self.commit(connection, by, &mut entries).await {
            Ok(done) => self.tell(entries, done),
            Err(Failure::Refused(_)) if entries.len() > 1 => {
                for entry in entries {
                    let mut alone = vec![entry];
                    match self.commit(connection, by, &mut alone).await {
                        Ok(done) => self.tell(alone, done),
                        Err(failure) => fail(alone, &failure),
                    }
                }
            }
            Err(failure) => fail(entries, &failure),
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

    async fn commit(&self, connection: &mut Option<Open>, by: By, entries: &mut [Entry]) -> Result<Done, Failure> {
        let mut open = Open::ready(connection.take(), &self.options).await.map_err(Failure::Unknown)?;
        let done = self.commit_on(&mut open.connection, by, entries).await;
        // A connection on which it is unknown what happened is not used again.
        if !matches!(done, Err(Failure::Unknown(_))) {
            *connection = Some(open.used());
        }
        done
    }

    async fn commit_on(&self, connection: &mut PgConnection, by: By, entries: &mut [Entry]) -> Result<Done, Failure> {
        if self.projector.is_idle() {
            let verdicts = append::append(connection, by, &commands(entries)).await.map_err(Failure::of_statement)?;
            crash_point_in_batch(self.service, "committed", entries.len());
            return Ok(Done { verdicts, lagging: HashSet::new() });
        }
        let mut transaction = connection.begin().await.map_err(Failure::Unknown)?;
        let appended = append::append(&mut transaction, by, &commands(entries)).await;
        let verdicts = appended.map_err(Failure::of_statement)?;
        crash_point_in_batch(self.service, "appended", entries.len());
        let runs = append::take_runs(entries.iter_mut().map(|entry| &mut entry.command).zip(&verdicts));
        match self.projector.project(&mut transaction, &runs).await {
            Ok(lagging) => {
                crash_point_in_batch(self.service, "projected", entries.len());
                // Whatever is answered to it: it is not known that nothing was recorded.
                transaction.commit().await.map_err(Failure::Unknown)?;
                crash_point_in_batch(self.service, "committed", entries.len());
                Ok(Done { verdicts, lagging: lagging.into_iter().collect() })
            }
            Err(error) => {
                tracing::error!(service = self.service, %error, "the views could not follow an append: they are left to catch up");
                append::give_back(entries.iter_mut().map(|entry| &mut entry.command), runs);
                transaction.rollback().await.map_err(Failure::Unknown)?;
                let appended = append::append(connection, by, &commands(entries)).await;
                let verdicts = appended.map_err(Failure::of_statement)?;
                crash_point_in_batch(self.service, "committed", entries.len());
                Ok(Done { verdicts, lagging: entries.iter().map(|entry| entry.command.tenant).collect() })
            }
        }
    }
}

/// Why a batch has no verdicts.
enum Failure {
    /// The database refused a statement: nothing of the batch is recorded.
    Refused(sqlx::Error),
    /// It may be recorded or not: nobody repeats it but the caller, with its key.
    Unknown(sqlx::Error),
}

impl Failure {
    fn of_statement(error: sqlx::Error) -> Self {
        let code = error.as_database_error().map(|refused| refused.code().unwrap_or_default().into_owned());
        match code {
            // Class 57: an operator intervened, perhaps between the commit and its answer.
            Some(code) if !code.starts_with("57") => Self::Refused(error),
            Some(_) | None => Self::Unknown(error),
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

fn fail(entries: Vec<Entry>, failure: &Failure) {
    for entry in entries {
        let told = match failure {
            Failure::Refused(error) if append::is_conflict(error) => {
                StoreError::Conflict { stream: String::new(), actual: 0 }
            }
            Failure::Refused(error) | Failure::Unknown(error) => {
                StoreError::Database(sqlx::Error::Protocol(error.to_string()))
            }
        };
        let _ = entry.verdict.send(Err(told));
    }
}

fn count(commands: usize) -> f64 {
    f64::from(u32::try_from(commands).unwrap_or(u32::MAX))
}

//! What all measurements stand on: one private PostgreSQL and NATS, the peers, and what was asked for.

use crate::drive::{Measured, Span};
use crate::options::Options;
use crate::peers::Peers;
use crate::protocol::{Operation, Peer, Request, Shape};
use crate::rounds::{Compared, Contender, interleaved};
use crate::row::{FLOOR, Row};
use access::{Caller, Issuer, Verifier};
use anyhow::{Context, bail};
use chrono::{DateTime, TimeDelta, Utc};
use embedded::{Durability, Pair};
use eventstore::{Login, Server};
use service::{Rates, Settings};
use sqlx::migrate::Migrator;
use sqlx::{Connection, PgConnection};
use std::cell::RefCell;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Instant;
use uuid::Uuid;

const PASSWORD: &str = "bench";
const PREFIX: &str = "bench";

pub const POSTGRES_ES: &str = "postgres-es";
pub const POSTGRES_ES_VIEW: &str = "postgres-es with view";
pub const MESSAGE_DB: &str = "message-db";

pub struct Bench {
    pub options: Options,
    pub pair: Pair,
    /// Where data lies while it runs.
    pub work: PathBuf,
    server: Server,
    peers: Peers,
    started: Instant,
    rows: RefCell<Vec<Row>>,
    _lock: File,
}

impl Bench {
    /// `built`: where `just bench` has put the peers.
    pub async fn start(options: Options, built: &Path, work: PathBuf) -> anyhow::Result<Self> {
        let lock = lock(&work)?;
        let data = work.join("data");
        remove(&data)?;
        let pair = Pair::start(&data, Durability::Fsync).await?;
        let peers = Peers::start(built, &pair.postgres.admin_url()).await?;
        let server = Server::new(&pair.postgres.admin_url(), PREFIX)?;
        let (started, rows) = (Instant::now(), RefCell::default());
        Ok(Self { options, pair, work, server, peers, started, rows, _lock: lock })
    }

    pub async fn stop(self) -> anyhow::Result<()> {
        drop(self.peers);
        self.pair.stop().await?;
        remove(&self.work.join("data"))
    }

    /// Whether `--only` lets this be measured.
    pub fn wants(&self, row: &str, shape: &str) -> bool {
        let only = &self.options.only;
        only.is_empty() || only.iter().any(|only| format!("{row}, {shape}").contains(only.as_str()))
    }

    pub fn tell(&self, what: &str) {
        eprintln!("{:>5.0} s  {what}", self.started.elapsed().as_secs_f64());
    }

    pub fn keep(&self, row: Row) {
        self.tell(&format!("{}, {}: {} {}", row.row, row.shape, crate::table::figure(row.value), row.unit));
        self.rows.borrow_mut().push(row);
    }

    pub fn rows(&self) -> Vec<Row> {
        self.rows.borrow().clone()
    }

    pub fn span(&self) -> Span {
        self.options.span()
    }

    pub async fn interleaved(&self, contenders: Vec<Contender<'_>>) -> anyhow::Result<Compared> {
        interleaved(self.options.rounds(), contenders).await
    }

    /// The floor, or a peer, at the same as ours.
    pub fn contender(&self, peer: Peer, operation: Operation, shape: Shape) -> Contender<'_> {
        let name = match peer {
            Peer::Floor => FLOOR,
            Peer::PostgresEs => POSTGRES_ES,
            Peer::PostgresEsView => POSTGRES_ES_VIEW,
            Peer::MessageDb => MESSAGE_DB,
        };
        let request = Request { peer, operation, shape, span: self.span() };
        Contender::new(name, move || self.peers.measure(request))
    }

    /// A bare insert a commit by so many clients.
    pub fn floor(&self, clients: usize) -> Contender<'_> {
        self.contender(Peer::Floor, Operation::Append, Shape { clients, tenants: 1, events: 1 })
    }

    pub async fn migrate(&self, service: &str, own: &Migrator) -> anyhow::Result<()> {
        self.migrate_with(PREFIX, service, own).await
    }

    pub async fn migrate_with(&self, prefix: &str, service: &str, own: &Migrator) -> anyhow::Result<()> {
        let server = Server::new(&self.pair.postgres.admin_url(), prefix)?;
        eventstore::migrate(&server, service, PASSWORD, own).await.with_context(|| format!("migrating {service}"))
    }

    pub fn login(&self, service: &str) -> Login {
        self.server.login(service, Some(PASSWORD))
    }

    /// What services are given that run here, with databases and subjects of their own.
    pub fn settings(&self, prefix: &str, rates: Rates, verifier: Verifier) -> anyhow::Result<Settings> {
        Ok(Settings {
            postgres: Server::new(&self.pair.postgres.admin_url(), prefix)?,
            password: Some(PASSWORD.to_owned()),
            connections: crate::stores::CONNECTIONS,
            nats: self.pair.nats.url(),
            prefix: prefix.to_owned(),
            verifier,
            rates,
            proxies: 0,
        })
    }

    /// After a large fill: what PostgreSQL would do later, in the middle of a measurement.
    pub async fn settle(&self, service: &str) -> anyhow::Result<()> {
        let options: sqlx::postgres::PgConnectOptions = self.pair.postgres.admin_url().parse()?;
        let options = options.database(&self.server.database(service));
        let mut connection = PgConnection::connect_with(&options).await?;
        sqlx::query("vacuum analyze").execute(&mut connection).await?;
        sqlx::query("checkpoint").execute(&mut connection).await?;
        Ok(connection.close().await?)
    }
}

/// Two runs in the same folder would remove each other's data.
fn lock(work: &Path) -> anyhow::Result<File> {
    std::fs::create_dir_all(work).with_context(|| format!("{} cannot be made", work.display()))?;
    let lock = File::create(work.join("lock"))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => bail!("another run is at work in {}: wait for its end", work.display()),
        Err(TryLockError::Error(error)) => Err(error).context("the folder cannot be locked"),
    }
}

/// Removes a folder that may not be there.
pub fn remove(folder: &Path) -> anyhow::Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder).with_context(|| format!("{} cannot be removed", folder.display()))?;
    }
    Ok(())
}

/// Keys, an organisation, and a token of its administrator.
pub struct Administrator {
    pub issuer: Issuer,
    pub verifier: Verifier,
    pub organisation: Uuid,
    pub token: String,
}

impl Administrator {
    pub fn new() -> anyhow::Result<Self> {
        let (issuer, verifier) = Issuer::from_seed(&"b".repeat(64))?;
        let organisation = Uuid::new_v4();
        let token = issue(&issuer, organisation, "mara")?;
        Ok(Self { issuer, verifier, organisation, token })
    }

    /// The token of a second person who may do everything.
    pub fn colleague(&self) -> anyhow::Result<String> {
        issue(&self.issuer, self.organisation, "olga")
    }
}

fn issue(issuer: &Issuer, organisation: Uuid, person: &str) -> anyhow::Result<String> {
    let caller = Caller { person: person.to_owned(), organisation, administrator: true };
    Ok(issuer.issue(&caller, now(), TimeDelta::hours(12))?)
}

#[expect(clippy::disallowed_methods, reason = "a measurement is an edge: contexts get their time here")]
pub fn now() -> DateTime<Utc> {
    Utc::now()
}

/// A count as a figure.
pub fn float(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

/// A figure of what was measured.
pub type Figure = fn(&Measured) -> f64;

pub const LATENCIES: [(&str, Figure); 2] = [("p50", p50), ("p99", p99)];

pub fn p50(measured: &Measured) -> f64 {
    measured.p50_us
}

pub fn p99(measured: &Measured) -> f64 {
    measured.p99_us
}

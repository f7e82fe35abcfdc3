use crate::open::BELIEVED;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgConnection, Pool, Postgres};
use std::str::FromStr;
use std::time::Duration;

/// Where PostgreSQL is, and how to become each role there.
#[derive(Clone, Debug)]
pub struct Server {
    base: PgConnectOptions,
    /// Databases are named `<prefix>_<service>`.
    prefix: String,
}

/// The logins of one service in its own database.
#[derive(Clone, Debug)]
pub struct Login {
    pub(crate) app: PgConnectOptions,
    pub(crate) engine: PgConnectOptions,
    pub(crate) writer: PgConnectOptions,
}

impl Login {
    /// The login of the store's own writer, which request code never has: for tests of what it may not do.
    pub fn writer(&self) -> &PgConnectOptions {
        &self.writer
    }
}

impl Server {
    /// `url`: `postgres://user:password@host:port/?sslmode=..`. User and database in it are used by the migrator only.
    pub fn new(url: &str, prefix: &str) -> Result<Self, sqlx::Error> {
        Ok(Self { base: PgConnectOptions::from_str(url)?, prefix: prefix.to_owned() })
    }

    pub fn database(&self, service: &str) -> String {
        format!("{}_{service}", self.prefix)
    }

    /// The service's own logins, with the password of the URL or the one given.
    pub fn login(&self, service: &str, password: Option<&str>) -> Login {
        let base = self.base.clone().database(&self.database(service));
        let base = match password {
            Some(password) => base.password(password),
            None => base,
        };
        // Bounded waits: a stuck lock or statement is an error that names itself, not a hang.
        let base = base.options([
            ("lock_timeout", "10s"),
            ("statement_timeout", "30s"),
            ("idle_in_transaction_session_timeout", "60s"),
            // Its compiling costs more than any statement of ours saves by it.
            ("jit", "off"),
        ]);
        let login = |role: &str| {
            base.clone().username(&format!("stele_{service}_{role}")).application_name(&format!("{service}-{role}"))
        };
        // Its statements are few, and their rows are always found by key.
        let by_key = [("enable_seqscan", "off"), ("enable_hashjoin", "off"), ("enable_mergejoin", "off")];
        Login {
            app: base.clone().username(&format!("stele_{service}")).application_name(service),
            engine: login("engine"),
            writer: login("writer").options(by_key).options([("plan_cache_mode", "force_generic_plan")]),
        }
    }

    /// Its statements are not logged, at any level: a password stands in some of them.
    pub(crate) fn admin(&self, database: Option<&str>) -> PgConnectOptions {
        let base = self.base.clone().disable_statement_logging();
        match database {
            Some(database) => base.database(database),
            None => base,
        }
    }
}

/// A pool that has connected once, or says why it cannot.
pub async fn pool(options: PgConnectOptions, connections: u32) -> Result<Pool<Postgres>, sqlx::Error> {
    match bounded(connections).connect_with(options.clone()).await {
        // The pool tries until it is out of time, and forgets why each attempt failed.
        Err(sqlx::Error::PoolTimedOut) => {
            PgConnection::connect_with(&options).await?.close().await?;
            Err(sqlx::Error::PoolTimedOut)
        }
        connected => connected,
    }
}

/// One that connects when it is first asked.
pub fn lazy_pool(options: PgConnectOptions, connections: u32) -> Pool<Postgres> {
    bounded(connections).connect_lazy_with(options)
}

fn bounded(connections: u32) -> PgPoolOptions {
    PgPoolOptions::new()
        // A round trip that is worth it only where the server may have been started anew meanwhile.
        .test_before_acquire(false)
        .before_acquire(|connection, kept| {
            Box::pin(async move {
                if kept.idle_for >= BELIEVED {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .max_connections(connections)
        .acquire_timeout(Duration::from_secs(15))
}

use anyhow::Context;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgConnection, Pool, Postgres};
use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

/// With more clients than this, they take turns: PostgreSQL is started with 200 connections at most.
const MOST_CONNECTIONS: usize = 64;

/// As the readme of postgres-es gives them.
const POSTGRES_ES: &str = "
    create table events (
        aggregate_type text                         not null,
        aggregate_id   text                         not null,
        sequence       bigint check (sequence >= 0) not null,
        event_type     text                         not null,
        event_version  text                         not null,
        payload        json                         not null,
        metadata       json                         not null,
        primary key (aggregate_type, aggregate_id, sequence)
    );
    create table shelf (
        view_id text                        not null,
        version bigint check (version >= 0) not null,
        payload json                        not null,
        primary key (view_id)
    );";

const FLOOR: &str = "
    create table floor (id uuid primary key, body text not null);
    create table floor_rows (position bigint primary key, body text not null);";

/// A database for all peers, and a pool that fits the clients of the moment.
pub struct Database {
    options: PgConnectOptions,
    pool: Option<(usize, Pool<Postgres>)>,
    /// What was filled already.
    filled: HashSet<String>,
    pub message_db: PathBuf,
}

impl Database {
    /// Makes the database anew.
    pub async fn create(url: &str, message_db: PathBuf) -> anyhow::Result<Self> {
        let admin: PgConnectOptions = url.parse().context("this is not the address of a PostgreSQL")?;
        let mut connection = PgConnection::connect_with(&admin).await?;
        sqlx::query("drop database if exists peers").execute(&mut connection).await?;
        sqlx::query("create database peers").execute(&mut connection).await?;
        connection.close().await?;
        // The functions of message-db name each other without their schema.
        let options = admin.database("peers").options([("search_path", "public,message_store")]);
        let database = Self { options, pool: None, filled: HashSet::new(), message_db };
        database.run(&[FLOOR, POSTGRES_ES].concat()).await?;
        Ok(database)
    }

    /// Runs a script of any number of statements.
    pub async fn run(&self, script: &str) -> anyhow::Result<()> {
        let mut connection = PgConnection::connect_with(&self.options).await?;
        sqlx::raw_sql(script).execute(&mut connection).await?;
        Ok(connection.close().await?)
    }

    /// Runs `script` unless it was run before under this name.
    pub async fn fill(&mut self, name: &str, script: &str) -> anyhow::Result<()> {
        if !self.filled.contains(name) {
            self.run(script).await.with_context(|| format!("filling {name}"))?;
            self.filled.insert(name.to_owned());
        }
        Ok(())
    }

    /// A connection for each client, as far as there are, all of them open. They are not tried before each use, which would
    /// cost a round trip more.
    pub async fn pool(&mut self, clients: usize) -> anyhow::Result<Pool<Postgres>> {
        let connections = clients.min(MOST_CONNECTIONS);
        if let Some((size, pool)) = &self.pool {
            if *size == connections {
                return Ok(pool.clone());
            }
            pool.close().await;
        }
        let size = u32::try_from(connections)?;
        let pool = PgPoolOptions::new()
            .max_connections(size)
            .min_connections(size)
            .acquire_timeout(Duration::from_secs(60))
            .test_before_acquire(false)
            .connect_with(self.options.clone())
            .await?;
        self.pool = Some((connections, pool.clone()));
        Ok(pool)
    }

    pub async fn close(self) {
        if let Some((_, pool)) = self.pool {
            pool.close().await;
        }
    }
}

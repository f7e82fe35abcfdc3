//! A private PostgreSQL and a private nats-server as child processes under one data directory, on ports of their own.
//!
//! Nothing is shared with what else runs on the machine. Started by root, the servers run as an unprivileged user.
//! A server that dies is restarted on the same port and data; what a killed process leaves behind, the next start ends.

mod account;
mod binaries;
mod child;
mod directory;
mod error;
mod files;
mod initdb;
mod nats;
mod place;
mod ports;
mod postgres;
mod processes;
mod program;
mod supervisor;

pub use error::Error;
pub use nats::Nats;
pub use place::default_data_dir;
pub use postgres::Postgres;
pub use supervisor::State;

use directory::Directory;
use std::path::Path;
use std::sync::Arc;

/// Both servers, started in order and stopped in the reverse order. Dropped without `stop`, they are killed.
pub struct Pair {
    pub postgres: Postgres,
    pub nats: Nats,
}

/// Whether a commit waits for the disk. Tests that throw their data away do not need it to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    Fsync,
    Throwaway,
}

/// Hears what a start does at the moment.
pub type Progress<'a> = &'a (dyn Fn(&str) + Sync);

impl Pair {
    /// Starts both under `data`, which is made where it is missing, and waits until they answer.
    pub async fn start(data: &Path, durability: Durability) -> Result<Self, Error> {
        Self::start_with(data, durability, &|_| ()).await
    }

    /// As `start`, and tells `progress` each step as it begins.
    pub async fn start_with(data: &Path, durability: Durability, progress: Progress<'_>) -> Result<Self, Error> {
        // A program that is missing is said before anything is made.
        binaries::postgres_folder(None)?;
        binaries::nats_server()?;
        let directory = Arc::new(Directory::open(data)?);
        let postgres = Postgres::start(&directory, durability, progress).await?;
        match Nats::start(&directory, progress).await {
            Ok(nats) => Ok(Self { postgres, nats }),
            Err(error) => {
                postgres.stop().await?;
                Err(error)
            }
        }
    }

    /// Both run, and answered since they were started.
    pub fn healthy(&self) -> bool {
        self.postgres.state().healthy && self.nats.state().healthy
    }

    pub async fn stop(self) -> Result<(), Error> {
        let nats = self.nats.stop().await;
        self.postgres.stop().await?;
        nats
    }
}

//! A private PostgreSQL and a private nats-server as child processes under one data directory, on ports of their own.
//!
//! Nothing is shared with what else runs on the machine. Started by root, the servers run as an unprivileged user.

mod account;
mod binaries;
mod child;
mod error;
mod nats;
mod postgres;

pub use error::Error;
pub use nats::Nats;
pub use postgres::Postgres;

use std::path::Path;

/// Both servers, started in order and stopped in the reverse order.
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

impl Pair {
    /// Starts both under `data`, which is made where it is missing, and waits until they answer.
    pub async fn start(data: &Path, durability: Durability) -> Result<Self, Error> {
        account::own(data)?;
        let postgres = Postgres::start(&data.join("postgres"), durability).await?;
        match Nats::start(&data.join("nats")).await {
            Ok(nats) => Ok(Self { postgres, nats }),
            Err(error) => {
                postgres.stop().await?;
                Err(error)
            }
        }
    }

    pub async fn stop(self) -> Result<(), Error> {
        let nats = self.nats.stop().await;
        self.postgres.stop().await?;
        nats
    }
}

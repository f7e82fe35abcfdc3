use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use std::time::{Duration, Instant};

/// Within this time a connection is believed to stand; the server may have been started anew since.
pub const BELIEVED: Duration = Duration::from_secs(1);

/// A connection that is kept from one use to the next.
pub struct Open {
    pub connection: PgConnection,
    last: Instant,
}

impl Open {
    /// The kept one, where it still answers, or a new one.
    pub async fn ready(kept: Option<Self>, options: &PgConnectOptions) -> Result<Self, sqlx::Error> {
        if let Some(mut kept) = kept
            && (kept.last.elapsed() < BELIEVED || kept.connection.ping().await.is_ok())
        {
            return Ok(kept);
        }
        Ok(Self { connection: PgConnection::connect_with(options).await?, last: Instant::now() })
    }

    pub fn used(self) -> Self {
        Self { last: Instant::now(), ..self }
    }
}

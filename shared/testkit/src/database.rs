use crate::{copy_databases, servers};
use eventstore::{EventStore, Login, Project, Server, migrate};
use sqlx::migrate::Migrator;
use sqlx::{Connection, PgConnection};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

const PASSWORD: &str = "throwaway";

/// A database of its own for one test, migrated; the run's server is thrown away with it.
pub struct Database {
    service: &'static str,
    server: Server,
    admin_url: String,
}

impl Database {
    /// Makes and migrates a database for `service`, whose own migrations are `own`.
    pub async fn new(service: &'static str, own: &Migrator) -> anyhow::Result<Self> {
        let prefix = format!("t{}", uuid::Uuid::new_v4().simple());
        let admin_url = servers::postgres_admin_url();
        let server = Server::new(&admin_url, &prefix)?;
        let original = Server::new(&admin_url, &format!("o{:016x}", digest(own)))?;
        let copies = [(original.database(service), server.database(service))];
        copy_databases(&admin_url, &copies, async || migrate(&original, service, PASSWORD, own).await).await?;
        migrate(&server, service, PASSWORD, own).await?;
        Ok(Self { service, server, admin_url })
    }

    /// The service's own logins in it.
    pub fn login(&self) -> Login {
        self.server.login(self.service, Some(PASSWORD))
    }

    /// What a running service is given to find its database: the server, and the password of its logins.
    pub fn server(&self) -> (Server, String) {
        (self.server.clone(), PASSWORD.to_owned())
    }

    pub async fn store(&self, projector: Arc<dyn Project>) -> anyhow::Result<EventStore> {
        Ok(EventStore::connect(self.service, &self.login(), 8, projector).await?)
    }

    /// The connection that only the store's own writer has.
    pub async fn writer(&self) -> anyhow::Result<PgConnection> {
        Ok(PgConnection::connect_with(self.login().writer()).await?)
    }

    /// Does what only a database administrator could: for tests that break what the service's role cannot.
    pub async fn as_superuser(&self, statements: &'static str) -> anyhow::Result<()> {
        let mut connection = self.superuser().await?;
        sqlx::raw_sql(statements).execute(&mut connection).await?;
        Ok(connection.close().await?)
    }

    /// A superuser's connection to this database.
    pub async fn superuser(&self) -> anyhow::Result<PgConnection> {
        self.superuser_of(&self.server.database(self.service)).await
    }

    /// A superuser's connection to another database of the same server.
    pub async fn superuser_of(&self, database: &str) -> anyhow::Result<PgConnection> {
        let options: sqlx::postgres::PgConnectOptions = self.admin_url.parse()?;
        Ok(PgConnection::connect_with(&options.database(database)).await?)
    }
}

/// Tests of one run may migrate a service each in their own way.
fn digest(own: &Migrator) -> u64 {
    let mut hasher = DefaultHasher::new();
    own.iter().for_each(|migration| migration.checksum.hash(&mut hasher));
    hasher.finish()
}

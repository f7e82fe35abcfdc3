use crate::Server;
use sqlx::migrate::{Migration, Migrator};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use std::fmt::Write;

/// Every table that all services share, then the service's own, in one sequence (own files start at 1001).
pub fn migrations(own: &Migrator) -> Migrator {
    let shared = sqlx::migrate!("../../migrations/shared");
    Migrator::with_migrations(shared.iter().chain(own.iter()).cloned().collect::<Vec<Migration>>())
}

/// Makes the roles and the database of `service` where they are missing and brings its schema up to date.
/// The server's user must be allowed to create roles and databases. `password` becomes that of the service's logins.
pub async fn migrate(server: &Server, service: &str, password: &str, own: &Migrator) -> Result<(), anyhow::Error> {
    let database = server.database(service);
    let mut admin = PgConnection::connect_with(&server.admin(None)).await?;
    // Two migrators at once take turns: roles belong to the whole server.
    sqlx::query("select pg_advisory_lock(hashtext('stele migrate'))").execute(&mut admin).await?;
    let prepared = prepare(&mut admin, service, &database, password).await;
    sqlx::query("select pg_advisory_unlock(hashtext('stele migrate'))").execute(&mut admin).await?;
    prepared?;
    admin.close().await?;

    let mut connection = PgConnection::connect_with(&server.admin(Some(&database))).await?;
    sqlx::query("set role stele_owner").execute(&mut connection).await?;
    migrations(own).run(&mut connection).await?;
    sqlx::query("grant select on _sqlx_migrations to stele_engine").execute(&mut connection).await?;
    connection.close().await?;
    Ok(())
}

async fn prepare(admin: &mut PgConnection, service: &str, database: &str, password: &str) -> Result<(), anyhow::Error> {
    let (app, engine) = (format!("stele_{service}"), format!("stele_{service}_engine"));
    let writer = format!("stele_{service}_writer");
    for (role, attributes, group) in [
        ("stele_owner", "nologin", None),
        ("stele_app", "nologin", None),
        ("stele_engine", "nologin", None),
        ("stele_writer", "nologin", None),
        ("stele_appender", "nologin", None),
        (app.as_str(), "login", Some("stele_app")),
        (engine.as_str(), "login", Some("stele_engine")),
        (writer.as_str(), "login", Some("stele_writer")),
    ] {
        let exists: bool = sqlx::query_scalar("select exists (select from pg_roles where rolname = $1)")
            .bind(role)
            .fetch_one(&mut *admin)
            .await?;
        if !exists {
            run(admin, format!("create role {} {attributes} nosuperuser nobypassrls", name(role))).await?;
        }
        if let Some(group) = group {
            run(admin, format!("grant {} to {}", name(group), name(role))).await?;
            run(admin, format!("alter role {} password {}", name(role), literal(password))).await?;
        }
    }
    run(admin, "grant stele_owner to current_user".to_owned()).await?;
    // To give it the function that writes events.
    run(admin, "grant stele_appender to stele_owner".to_owned()).await?;

    let exists: bool = sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
        .bind(database)
        .fetch_one(&mut *admin)
        .await?;
    if !exists {
        run(admin, format!("create database {} owner stele_owner", name(database))).await?;
    }
    run(admin, format!("revoke connect, temporary on database {} from public", name(database))).await?;
    run(
        admin,
        format!("grant connect on database {} to {}, {}, {}", name(database), name(&app), name(&engine), name(&writer)),
    )
    .await?;
    Ok(())
}

/// Role and database statements take no parameters: what stands in them is quoted here and comes from the operator.
async fn run(admin: &mut PgConnection, statement: String) -> Result<(), sqlx::Error> {
    sqlx::query(AssertSqlSafe(statement)).execute(admin).await.map(drop)
}

/// An identifier as SQL takes it.
pub(crate) fn name(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal(text: &str) -> String {
    let mut quoted = String::from("E'");
    for character in text.chars() {
        match character {
            '\'' => quoted.push_str("''"),
            '\\' => quoted.push_str("\\\\"),
            other => {
                let _ = write!(quoted, "{other}");
            }
        }
    }
    quoted.push('\'');
    quoted
}

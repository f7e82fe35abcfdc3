use anyhow::Context;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// Migrating takes seconds, and each test wants databases of its own: the originals are made once on a server, and copied.
///
/// `copies` are names of databases, each original and its copy; where one of the originals is missing, `make` makes them all. Grants
/// on a database are not copied: whoever serves from one migrates it, which finds everything else done.
pub async fn copy_databases(
    admin_url: &str,
    copies: &[(String, String)],
    make: impl AsyncFnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut admin = PgConnection::connect(admin_url).await?;
    // Tests are processes: one makes the originals, the others wait. Its end unlocks it, too.
    sqlx::query("select pg_advisory_lock(hashtext('testkit originals'))").execute(&mut admin).await?;
    let mut complete = true;
    for (original, _) in copies {
        // What a test that was killed left half done is no original yet.
        let found = "select exists (select from pg_database where datname = $1 and datistemplate)";
        complete &= sqlx::query_scalar::<_, bool>(found).bind(original).fetch_one(&mut admin).await?;
    }
    if !complete {
        make().await.context("the databases that all others are copied from")?;
        for (original, _) in copies {
            run(&mut admin, format!(r#"alter database "{original}" is_template true"#)).await?;
        }
    }
    sqlx::query("select pg_advisory_unlock(hashtext('testkit originals'))").execute(&mut admin).await?;
    for (original, copy) in copies {
        run(&mut admin, format!(r#"create database "{copy}" template "{original}" owner stele_owner"#)).await?;
    }
    Ok(admin.close().await?)
}

/// The names are the tests' own.
async fn run(admin: &mut PgConnection, statement: String) -> Result<(), sqlx::Error> {
    sqlx::query(AssertSqlSafe(statement)).execute(admin).await.map(drop)
}

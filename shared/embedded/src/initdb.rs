use crate::child::command;
use crate::{Durability, Error, Progress, account, files, processes};
use std::fs;
use std::path::Path;

/// Makes `folder/data` where it is missing, and says the superuser's password.
///
/// initdb works in a folder of its own, which is renamed when it is whole: what a killed one leaves, or still writes, is
/// never taken for a database.
pub async fn initialise(
    programs: &Path,
    folder: &Path,
    mark: &str,
    durability: Durability,
    progress: Progress<'_>,
) -> Result<String, Error> {
    let password_file = folder.join("password");
    let password = files::kept_random(&password_file)?.simple().to_string();
    let data = folder.join("data");
    if data.exists() {
        return Ok(password);
    }
    progress("initialising the database");
    processes::end_orphans("initdb", mark, "-TERM", folder).await?;
    for left in fs::read_dir(folder).into_iter().flatten().flatten() {
        if left.file_name().to_string_lossy().starts_with("initdb-stele-") {
            // A dying child of a killed initdb may still write into it: the next start removes it then.
            let _ = fs::remove_dir_all(left.path());
        }
    }
    let new = folder.join(format!("initdb-{mark}-{}", uuid::Uuid::new_v4().simple()));
    let fault = |source| Error::Path { path: new.clone(), source };
    account::own(&new)?;
    // macOS knows no C.UTF-8.
    let locale: &[&str] =
        if cfg!(target_os = "macos") { &["--locale=C", "--lc-ctype=UTF-8"] } else { &["--locale=C.UTF-8"] };
    let output = command(&programs.join("initdb"))
        .arg("--pgdata")
        .arg(&new)
        .args(["--username", "postgres", "--auth", "scram-sha-256", "--pwfile"])
        .arg(&password_file)
        .args(["--encoding", "UTF8", "--data-checksums", "--no-instructions"])
        .args(locale)
        .args(if durability == Durability::Throwaway { ["--no-sync"].as_slice() } else { &[] })
        .output()
        .await
        .map_err(|source| Error::Spawn { program: "initdb".to_owned(), source })?;
    let log = folder.join("initdb.log");
    files::write(&log, &[output.stdout, output.stderr].concat())?;
    if !output.status.success() {
        return Err(Error::Ended { program: "initdb".to_owned(), status: output.status.to_string(), log });
    }
    fs::rename(&new, &data).and_then(|()| fs::File::open(folder)?.sync_all()).map_err(fault)?;
    Ok(password)
}

pub async fn same_version(programs: &Path, data: &Path) -> Result<(), Error> {
    let file = data.join("PG_VERSION");
    let found = fs::read_to_string(&file).map_err(|source| Error::Path { path: file, source })?.trim().to_owned();
    let output = command(&programs.join("postgres"))
        .arg("--version")
        .output()
        .await
        .map_err(|source| Error::Spawn { program: "postgres".to_owned(), source })?;
    // "postgres (PostgreSQL) 15.18 (Debian ...)"
    let wanted = String::from_utf8_lossy(&output.stdout)
        .split_whitespace()
        .find_map(|word| word.split('.').next()?.parse::<u32>().ok())
        .map_or_else(|| "of an unknown version".to_owned(), |major| major.to_string());
    if found == wanted { Ok(()) } else { Err(Error::OtherVersion { path: data.to_owned(), found, wanted }) }
}

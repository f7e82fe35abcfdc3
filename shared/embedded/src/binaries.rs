use crate::Error;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// A server's program: where `variable` says, on the PATH, or in the folders that packages use.
fn find(
    name: &'static str,
    variable: &'static str,
    folders: Vec<PathBuf>,
    remedy: &'static str,
) -> Result<PathBuf, Error> {
    let named = env::var_os(variable).map(PathBuf::from);
    let on_path =
        env::var_os("PATH").map(|path| env::split_paths(&path).map(|folder| folder.join(name)).collect::<Vec<_>>());
    named
        .into_iter()
        .chain(folders.into_iter().map(|folder| folder.join(name)))
        .chain(on_path.into_iter().flatten())
        .find(|path| path.is_file())
        .and_then(|path| fs::canonicalize(path).ok())
        .ok_or(Error::Missing { name, remedy, variable })
}

/// The folder of `postgres`, `initdb` and `pg_ctl`; the newest where there are several.
pub fn postgres_folder() -> Result<PathBuf, Error> {
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    versions.sort();
    let debian = versions.into_iter().rev().map(|(_, folder)| folder);
    let homebrew =
        ["/opt/homebrew/opt/postgresql@16/bin", "/usr/local/opt/postgresql@16/bin"].into_iter().map(PathBuf::from);
    let program = find(
        "postgres",
        "STELE_POSTGRES",
        debian.chain(homebrew).collect(),
        "install it with `apt-get install postgresql` or `brew install postgresql@16`",
    )?;
    Ok(program.parent().map_or_else(PathBuf::new, Path::to_path_buf))
}

pub fn nats_server() -> Result<PathBuf, Error> {
    find(
        "nats-server",
        "STELE_NATS_SERVER",
        Vec::new(),
        "install it with `apt-get install nats-server` or `brew install nats-server`",
    )
}

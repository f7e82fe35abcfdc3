use crate::Error;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// A server's program: where `variable` says, and only there; else the first of `places` that has it.
fn find(
    name: &'static str,
    variable: &'static str,
    places: impl IntoIterator<Item = PathBuf>,
    remedy: &'static str,
) -> Result<PathBuf, Error> {
    if let Some(path) = env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from) {
        let program = fs::canonicalize(&path).ok().filter(|program| program.is_file());
        return program.ok_or(Error::Misnamed { variable, path, name });
    }
    places
        .into_iter()
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
        .and_then(|path| fs::canonicalize(path).ok())
        .ok_or(Error::Missing { name, remedy, variable })
}

fn on_path() -> Vec<PathBuf> {
    env::var_os("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default()
}

/// The folder of `postgres` and `initdb`: of the version that made the data, else the newest.
pub fn postgres_folder(version: Option<&str>) -> Result<PathBuf, Error> {
    let version = version.and_then(|version| version.parse().ok());
    let mut installed: Vec<(u32, PathBuf)> =
        [("/usr/lib/postgresql", ""), ("/opt/homebrew/opt", "postgresql@"), ("/usr/local/opt", "postgresql@")]
            .iter()
            .flat_map(|(packages, prefix)| versions(Path::new(packages), prefix))
            .collect();
    installed.sort_by_key(|(number, _)| (version != Some(*number), std::cmp::Reverse(*number)));
    let program = find(
        "postgres",
        "STELE_POSTGRES",
        installed.into_iter().map(|(_, folder)| folder).chain(on_path()),
        "install it with `apt-get install postgresql` or `brew install postgresql@16`",
    )?;
    Ok(program.parent().map_or_else(PathBuf::new, Path::to_path_buf))
}

/// Packages put each version in a folder of its own.
fn versions(packages: &Path, prefix: &str) -> Vec<(u32, PathBuf)> {
    let entries = fs::read_dir(packages).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let number = entry.file_name().to_str()?.strip_prefix(prefix)?.parse().ok()?;
            Some((number, entry.path().join("bin")))
        })
        .collect()
}

pub fn nats_server() -> Result<PathBuf, Error> {
    // Debian's place is not on the PATH of everybody.
    let packages = ["/usr/sbin", "/usr/local/bin", "/opt/homebrew/bin"].map(PathBuf::from);
    find(
        "nats-server",
        "STELE_NATS_SERVER",
        on_path().into_iter().chain(packages),
        "install it with `apt-get install nats-server` or `brew install nats-server`",
    )
}

#[cfg(test)]
mod tests {
    use super::find;
    use std::path::PathBuf;

    #[test]
    fn a_missing_program_names_its_package_and_its_variable() {
        let found =
            find("nats-server", "STELE_TEST_UNSET", [PathBuf::from("/nowhere")], "install it with `apt-get ..`");
        let expected =
            "nats-server is not installed: install it with `apt-get ..`, or name its place in STELE_TEST_UNSET";
        assert_eq!(found.unwrap_err().to_string(), expected);
    }
}

//! Services are alike: who knows one finds the way in all.

use super::none;
use crate::house::{root, sources};
use std::fs;

/// Puts the services together and is none.
const BINARY: &str = "stele";

fn services() -> Vec<String> {
    let folders = fs::read_dir(root().join("services")).expect("services/ is a folder");
    let mut names: Vec<String> = folders
        .map(|entry| entry.expect("a readable entry"))
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name != BINARY)
        .collect();
    names.sort();
    assert!(!names.is_empty(), "services/ has services");
    names
}

#[test]
fn services_have_the_same_files() {
    let mut faults = Vec::new();
    for name in services() {
        let read = |path: String| fs::read_to_string(root().join(path)).unwrap_or_default();
        if read(format!("services/{name}/Cargo.toml")).is_empty() {
            faults.push(format!("services/{name}/Cargo.toml is missing"));
        }
        let lib = read(format!("services/{name}/src/lib.rs"));
        if !lib.contains("pub fn service(") {
            faults.push(format!(
                "services/{name}/src/lib.rs: export `pub fn service() -> Service`, all that a service is"
            ));
        }
        if !lib.contains("Routes::new()") {
            faults.push(format!("services/{name}/src/lib.rs: list the routes here, as the table of contents"));
        }
        faults.extend(misnumbered(&format!("migrations/{name}"), 1001));
    }
    faults.extend(misnumbered("migrations/shared", 1));
    none("A service is not like the others. Begin a new one as a copy of the smallest", &faults);
}

/// Migrations have four digits, from `first` on, without a gap.
fn misnumbered(folder: &str, first: u32) -> Vec<String> {
    let files = if root().join(folder).is_dir() { sources(&[folder], "sql") } else { Vec::new() };
    if files.is_empty() {
        return vec![format!("{folder}: begin with a migration {first:04}_<name>.sql")];
    }
    (first..)
        .zip(&files)
        .filter(|(number, file)| !file.path.starts_with(&format!("{folder}/{number:04}_")))
        .map(|(number, file)| {
            format!("{}: call it {folder}/{number:04}_<name>.sql, the next number in sequence", file.path)
        })
        .collect()
}

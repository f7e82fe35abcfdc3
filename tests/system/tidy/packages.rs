//! Who may depend on whom.

use super::none;
use crate::house::root;
use cargo_metadata::{Dependency, DependencyKind, MetadataCommand, Package};
use std::collections::BTreeSet;
use std::fs;

/// What each shared crate may stand on. One that is not listed stands on none.
const SHARED: &[(&str, &[&str])] = &[
    ("catalogue", &[]),
    ("eventstore", &[]),
    ("embedded", &[]),
    ("files", &["eventstore"]),
    ("library", &["access", "catalogue", "eventstore", "messaging", "service", "views"]),
    ("mail", &[]),
    ("paper", &[]),
    ("typesetting", &["paper"]),
    ("views", &["eventstore"]),
    ("messaging", &["eventstore"]),
    ("sealed", &["eventstore"]),
    ("access", &["eventstore", "messaging", "views"]),
    ("service", &["access", "eventstore", "messaging", "paper", "views"]),
    ("testkit", &["embedded", "eventstore"]),
];

/// What a service may stand on. Only `stele`, which puts them together, names services and embedded servers.
const SERVICE: &[&str] = &[
    "access",
    "catalogue",
    "eventstore",
    "files",
    "library",
    "mail",
    "messaging",
    "paper",
    "sealed",
    "service",
    "views",
];

/// Measures the whole: it names everything, and nothing names it.
const BENCH: &str = "bench";

/// Has the servers and databases of tests: never part of what runs.
const TESTKIT: &str = "testkit";

fn members() -> Vec<Package> {
    let metadata = MetadataCommand::new().manifest_path(root().join("Cargo.toml")).no_deps().exec();
    metadata.expect("the workspace can be read").packages
}

/// `services`, `shared` or `tests`, and the crate's name.
fn place(package: &Package) -> (&str, &str) {
    let folder = package.manifest_path.parent().and_then(|folder| folder.parent());
    (folder.and_then(|folder| folder.file_name()).unwrap_or_default(), &package.name)
}

fn is_allowed(folder: &str, name: &str, dependency: &str, kind: DependencyKind) -> bool {
    if dependency == BENCH {
        return false;
    }
    if dependency == TESTKIT {
        return kind == DependencyKind::Development;
    }
    match (folder, name) {
        ("services", "stele") | ("tests", BENCH) => true,
        ("services", _) => SERVICE.contains(&dependency),
        _ => SHARED.iter().any(|(shared, allowed)| *shared == name && allowed.contains(&dependency)),
    }
}

#[test]
fn crates_stand_on_whom_they_may() {
    let mut faults = Vec::new();
    for package in members() {
        let (folder, name) = place(&package);
        for dependency in package.dependencies.iter().filter(|dependency| dependency.path.is_some()) {
            if !is_allowed(folder, name, &dependency.name, dependency.kind) {
                faults.push(format!("{folder}/{name} on {} ({:?})", dependency.name, dependency.kind));
            }
        }
    }
    none(
        "A crate stands on one that it may not know. Move what both need into shared/, let services hear of each other \
         through events, and keep testkit under [dev-dependencies]. An edge among shared crates that is meant goes into \
         the table in tests/system/tidy/packages.rs and into ARCHITECTURE.md",
        &faults,
    );
}

#[test]
fn the_table_of_shared_crates_is_complete() {
    let packages = members();
    let there: BTreeSet<&str> =
        packages.iter().map(place).filter(|(folder, _)| *folder == "shared").map(|it| it.1).collect();
    let listed: BTreeSet<&str> = SHARED.iter().map(|(name, _)| *name).collect();
    assert_eq!(listed, there, "the table in tests/system/tidy/packages.rs lists every crate of shared/ and no other");
}

#[test]
fn edges_are_judged_by_the_table() {
    use DependencyKind::{Development, Normal};
    for (folder, name, dependency, kind, allowed) in [
        ("services", "risk", "views", Normal, true),
        ("services", "risk", "controls", Normal, false),
        ("services", "risk", "controls", Development, false),
        ("services", "risk", "embedded", Normal, false),
        ("services", "risk", "testkit", Normal, false),
        ("services", "risk", "testkit", Development, true),
        ("services", "stele", "risk", Normal, true),
        ("services", "stele", "testkit", Normal, false),
        ("services", "stele", "bench", Development, false),
        ("tests", "bench", "risk", Normal, true),
        ("tests", "bench", "testkit", Normal, false),
        ("tests", "other", "risk", Normal, false),
        ("shared", "views", "eventstore", Normal, true),
        ("shared", "views", "messaging", Normal, false),
        ("shared", "eventstore", "risk", Normal, false),
        ("shared", "new", "eventstore", Normal, false),
    ] {
        assert_eq!(is_allowed(folder, name, dependency, kind), allowed, "{name} on {dependency} ({kind:?})");
    }
}

#[test]
fn every_workspace_dependency_is_used() {
    let name_in_table = |dependency: &Dependency| dependency.rename.clone().unwrap_or_else(|| dependency.name.clone());
    let used: BTreeSet<String> =
        members().iter().flat_map(|package| package.dependencies.iter().map(name_in_table)).collect();
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("the workspace has a manifest");
    let faults: Vec<String> =
        workspace_dependencies(&manifest).filter(|name| !used.contains(*name)).map(str::to_owned).collect();
    none("No crate uses these. Take them out of [workspace.dependencies] in Cargo.toml", &faults);
}

fn workspace_dependencies(manifest: &str) -> impl Iterator<Item = &str> {
    let table = manifest.lines().skip_while(|line| line.trim() != "[workspace.dependencies]").skip(1);
    table
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.starts_with([' ', '#', ']', '}']))
        .filter_map(|line| line.split_once('='))
        .map(|(name, _)| name.trim().trim_end_matches(".workspace"))
}

#[test]
fn the_table_of_workspace_dependencies_is_read() {
    let manifest = "[workspace]\na = 1\n\n[workspace.dependencies]\n# why = not\nb = \"1\"\n\nc-d = { version = \"2\", features = [\n  \"e=f\",\n] }\n[profile]\ng = 1\n";
    assert_eq!(workspace_dependencies(manifest).collect::<Vec<_>>(), ["b", "c-d"]);
}

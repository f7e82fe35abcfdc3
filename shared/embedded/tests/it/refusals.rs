//! Each refusal is one sentence with the remedy.

use crate::helper::Holder;
use crate::probes::{folder, is_root};
use embedded::{Durability, Pair};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

async fn refusal(data: &Path) -> String {
    match Pair::start(data, Durability::Throwaway).await {
        Ok(pair) => {
            pair.stop().await.unwrap();
            panic!("{} is not refused", data.display())
        }
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn a_directory_in_use_names_who_holds_it_until_that_one_dies() {
    let folder = folder();
    let mut holder = Holder::start(folder.path(), &[]);
    holder.servers();
    let path = fs::canonicalize(folder.path()).unwrap();
    let expected = format!(
        "{} is in use by process {}: stop that one, or choose another data directory",
        path.display(),
        holder.pid()
    );
    assert_eq!(refusal(folder.path()).await, expected);
    holder.kill_9();
    Pair::start(folder.path(), Durability::Throwaway).await.unwrap().stop().await.unwrap();
}

#[test]
fn a_variable_that_names_no_program_is_not_passed_over() {
    for (variable, program) in [("STELE_NATS_SERVER", "nats-server"), ("STELE_POSTGRES", "postgres")] {
        let folder = folder();
        let mut holder = Holder::start(&folder.path().join("data"), &[(variable, "/nowhere")]);
        assert_eq!(
            holder.hear("error"),
            format!("{variable} names /nowhere, which is not a file: let it name the program {program}, or unset it")
        );
        assert!(!folder.path().join("data").exists(), "something was made before the refusal");
    }
}

#[tokio::test]
async fn data_of_another_postgresql_names_both_versions() {
    let folder = folder();
    Pair::start(folder.path(), Durability::Throwaway).await.unwrap().stop().await.unwrap();
    let version = folder.path().join("postgres/data/PG_VERSION");
    let installed = fs::read_to_string(&version).unwrap().trim().to_owned();
    fs::write(version, "9\n").unwrap();
    let refusal = refusal(folder.path()).await;
    let expected = format!(
        "belongs to PostgreSQL 9, and {installed} is installed: install 9, or start with another data directory"
    );
    assert!(refusal.ends_with(&expected), "{refusal}");
}

#[tokio::test]
async fn another_layout_is_refused() {
    let folder = folder();
    fs::write(folder.path().join("layout"), "2\n").unwrap();
    let refusal = refusal(folder.path()).await;
    let expected = "has layout 2, and this program knows layout 1: start the version that made it, or choose another \
                    data directory";
    assert!(refusal.ends_with(expected), "{refusal}");
}

#[tokio::test]
async fn a_directory_with_other_things_in_it_is_left_as_it_is() {
    let folder = folder();
    fs::write(folder.path().join("thesis.tex"), "").unwrap();
    let before = fs::metadata(folder.path()).unwrap().permissions();
    let refusal = refusal(folder.path()).await;
    assert!(refusal.ends_with("holds other things than Stele's data: choose an empty or a new data directory"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    assert_eq!(fs::metadata(folder.path()).unwrap().permissions(), before);
}

/// Only root's servers run as somebody else.
#[tokio::test]
async fn a_directory_that_the_servers_cannot_reach_is_refused() {
    if !is_root() {
        return;
    }
    let folder = folder();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let refusal = refusal(&folder.path().join("data")).await;
    assert!(refusal.contains(&format!("because {} lets the servers' account", folder.path().display())), "{refusal}");
    assert!(refusal.ends_with("choose another one, such as /var/lib/stele"), "{refusal}");
    assert!(!folder.path().join("data").exists());
}

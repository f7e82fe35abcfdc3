//! What a killed process leaves behind does not stand in the way, and nobody else's process is touched.

use crate::helper::Holder;
use crate::probes::{both_answer, folder, is_alive, signal, until};
use embedded::{Durability, Pair};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};

/// Stands for a process that has nothing to do with us, whatever its arguments say.
struct Bystander(Child);

impl Bystander {
    fn with_words(words: &[&str]) -> Self {
        Self(Command::new("sh").args(["-c", "while :; do sleep 0.2; done", "sh"]).args(words).spawn().unwrap())
    }

    /// As the account that owns `file`.
    fn of_the_owner(file: &Path) -> Self {
        let owner = fs::metadata(file).unwrap();
        Self(Command::new("sleep").arg("600").current_dir("/").uid(owner.uid()).gid(owner.gid()).spawn().unwrap())
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn the_servers_of_a_killed_process_are_replaced() {
    let folder = folder();
    let mut holder = Holder::start(folder.path(), &[]);
    let (postgres, nats) = holder.servers();
    holder.kill_9();
    assert!(is_alive(postgres) && is_alive(nats));
    let command_line = Command::new("ps").args(["-ww", "-o", "command=", "-p", &nats.to_string()]).output().unwrap();
    let command_line = String::from_utf8(command_line.stdout).unwrap();
    let bystander = Bystander::with_words(&command_line.split_whitespace().collect::<Vec<_>>());
    let other = self::folder();
    let neighbour = Pair::start(other.path(), Durability::Throwaway).await.unwrap();

    let pair = Pair::start(folder.path(), Durability::Throwaway).await.unwrap();
    assert!(both_answer(&pair).await);
    assert!(!is_alive(postgres) && !is_alive(nats));
    assert!(is_alive(bystander.0.id()));
    assert!(neighbour.healthy() && both_answer(&neighbour).await);
    assert_eq!((neighbour.postgres.state().restarts, neighbour.nats.state().restarts), (0, 0));
    pair.stop().await.unwrap();
    neighbour.stop().await.unwrap();
}

/// All three are killed at once, and the pid in PostgreSQL's lock is given to another process of its account.
#[tokio::test]
async fn a_reused_process_id_neither_blocks_the_start_nor_costs_its_process() {
    let folder = folder();
    let mut holder = Holder::start(folder.path(), &[]);
    let (postgres, nats) = holder.servers();
    holder.kill_9();
    assert!(signal(postgres, "-KILL") && signal(nats, "-KILL"));

    let lock = folder.path().join("postgres/data/postmaster.pid");
    let bystander = Bystander::of_the_owner(&lock);
    let text = fs::read_to_string(&lock).unwrap();
    let (_, rest) = text.split_once('\n').unwrap();
    fs::write(&lock, format!("{}\n{rest}", bystander.0.id())).unwrap();

    let pair = Pair::start(folder.path(), Durability::Throwaway).await.unwrap();
    assert!(both_answer(&pair).await);
    assert!(is_alive(bystander.0.id()));
    pair.stop().await.unwrap();
}

#[tokio::test]
async fn a_start_that_was_killed_while_it_made_the_database_begins_anew() {
    let folder = folder();
    let postgres = folder.path().join("postgres");
    let unfinished = || {
        let entries = fs::read_dir(&postgres).into_iter().flatten().flatten();
        entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("initdb-")).count()
    };
    let mut holder = Holder::start(folder.path(), &[]);
    until("initdb to have begun", async || {
        let entries = fs::read_dir(&postgres).into_iter().flatten().flatten();
        entries.into_iter().any(|entry| entry.path().join("PG_VERSION").exists())
    })
    .await;
    holder.kill_9();
    assert!(unfinished() == 1 && !postgres.join("data").exists(), "initdb was faster than this test");

    let pair = Pair::start(folder.path(), Durability::Throwaway).await.unwrap();
    assert!(both_answer(&pair).await);
    pair.stop().await.unwrap();
    assert_eq!(unfinished(), 0);
}

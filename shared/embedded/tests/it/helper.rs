//! A process of its own that holds a pair, for tests that kill one or give it another environment: this test program,
//! asked to run the one test below.

use crate::probes::{is_alive, signal};
use embedded::{Durability, Pair};
use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

const DATA: &str = "EMBEDDED_TEST_DATA";

#[tokio::test]
#[ignore = "runs inside the process that a test starts"]
async fn holds_a_pair() {
    let Some(data) = std::env::var_os(DATA) else { return };
    let tell = |step: &str| println!("step {step}");
    match Pair::start_with(Path::new(&data), Durability::Throwaway, &tell).await {
        Ok(pair) => {
            println!("pair {} {}", pair.postgres.state().pid.unwrap(), pair.nats.state().pid.unwrap());
            std::future::pending::<()>().await;
        }
        Err(error) => println!("error {error}"),
    }
}

pub struct Holder {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
    servers: Vec<u32>,
}

impl Holder {
    pub fn start(data: &Path, environment: &[(&str, &str)]) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["helper::holds_a_pair", "--exact", "--ignored", "--nocapture"])
            .env(DATA, data)
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, lines, servers: Vec::new() }
    }

    /// The rest of the next line that begins with `word`.
    pub fn hear(&mut self, word: &str) -> String {
        let heard = self.lines.by_ref().map_while(Result::ok).find_map(|line| {
            // The test runner writes its own beginning of the first line.
            let (_, rest) = line.split_once(&format!("{word} "))?;
            Some(rest.to_owned())
        });
        heard.unwrap_or_else(|| panic!("the process ended and did not say: {word}"))
    }

    /// The process ids of PostgreSQL and NATS.
    pub fn servers(&mut self) -> (u32, u32) {
        let line = self.hear("pair");
        self.servers = line.split(' ').map(|pid| pid.parse().unwrap()).collect();
        (self.servers[0], self.servers[1])
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    pub fn kill_9(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        for pid in self.servers.iter().filter(|pid| is_alive(**pid)) {
            signal(*pid, "-KILL");
        }
    }
}

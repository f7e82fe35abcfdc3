use crate::child::command;
use crate::program::{Answer, Program};
use crate::supervisor::{State, Supervised};
use crate::{Directory, Durability, Error, Progress, account, binaries, files, initdb, processes};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::process::Command;

/// A private PostgreSQL, listening on the loopback address only, with a password of its own.
pub struct Postgres {
    server: Supervised,
    password: String,
}

impl Postgres {
    pub(crate) async fn start(
        directory: &Arc<Directory>,
        durability: Durability,
        progress: Progress<'_>,
    ) -> Result<Self, Error> {
        let folder = directory.path.join("postgres");
        account::passage(&folder)?;
        let data = folder.join("data");
        let programs = binaries::postgres_folder(files::read(&data.join("PG_VERSION")).as_deref())?;
        let password = initdb::initialise(&programs, &folder, &directory.mark, durability, progress).await?;
        account::own(&data)?;
        initdb::same_version(&programs, &data).await?;

        progress("starting PostgreSQL");
        let server = Supervised::start(directory, &folder, |port| Postmaster {
            programs: programs.clone(),
            folder: folder.clone(),
            mark: directory.mark.clone(),
            port,
            durability,
        })
        .await?;
        Ok(Self { server, password })
    }

    /// The superuser's address, for the migrator.
    pub fn admin_url(&self) -> String {
        format!("postgres://postgres:{}@127.0.0.1:{}/postgres", self.password, self.server.port)
    }

    pub fn port(&self) -> u16 {
        self.server.port
    }

    pub fn state(&self) -> State {
        self.server.state()
    }

    pub async fn stop(self) -> Result<(), Error> {
        self.server.stop().await
    }
}

struct Postmaster {
    programs: PathBuf,
    folder: PathBuf,
    mark: String,
    port: u16,
    durability: Durability,
}

impl Postmaster {
    fn pid_file(&self) -> PathBuf {
        self.folder.join("data/postmaster.pid")
    }
}

impl Program for Postmaster {
    const NAME: &'static str = "postgres";
    /// A fast shutdown: sessions are ended, what was committed is on disk.
    const STOP: &'static str = "-INT";

    fn command(&self) -> Command {
        let mut serve = command(&self.programs.join("postgres"));
        serve.arg("-D").arg(self.folder.join("data")).args(["-p", &self.port.to_string()]);
        // PostgreSQL shows the cluster's name in the titles of its children too.
        serve.args(["-c", &format!("cluster_name={}", self.mark)]);
        // While it is brought back to a moment it answers nobody: reading alone is of no use to who starts it.
        for setting in [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=300",
            "shared_buffers=128MB",
            "hot_standby=off",
        ] {
            serve.args(["-c", setting]);
        }
        if self.durability == Durability::Throwaway {
            serve.args(["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"]);
            // Tests run several systems beside each other.
            serve.args(["-c", "max_connections=600"]);
        }
        serve
    }

    fn folder(&self) -> &Path {
        &self.folder
    }

    fn mark(&self) -> &str {
        &self.mark
    }

    /// After a crash of the machine, the number in PostgreSQL's own lock may be another process's, and PostgreSQL would
    /// refuse to start because of that one.
    fn clear_away(&self) {
        let pid_file = self.pid_file();
        let holder = files::read(&pid_file).and_then(|text| text.lines().next()?.trim().parse().ok());
        if holder.is_some_and(|pid| processes::is_foreign(pid, &self.folder.join("data"))) {
            // Where that fails, PostgreSQL says so itself.
            let _ = fs::remove_file(pid_file);
        }
    }

    /// By its lock file, as `pg_ctl` asks: a connection could be answered by another PostgreSQL.
    async fn answer(&self, pid: u32) -> Answer {
        let Some(text) = files::read(&self.pid_file()) else { return Answer::Silent };
        let mut lines = text.lines();
        if lines.next().and_then(|line| line.trim().parse().ok()) != Some(pid) {
            return Answer::Silent;
        }
        match lines.nth(6).map(str::trim) {
            Some("ready") => Answer::Ready,
            _ => Answer::Starting,
        }
    }
}

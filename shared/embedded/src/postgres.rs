use crate::child::{Server, command, end_orphan, free_port, secret};
use crate::{Durability, Error, account, binaries};
use std::fs;
use std::path::Path;
use tokio::net::TcpStream;

/// A private PostgreSQL, listening on the loopback address only, with a password of its own.
pub struct Postgres {
    server: Server,
    port: u16,
    password: String,
}

impl Postgres {
    pub async fn start(folder: &Path, durability: Durability) -> Result<Self, Error> {
        let programs = binaries::postgres_folder()?;
        account::own(folder)?;
        let data = folder.join("data");
        let password_file = folder.join("password");
        let password = secret(&password_file)?;
        // PG_VERSION is written early; only a finished initdb leaves global/pg_control with its marker beside it.
        let made = folder.join("initialised");
        if !made.exists() {
            if data.exists() {
                fs::remove_dir_all(&data).map_err(|source| Error::Path { path: data.clone(), source })?;
            }
            let output = command(&programs.join("initdb"))
                .arg("--pgdata")
                .arg(&data)
                .args(["--username", "postgres", "--auth", "scram-sha-256", "--pwfile"])
                .arg(&password_file)
                .args(["--encoding", "UTF8", "--locale", "C.UTF-8", "--data-checksums", "--no-instructions"])
                .args(if durability == Durability::Throwaway { ["--no-sync"].as_slice() } else { &[] })
                .output()
                .await
                .map_err(|source| Error::Spawn { program: "initdb".to_owned(), source })?;
            let log = folder.join("initdb.log");
            fs::write(&log, [output.stdout, output.stderr].concat())
                .map_err(|source| Error::Path { path: log.clone(), source })?;
            if !output.status.success() {
                return Err(Error::Ended { program: "initdb".to_owned(), status: output.status.to_string(), log });
            }
            fs::write(&made, "").map_err(|source| Error::Path { path: made.clone(), source })?;
        }
        same_version(&programs, &data)?;
        end_orphan(&data.join("postmaster.pid"), &data, "-QUIT").await?;

        let port = free_port()?;
        let mut serve = command(&programs.join("postgres"));
        serve.arg("-D").arg(&data).args(["-p", &port.to_string()]);
        for setting in
            ["listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=200", "shared_buffers=128MB"]
        {
            serve.args(["-c", setting]);
        }
        if durability == Durability::Throwaway {
            serve.args(["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"]);
        }
        let mut server = Server::spawn("postgres", serve, &folder.join("postgres.log"))?;
        let probe = programs.join("pg_isready");
        server
            .until(async || {
                TcpStream::connect(("127.0.0.1", port)).await.is_ok()
                    && command(&probe)
                        .args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()])
                        .status()
                        .await
                        .is_ok_and(|status| status.success())
            })
            .await?;
        Ok(Self { server, port, password })
    }

    /// The superuser's address, for the migrator.
    pub fn admin_url(&self) -> String {
        format!("postgres://postgres:{}@127.0.0.1:{}/postgres", self.password, self.port)
    }

    pub fn pid(&self) -> Option<u32> {
        self.server.pid()
    }

    /// A fast shutdown: sessions are ended, what was committed is on disk.
    pub async fn stop(self) -> Result<(), Error> {
        self.server.stop("-INT").await
    }
}

fn same_version(programs: &Path, data: &Path) -> Result<(), Error> {
    let file = data.join("PG_VERSION");
    let found = fs::read_to_string(&file).map_err(|source| Error::Path { path: file, source })?.trim().to_owned();
    let output = std::process::Command::new(programs.join("postgres"))
        .arg("--version")
        .output()
        .map_err(|source| Error::Spawn { program: "postgres".to_owned(), source })?;
    // "postgres (PostgreSQL) 15.18 (Debian ...)"
    let wanted = String::from_utf8_lossy(&output.stdout)
        .split_whitespace()
        .find_map(|word| word.split('.').next()?.parse::<u32>().ok())
        .map_or_else(|| "of an unknown version".to_owned(), |major| major.to_string());
    if found == wanted { Ok(()) } else { Err(Error::OtherVersion { path: data.to_owned(), found, wanted }) }
}

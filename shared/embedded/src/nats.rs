use crate::child::command;
use crate::program::{Answer, Program};
use crate::supervisor::{State, Supervised};
use crate::{Directory, Error, Progress, account, binaries, files};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::timeout;

/// A private nats-server with JetStream, listening on the loopback address only, with a password of its own.
pub struct Nats {
    server: Supervised,
    password: String,
}

impl Nats {
    pub(crate) async fn start(directory: &Arc<Directory>, progress: Progress<'_>) -> Result<Self, Error> {
        let program = binaries::nats_server()?;
        let folder = directory.path.join("nats");
        account::passage(&folder)?;
        let data = folder.join("data");
        account::own(&data)?;
        let password = files::kept_random(&folder.join("password"))?.simple().to_string();
        let text = format!(
            "max_payload: 1MB\njetstream {{ store_dir: \"{}\" }}\n\
             authorization {{ user: \"stele\", password: \"{password}\" }}\n",
            quoted(&data),
        );
        files::write(&folder.join("nats.conf"), text.as_bytes())?;

        progress("starting NATS");
        let server = Supervised::start(directory, &folder, |port| NatsServer {
            program: program.clone(),
            folder: folder.clone(),
            mark: directory.mark.clone(),
            port,
        })
        .await?;
        Ok(Self { server, password })
    }

    /// The address with its credentials.
    pub fn url(&self) -> String {
        format!("nats://stele:{}@127.0.0.1:{}", self.password, self.server.port)
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

struct NatsServer {
    program: PathBuf,
    folder: PathBuf,
    mark: String,
    port: u16,
}

impl Program for NatsServer {
    const NAME: &'static str = "nats-server";
    const STOP: &'static str = "-TERM";

    fn command(&self) -> Command {
        let mut serve = command(&self.program);
        // By this name a later start knows it, whatever its file is called.
        serve.arg0(Self::NAME);
        serve.arg("-c").arg(self.folder.join("nats.conf"));
        serve.args(["-a", "127.0.0.1", "-p", &self.port.to_string(), "--name", &self.mark]);
        serve
    }

    fn folder(&self) -> &Path {
        &self.folder
    }

    fn mark(&self) -> &str {
        &self.mark
    }

    /// A NATS server speaks first, and tells its name and whether its JetStream is up.
    async fn answer(&self, _pid: u32) -> Answer {
        let mut greeting = [0; 4096];
        let read = async {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
            stream.read(&mut greeting).await
        };
        let Ok(Ok(length)) = timeout(Duration::from_secs(1), read).await else { return Answer::Silent };
        let greeting = String::from_utf8_lossy(&greeting[..length]);
        if greeting.contains(&self.mark) && greeting.contains("\"jetstream\":true") {
            Answer::Ready
        } else {
            Answer::Silent
        }
    }
}

fn quoted(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "\\\\").replace('"', "\\\"")
}

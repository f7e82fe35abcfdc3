use crate::account::hand_over;
use crate::child::{Server, command, end_orphan, free_port, secret};
use crate::{Error, account, binaries};
use std::fs;
use std::path::Path;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// A private nats-server with JetStream, listening on the loopback address only, with a password of its own.
pub struct Nats {
    server: Server,
    port: u16,
    password: String,
}

impl Nats {
    pub async fn start(folder: &Path) -> Result<Self, Error> {
        let program = binaries::nats_server()?;
        account::own(folder)?;
        let password = secret(&folder.join("password"))?;
        let pid_file = folder.join("nats.pid");
        let config = folder.join("nats.conf");
        end_orphan(&pid_file, &config, "-TERM").await?;

        let port = free_port()?;
        let text = format!(
            "listen: \"127.0.0.1:{port}\"\nmax_payload: 1MB\npid_file: \"{}\"\n\
             jetstream {{ store_dir: \"{}\" }}\nauthorization {{ user: \"stele\", password: \"{password}\" }}\n",
            pid_file.display(),
            folder.join("store").display(),
        );
        fs::write(&config, text).map_err(|source| Error::Path { path: config.clone(), source })?;
        hand_over(&config)?;
        let mut serve = command(&program);
        serve.arg("-c").arg(&config);
        let mut server = Server::spawn("nats-server", serve, &folder.join("nats.log"))?;
        server.until(async || greets(port).await).await?;
        Ok(Self { server, port, password })
    }

    /// The address with its credentials.
    pub fn url(&self) -> String {
        format!("nats://stele:{}@127.0.0.1:{}", self.password, self.port)
    }

    pub fn pid(&self) -> Option<u32> {
        self.server.pid()
    }

    pub async fn stop(self) -> Result<(), Error> {
        self.server.stop("-TERM").await
    }
}

/// A NATS server speaks first, and tells whether its JetStream is up.
async fn greets(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)).await else { return false };
    let mut greeting = [0; 4096];
    match stream.read(&mut greeting).await {
        Ok(length) => String::from_utf8_lossy(&greeting[..length]).contains("\"jetstream\":true"),
        Err(_) => false,
    }
}

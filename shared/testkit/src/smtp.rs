use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

/// Says its port once it listens, and ends with the test that holds its standard input.
const SERVER: &str = r"
import asyncio, sys
from aiosmtpd.handlers import Mailbox
from aiosmtpd.smtp import SMTP

async def main(folder, port):
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Mailbox(folder), hostname='localhost'), '127.0.0.1', port)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
";

const PATIENCE: Duration = Duration::from_secs(60);

/// A real SMTP server (aiosmtpd) with a mailbox of its own, for one test.
pub struct Smtp {
    address: SocketAddr,
    folder: TempDir,
    _server: Child,
}

impl Smtp {
    /// Starts a server on a free port.
    pub async fn start() -> Self {
        Self::start_at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await
    }

    /// Starts a server where there was none until now.
    pub async fn start_at(address: SocketAddr) -> Self {
        let folder = tempfile::Builder::new().prefix("stele-mail-").tempdir().expect("a folder");
        let mut server = Command::new(interpreter().await)
            .args(["-c", SERVER])
            .arg(folder.path().join("mails"))
            .arg(address.port().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the SMTP server starts");
        let mut told = String::new();
        let mut lines = BufReader::new(server.stdout.take().expect("its output"));
        timeout(PATIENCE, lines.read_line(&mut told)).await.expect("in time").expect("the SMTP server says its port");
        let port = told.trim().parse().expect("a port: the SMTP server did not start, its error stands above");
        Self { address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)), folder, _server: server }
    }

    /// An address at which nobody listens yet.
    pub async fn nobody() -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        listener.local_addr().expect("its address")
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What arrived so far, headers and text of each mail, in the order of arrival.
    pub fn mails(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.folder.path().join("mails/new")) else { return Vec::new() };
        let mut files: Vec<(std::time::SystemTime, PathBuf)> = entries
            .map(|entry| {
                let entry = entry.expect("an entry");
                (entry.metadata().and_then(|data| data.modified()).expect("its time"), entry.path())
            })
            .collect();
        files.sort();
        files.iter().map(|(_, path)| std::fs::read_to_string(path).expect("a mail")).collect()
    }

    /// Waits, a minute at most, until `count` mails arrived, and gives what is there then.
    pub async fn until(&self, count: usize) -> Vec<String> {
        let arrived = timeout(PATIENCE, async {
            while self.mails().len() < count {
                sleep(Duration::from_millis(50)).await;
            }
        });
        assert!(arrived.await.is_ok(), "only {} of {count} mails arrived", self.mails().len());
        self.mails()
    }
}

/// A Python that has aiosmtpd: the machine's, or the one that `./dev test` makes.
async fn interpreter() -> PathBuf {
    let made = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/smtp/bin/python3");
    for python in [PathBuf::from("python3"), PathBuf::from("/usr/bin/python3"), made] {
        let found = Command::new(&python).args(["-c", "import aiosmtpd"]).stderr(Stdio::null()).status().await;
        if found.is_ok_and(|status| status.success()) {
            return python;
        }
    }
    panic!("no Python with aiosmtpd was found: `./dev test` installs it (Debian: python3-aiosmtpd)")
}

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// Says its port once it listens, and ends with the test that holds its standard input.
const SERVER: &str = r"
import sys
import boto3
from moto.server import ThreadedMotoServer

server = ThreadedMotoServer(ip_address='127.0.0.1', port=0, verbose=False)
server.start()
_, port = server.get_host_and_port()
place = boto3.client('s3', endpoint_url=f'http://127.0.0.1:{port}', region_name='us-east-1',
    aws_access_key_id='throwaway', aws_secret_access_key='throwaway')
place.create_bucket(Bucket='files')
print(port, flush=True)
sys.stdin.read()
";

const PATIENCE: Duration = Duration::from_secs(60);

/// A server that speaks S3 (moto), with an empty bucket `files`, for one test.
pub struct S3 {
    port: u16,
    _server: Child,
}

impl S3 {
    pub async fn start() -> Self {
        let mut server = Command::new(interpreter().await)
            .args(["-c", SERVER])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("the S3 server starts");
        let mut told = String::new();
        let mut lines = BufReader::new(server.stdout.take().expect("its output"));
        timeout(PATIENCE, lines.read_line(&mut told)).await.expect("in time").expect("the S3 server says its port");
        let port = told.trim().parse().expect("a port: the S3 server did not start");
        Self { port, _server: server }
    }

    /// What an installation is told that keeps its files there.
    pub fn variables(&self) -> Vec<(String, String)> {
        [
            ("STELE_FILES", "s3://files/stele"),
            ("AWS_ENDPOINT_URL", &format!("http://127.0.0.1:{}", self.port)),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "throwaway"),
            ("AWS_SECRET_ACCESS_KEY", "throwaway"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }
}

/// A Python that has moto: the machine's, or the one that `./dev test` makes.
async fn interpreter() -> PathBuf {
    let made = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/s3/bin/python");
    for python in [made, PathBuf::from("python3")] {
        let found =
            Command::new(&python).args(["-c", "import boto3, moto.server"]).stderr(Stdio::null()).status().await;
        if found.is_ok_and(|status| status.success()) {
            return python;
        }
    }
    panic!("no Python with moto was found: `./dev test` installs it under target/tools")
}

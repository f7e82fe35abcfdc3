//! `stele up` as its starter meets it: first start, second start, Ctrl-C, a crash, and what can be wrong.

use crate::system::{STELE, variables};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fs::Permissions;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// Below it the servers' account, which is not root, finds its data.
pub fn folder() -> TempDir {
    tempfile::Builder::new().prefix("stele-up-").permissions(Permissions::from_mode(0o711)).tempdir().expect("a folder")
}

pub struct Up {
    pub child: Child,
    /// What it printed until it ran.
    pub printed: String,
    pub variables: HashMap<String, String>,
    lines: tokio::io::Lines<BufReader<tokio::process::ChildStdout>>,
}

impl Up {
    pub async fn start(data: &Path, options: &[&str]) -> Self {
        Self::start_with(data, options, &[]).await
    }

    pub async fn start_with(data: &Path, options: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(STELE);
        command.args(["up", "--listen", "127.0.0.1:0"]).args(options).env("STELE_DATA", data);
        command.envs(variables.iter().copied()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("stele up");
        let mut lines = BufReader::new(child.stdout.take().expect("what it prints")).lines();
        let mut printed = String::new();
        let reading = async {
            while let Some(line) = lines.next_line().await.expect("text") {
                printed += &line;
                printed.push('\n');
                if line.contains("Ctrl-C") {
                    return true;
                }
            }
            false
        };
        let runs = timeout(Duration::from_mins(3), reading).await.expect("it starts within three minutes");
        assert!(runs, "it ended: {printed}");
        let told = run(data, &["env"]).await;
        let variables = self::variables(&String::from_utf8(told.stdout).expect("text"));
        Self { child, printed, variables, lines }
    }

    pub async fn get(&self, path: &str) -> Value {
        let request = reqwest::Client::new().get(format!("{}{path}", self.variables["STELE"]));
        let response = request.bearer_auth(&self.variables["TOKEN"]).send().await.expect("an answer");
        response.json().await.expect("JSON")
    }

    pub async fn post(&self, path: &str, body: &Value) -> Value {
        self.send(reqwest::Method::POST, path, body).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Value {
        self.send(reqwest::Method::PUT, path, body).await
    }

    /// Sends a file; gives its id.
    pub async fn file(&self, path: &str, content: &'static str) -> String {
        let request = reqwest::Client::new().post(format!("{}{path}", self.variables["STELE"])).body(content);
        let response = request.bearer_auth(&self.variables["TOKEN"]).send().await.expect("an answer");
        let sent: Value = response.json().await.expect("JSON");
        sent["id"].as_str().unwrap_or_else(|| panic!("{sent}")).to_owned()
    }

    async fn send(&self, method: reqwest::Method, path: &str, body: &Value) -> Value {
        let request = reqwest::Client::new().request(method, format!("{}{path}", self.variables["STELE"]));
        let response = request.bearer_auth(&self.variables["TOKEN"]).json(body).send().await.expect("an answer");
        assert!(response.status().is_success(), "{path}: {}", response.status());
        response.json().await.expect("JSON")
    }

    pub fn signal(&self, signal: &str) {
        let pid = self.child.id().expect("it runs").to_string();
        assert!(std::process::Command::new("kill").args([signal, &pid]).status().expect("kill").success());
    }

    /// Ctrl-C; gives what it printed on its way.
    pub async fn stop(mut self) -> String {
        self.signal("-INT");
        let mut printed = String::new();
        while let Some(line) = self.lines.next_line().await.expect("text") {
            printed += &line;
            printed.push('\n');
        }
        let status = timeout(Duration::from_mins(1), self.child.wait()).await.expect("it stops").expect("waited");
        assert!(status.success(), "{status}: {printed}");
        printed
    }
}

/// A test that ends early leaves none of its servers behind.
impl Drop for Up {
    fn drop(&mut self) {
        if self.child.id().is_none() {
            return;
        }
        self.signal("-INT");
        for _ in 0..300 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// A tool on the same data directory.
pub async fn run(data: &Path, arguments: &[&str]) -> Output {
    Command::new(STELE).args(arguments).env("STELE_DATA", data).kill_on_drop(true).output().await.expect("stele")
}

/// Processes whose command line names the data directory.
fn processes(data: &Path) -> usize {
    let output = std::process::Command::new("ps").args(["-eww", "-o", "args="]).output().expect("ps");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let data = data.canonicalize().expect("a folder");
    text.lines().filter(|line| line.contains(&data.display().to_string())).count()
}

/// A newcomer does what the start printed: sets a password by the link, and signs in.
async fn sign_in_as_told(up: &Up) {
    let begin = up.printed.find("stele-link_").unwrap_or_else(|| panic!("no link in {}", up.printed));
    let link = up.printed[begin..].split('"').next().expect("a link");
    let organisation = format!("/v1/organisations/{}", up.variables["ORGANISATION"]);
    for tail in ["/password", "/sign-in"] {
        assert!(up.printed.contains(&format!("{organisation}{tail} -d")), "{tail} is missing in {}", up.printed);
    }
    let password = "nine green bottles on a wall";
    up.post(&format!("{organisation}/password"), &json!({"link": link, "password": password})).await;
    let body = json!({"person": "admin", "password": password});
    let signed_in = up.post(&format!("{organisation}/sign-in"), &body).await;
    assert_eq!((&signed_in["administrator"], signed_in["token"].is_string()), (&json!(true), true));
}

#[tokio::test]
async fn it_starts_stops_and_finds_its_data_again_also_after_a_crash() {
    let folder = folder();
    let data = folder.path().join("data");
    let up = Up::start(&data, &[]).await;
    for word in ["address", "token", "curl -H", &data.display().to_string()] {
        assert!(up.printed.contains(word), "{word} is missing in {}", up.printed);
    }
    sign_in_as_told(&up).await;
    let tenants = format!("/v1/organisations/{}/tenants", up.variables["ORGANISATION"]);
    let made = up.post(&tenants, &json!({"name": "Larkspur"})).await;
    assert_eq!(made["ready"], true, "{made}");
    assert!(processes(&data) >= 2);
    let secrets = std::fs::metadata(data.join("secrets.json")).expect("secrets").permissions().mode();
    assert_eq!(secrets & 0o077, 0, "others can read the secrets");

    let second = Command::new(STELE).args(["up", "--listen", "127.0.0.1:0"]).env("STELE_DATA", &data).output().await;
    let second = String::from_utf8(second.expect("stele up").stderr).expect("text");
    assert!(second.contains("is in use by process"), "{second}");
    let page =
        reqwest::get(format!("{}/docs/", up.variables["STELE"])).await.expect("an answer").text().await.expect("text");
    assert!(page.contains("swagger") && !page.contains("//unpkg") && !page.contains("//cdn"), "{page}");
    assert!(up.stop().await.contains("stopped"));
    assert_eq!(processes(&data), 0, "something of it still runs");

    let mut up = Up::start(&data, &[]).await;
    assert!(up.printed.contains("/sign-in -d") && !up.printed.contains("stele-link_"), "{}", up.printed);
    assert_eq!(up.get(&tenants).await["items"][0]["name"], "Larkspur");
    up.child.start_kill().expect("it ran");
    up.child.wait().await.expect("it ended");
    let up = Up::start(&data, &[]).await;
    assert_eq!(up.get(&tenants).await["items"][0]["name"], "Larkspur");
    let verified = run(&data, &["verify"]).await;
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
    let rebuilt = run(&data, &["rebuild", "controls"]).await;
    assert!(String::from_utf8_lossy(&rebuilt.stdout).contains("93 rows"), "{rebuilt:?}");

    // Ctrl-C in the middle of an upload: it is answered first.
    let rows: Vec<String> = (1..=1500).map(|n| format!("R-{n},Risk {n},{},{}", n % 5 + 1, n % 4 + 1)).collect();
    let file = format!("ref_id,name,inherent_proba,inherent_impact\n{}\n", rows.join("\n"));
    let url = format!("{}/v1/tenants/{}/imports/risks", up.variables["STELE"], made["id"].as_str().expect("an id"));
    let request = reqwest::Client::new().post(url).bearer_auth(&up.variables["TOKEN"]).body(file);
    let uploading = tokio::spawn(request.send());
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert!(!uploading.is_finished(), "the upload was faster than this test");
    up.stop().await;
    let answer = uploading.await.expect("sent").expect("answered");
    assert_eq!(answer.status(), 200, "{:?}", answer.text().await);
}

#[tokio::test]
async fn what_is_wrong_is_one_sentence_with_the_remedy() {
    let folder = folder();
    let data = folder.path().join("data");
    let sentence = async |arguments: &[&str], variable: (&str, &str)| {
        let mut command = Command::new(STELE);
        command.args(arguments).env("STELE_DATA", &data).env(variable.0, variable.1).kill_on_drop(true);
        let output = timeout(Duration::from_secs(30), command.output()).await.expect("it ends").expect("stele");
        assert!(!output.status.success());
        String::from_utf8(output.stderr).expect("text").lines().last().unwrap_or_default().to_owned()
    };
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let nothing = ("STELE_TEST_NOTHING", "");
    assert_eq!(
        sentence(&["up", "--listen", &address], nothing).await,
        format!(
            "stele: {address} is in use: stop what listens there, or choose another address, such as --listen 127.0.0.1:0"
        )
    );
    let missing = sentence(&["up", "--listen", "127.0.0.1:0"], ("STELE_NATS_SERVER", "/nowhere")).await;
    assert!(missing.contains("STELE_NATS_SERVER names /nowhere"), "{missing}");
    let idle = sentence(&["verify"], nothing).await;
    assert!(idle.contains("nothing runs on") && idle.contains("./dev up"), "{idle}");
    let unknown = sentence(
        &["serve", "risks", "--postgres", "postgres://x", "--nats", "nats://x"],
        ("STELE_PUBLIC_KEY", &"a".repeat(64)),
    )
    .await;
    assert!(unknown.contains("there is no service risks: choose from tenancy"), "{unknown}");
    let unsigned = sentence(&["serve", "risk", "--postgres", "postgres://x", "--nats", "nats://x"], nothing).await;
    assert!(unsigned.contains("--public-key"), "{unsigned}");
    assert!(!data.join("secrets.json").exists(), "something was begun");
}

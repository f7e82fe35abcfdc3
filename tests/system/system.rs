//! The system as processes: the services of the `stele` binary beside the run's PostgreSQL and NATS, under a prefix of
//! their own.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use testkit::{copy_databases, servers};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

pub const STELE: &str = env!("CARGO_BIN_EXE_stele");
pub const SERVICES: [&str; 5] = ["tenancy", "risk", "controls", "audit", "notifications"];
pub const SEED: &str = "5e1f5e1f5e1f5e1f5e1f5e1f5e1f5e1f5e1f5e1f5e1f5e1f5e1f5e1f5e1f5e1f";
/// Roles belong to the whole server: every test gives their logins the same password.
pub const PASSWORD: &str = "throwaway";

/// The prefix of the databases that those of all tests are copied from.
const ORIGINAL: &str = "original";

/// Databases and subjects of one test, migrated, and the processes that serve them.
pub struct System {
    pub prefix: String,
    pub organisation: String,
    /// Of an administrator of the organisation.
    pub token: String,
    pub processes: Vec<Process>,
    /// Where each service answers.
    addresses: HashMap<&'static str, SocketAddr>,
    postgres: String,
    pub nats: String,
    options: Vec<(String, String)>,
    /// Where files are kept, unless another place is named.
    pub files: Arc<TempDir>,
}

/// A running `stele serve`.
pub struct Process {
    pub address: SocketAddr,
    pub child: Child,
    pub log: Arc<Mutex<Vec<String>>>,
}

impl System {
    /// All services in one process.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// The same with more environment variables.
    pub async fn start_with(options: &[(&str, &str)]) -> Self {
        let mut system = Self::migrated(&servers::postgres_admin_url(), &servers::nats_url(), options).await;
        system.serve(&SERVICES).await;
        system.ready().await;
        system
    }

    /// Each service in a process of its own.
    pub async fn start_apart() -> Self {
        let mut system = Self::migrated(&servers::postgres_admin_url(), &servers::nats_url(), &[]).await;
        for service in SERVICES {
            system.serve(&[service]).await;
        }
        system.ready().await;
        system
    }

    /// Databases and a first organisation; nothing runs yet.
    pub async fn migrated(postgres: &str, nats: &str, options: &[(&str, &str)]) -> Self {
        let prefix = format!("s{}", uuid::Uuid::new_v4().simple());
        let migrate = async |prefix: &str| {
            let mut tool = Command::new(STELE);
            tool.env("STELE_POSTGRES_URL", postgres).env("STELE_PASSWORD", PASSWORD).env("STELE_PREFIX", prefix);
            let migrated = tool.arg("migrate").output().await.expect("stele migrate");
            assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));
        };
        let copies = SERVICES.map(|service| (format!("{ORIGINAL}_{service}"), format!("{prefix}_{service}")));
        let make = async || {
            migrate(ORIGINAL).await;
            Ok(())
        };
        copy_databases(postgres, &copies, make).await.expect("copies of databases that are migrated");
        migrate(&prefix).await;
        let mut system = Self {
            prefix: prefix.clone(),
            organisation: String::new(),
            token: String::new(),
            processes: Vec::new(),
            addresses: HashMap::new(),
            postgres: postgres.to_owned(),
            nats: nats.to_owned(),
            options: options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            files: Arc::new(tempfile::Builder::new().prefix("stele-files-").tempdir().expect("a folder")),
        };
        (system.organisation, system.token) = system.found("Larkspur").await;
        system
    }

    /// Another organisation's id, and a token of its administrator.
    pub async fn found(&self, name: &str) -> (String, String) {
        let mut command = Command::new(STELE);
        command.args(["organisation", "--name", name]).kill_on_drop(true);
        self.environment(&mut command);
        let founded = command.output().await.expect("stele organisation");
        assert!(founded.status.success(), "{}", String::from_utf8_lossy(&founded.stderr));
        let variables = variables(&String::from_utf8(founded.stdout).expect("text"));
        (variables["ORGANISATION"].clone(), variables["TOKEN"].clone())
    }

    /// The same installation as another organisation sees it.
    pub async fn as_organisation(&self, name: &str) -> Self {
        let (organisation, token) = self.found(name).await;
        Self { organisation, token, ..self.apart() }
    }

    /// Starts a process for these services.
    pub async fn serve(&mut self, services: &[&'static str]) {
        self.serve_on(services, "127.0.0.1:0").await;
    }

    /// Starts a process for all services that ends itself at a point: `<service>:<point>`.
    pub async fn serve_until(&mut self, crash: &str) {
        self.options.push(("STELE_CRASH_AT".to_owned(), crash.to_owned()));
        self.serve(&SERVICES).await;
        self.options.pop();
    }

    pub async fn serve_on(&mut self, services: &[&'static str], address: &str) {
        let mut command = Command::new(STELE);
        command.arg("serve").args(services);
        command.env("STELE_CONNECTIONS", "8");
        self.environment(&mut command);
        command.env("STELE_LISTEN", address).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("stele serve");
        let errors = child.stderr.take().expect("its log").into_owned_fd().expect("a pipe");
        let log = Arc::new(Mutex::new(Vec::new()));
        let (lines, (tell, told)) = (log.clone(), std::sync::mpsc::channel());
        std::thread::spawn(move || {
            for line in BufReader::new(std::fs::File::from(errors)).lines().map_while(Result::ok) {
                if let Ok(line) = serde_json::from_str::<Value>(&line)
                    && line["message"] == "listening"
                {
                    let _ = tell.send(line["address"].as_str().expect("an address").to_owned());
                }
                lines.lock().expect("the log").push(line);
            }
        });
        let address =
            tokio::task::spawn_blocking(move || told.recv_timeout(Duration::from_mins(1))).await.expect("told");
        let address = address.unwrap_or_else(|_| panic!("it does not listen: {:?}", log.lock().expect("the log")));
        let address = address.parse().expect("an address");
        self.addresses.extend(services.iter().map(|service| (*service, address)));
        self.processes.push(Process { address, child, log });
    }

    /// The same databases and subjects, without their processes.
    pub fn apart(&self) -> Self {
        Self {
            prefix: self.prefix.clone(),
            organisation: self.organisation.clone(),
            token: self.token.clone(),
            processes: Vec::new(),
            addresses: self.addresses.clone(),
            postgres: self.postgres.clone(),
            nats: self.nats.clone(),
            options: self.options.clone(),
            files: self.files.clone(),
        }
    }

    /// What processes are told from now on.
    pub fn set(&mut self, name: &str, value: &str) {
        self.options.push((name.to_owned(), value.to_owned()));
    }

    /// What every command of this system is told.
    pub fn environment(&self, command: &mut Command) {
        command
            .env("STELE_POSTGRES_URL", &self.postgres)
            .env("STELE_PASSWORD", PASSWORD)
            .env("STELE_NATS_URL", &self.nats)
            .env("STELE_PREFIX", &self.prefix)
            .env("STELE_ISSUER_SEED", SEED)
            .env("STELE_FILES", self.files.path())
            .envs(self.options.iter().map(|(name, value)| (name, value)));
    }

    /// A superuser's connection to a service's database.
    pub async fn superuser(&self, service: &str) -> PgConnection {
        let options: PgConnectOptions = self.postgres.parse().expect("an address");
        let options = options.database(&format!("{}_{service}", self.prefix));
        PgConnection::connect_with(&options).await.expect("a connection")
    }

    /// `stele verify`: whether all is sound, and what it printed.
    pub async fn verify(&self) -> (bool, String) {
        let (sound, report) = self.tool(&["verify"], &[]).await;
        if !sound {
            // Shown where the test fails.
            eprintln!("{report}");
        }
        (sound, report)
    }

    /// A tool of the command line on these databases: whether it succeeded, and what it printed.
    pub async fn tool(&self, arguments: &[&str], variables: &[(&str, &str)]) -> (bool, String) {
        let mut command = Command::new(STELE);
        command.args(arguments).kill_on_drop(true);
        self.environment(&mut command);
        let output = command.envs(variables.iter().copied()).output().await.expect("stele");
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output.status.success(), text)
    }

    /// Waits until every process can answer.
    pub async fn ready(&self) {
        for process in &self.processes {
            until("readiness", async || process.get("/readyz").await.is_some_and(|(status, _)| status == 200)).await;
        }
    }

    pub fn as_admin(&self) -> Client {
        self.with(self.token.clone())
    }

    pub fn with(&self, token: String) -> Client {
        Client { addresses: self.addresses.clone(), token, http: reqwest::Client::new() }
    }

    /// A new tenant's id.
    pub async fn tenant(&self, name: &str) -> String {
        let path = format!("/v1/organisations/{}/tenants", self.organisation);
        let made = self.as_admin().post(&path, json!({ "name": name })).await;
        assert_eq!(made.json["ready"], true, "{}", made.json);
        made.text("id")
    }

    /// Gives a person roles in a tenant, waits until every service knows, and gives them a token.
    pub async fn person(&self, tenant: &str, person: &str, roles: &[&str]) -> Client {
        let tokens = format!("/v1/organisations/{}/tokens", self.organisation);
        let token = self.as_admin().post(&tokens, json!({ "person": person })).await.text("token");
        if !roles.is_empty() {
            let path = format!("/v1/tenants/{tenant}/people/{person}");
            self.as_admin().put(&path, json!({ "roles": roles })).await;
            let client = self.with(token.clone());
            for path in ["risks", "controls", "notifications"] {
                let path = format!("/v1/tenants/{tenant}/{path}");
                until("the role to arrive", async || client.send(Method::GET, &path, None, &[]).await.status == 200)
                    .await;
            }
            // Not every role may read it.
            let trail = format!("/v1/tenants/{tenant}/trail");
            until("the role to arrive", async || client.send(Method::GET, &trail, None, &[]).await.status != 404).await;
        }
        self.with(token)
    }
}

/// A test that fails tells what its processes told.
impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for line in self.log.lock().expect("the log").iter() {
                eprintln!("{}: {line}", self.address);
            }
        }
    }
}

impl Process {
    /// A request without a token.
    pub async fn get(&self, path: &str) -> Option<(u16, String)> {
        let response = reqwest::get(format!("http://{}{path}", self.address)).await.ok()?;
        let status = response.status().as_u16();
        Some((status, response.text().await.ok()?))
    }

    pub fn signal(&self, signal: &str) {
        let pid = self.child.id().expect("it runs").to_string();
        let status = std::process::Command::new("kill").args([signal, &pid]).status().expect("kill");
        assert!(status.success());
    }
}

/// Requests with one person's token.
#[derive(Clone)]
pub struct Client {
    addresses: HashMap<&'static str, SocketAddr>,
    pub token: String,
    http: reqwest::Client,
}

#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HashMap<String, String>,
    pub body: String,
    pub json: Value,
}

impl Answer {
    pub fn text(&self, field: &str) -> String {
        self.json[field].as_str().unwrap_or_else(|| panic!("no {field} in {}", self.body)).to_owned()
    }

    /// The problem's code and sentence.
    pub fn problem(&self) -> (String, String) {
        let code = self.json["type"].as_str().unwrap_or_default().rsplit(':').next().unwrap_or_default().to_owned();
        (code, self.json["detail"].as_str().unwrap_or_default().to_owned())
    }
}

impl Client {
    /// Where a path below a tenant or an organisation is answered.
    fn address(&self, path: &str) -> SocketAddr {
        let service = match path.split('/').nth(4).map(|part| part.split(['.', '?']).next().unwrap_or_default()) {
            _ if path.starts_with("/v1/organisations/") => "tenancy",
            Some("auditor-grants") if path.split('?').next().is_some_and(|path| path.ends_with("/looks")) => "audit",
            None
            | Some(
                "" | "people" | "permissions" | "roles" | "history" | "api-keys" | "auditor-grants" | "invitations"
                | "settings" | "state" | "offer" | "groups",
            ) => "tenancy",
            // Told apart by the register.
            Some("imports") => match path.split(['/', '?']).nth(5) {
                Some("people") => "tenancy",
                Some("assets" | "risks") => "risk",
                Some("findings") => "audit",
                _ => "controls",
            },
            Some(
                "methodology" | "assets" | "risks" | "quantifications" | "actions" | "reassessments" | "treatment-plan"
                | "heat-map" | "risk-trend" | "context" | "objectives" | "planned-changes" | "assessment-rounds"
                | "risk-proposals",
            ) => "risk",
            Some(
                "controls"
                | "evidence"
                | "soa"
                | "documents"
                | "mandatory-documents"
                | "suppliers"
                | "exceptions"
                | "competences"
                | "communications"
                | "files"
                | "frameworks"
                | "control-proposals",
            ) => "controls",
            Some("trail" | "findings") => "audit",
            Some("notifications" | "contacts") => "notifications",
            Some(other) => panic!("no service is known for {other}"),
        };
        *self.addresses.get(service).unwrap_or_else(|| panic!("{service} does not run"))
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None, &[]).await.success(path)
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Some(body.to_string()), &[]).await.success(path)
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PUT, path, Some(body.to_string()), &[]).await.success(path)
    }

    /// A table in place of the one before.
    pub async fn put_table(&self, path: &str, body: &str) -> Answer {
        self.send(Method::PUT, path, Some(body.to_owned()), &[("content-type", "text/csv")]).await.success(path)
    }

    pub async fn upload(&self, path: &str, body: String) -> Answer {
        self.send(Method::POST, path, Some(body), &[("content-type", "text/csv")]).await
    }

    /// Sends a file of text; gives its id.
    pub async fn file(&self, tenant: &str, name: &str, content: &str) -> String {
        let path = format!("/v1/tenants/{tenant}/files?name={name}");
        let sent = self.send(Method::POST, &path, Some(content.to_owned()), &[]).await;
        sent.success(&path).text("id")
    }

    /// Whatever comes back.
    pub async fn send(&self, method: Method, path: &str, body: Option<String>, headers: &[(&str, &str)]) -> Answer {
        self.try_send(method, path, body, headers).await.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// A file as it is.
    pub async fn bytes(&self, path: &str) -> Vec<u8> {
        let url = format!("http://{}{path}", self.address(path));
        let response = self.http.get(url).bearer_auth(&self.token).send().await.expect("an answer");
        assert!(response.status().is_success(), "{path}: {}", response.status());
        response.bytes().await.expect("a body").to_vec()
    }

    pub async fn try_send(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
        headers: &[(&str, &str)],
    ) -> Result<Answer, reqwest::Error> {
        let url = format!("http://{}{path}", self.address(path));
        let mut request = self.http.request(method, url).bearer_auth(&self.token);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = request.send().await?;
        let status = response.status();
        let headers = response.headers().iter();
        let headers =
            headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned())).collect();
        let body = response.text().await?;
        let json = serde_json::from_str(&body).unwrap_or_default();
        Ok(Answer { status, headers, body, json })
    }
}

impl Answer {
    fn success(self, path: &str) -> Self {
        assert!(self.status.is_success(), "{path}: {} {}", self.status, self.body);
        self
    }
}

/// `export NAME=value` lines.
pub fn variables(text: &str) -> HashMap<String, String> {
    text.lines()
        .filter_map(|line| line.strip_prefix("export ")?.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// Waits, a minute at most.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !holds().await {
        assert!(Instant::now() < deadline, "waited a minute for {what}");
        sleep(Duration::from_millis(30)).await;
    }
}

pub fn example(name: &str) -> String {
    std::fs::read_to_string(root().join("examples").join(name)).expect("an example")
}

/// The project's folder.
pub fn root() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the project")
}

/// A port that nothing listens on.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port()
}

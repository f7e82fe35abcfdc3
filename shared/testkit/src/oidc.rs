use reqwest::header::CONTENT_TYPE;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(60);

/// A real OpenID Connect provider (oidc-provider) for one test. It knows `mara`, `olga` and `ada`.
pub struct Oidc {
    port: u16,
    server: Option<Child>,
}

impl Oidc {
    /// Starts a provider on a free port.
    pub async fn start() -> Self {
        let mut provider = Self { port: 0, server: None };
        provider.start_again().await;
        provider
    }

    /// Starts it where it was, with other keys than before.
    pub async fn start_again(&mut self) {
        self.stop().await;
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut server = Command::new("node")
            .arg(here.join("oidc/server.js"))
            .arg(here.join("../../target/tools/oidc/node_modules"))
            .arg(self.port.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("node starts: ./dev test installs it");
        let mut told = String::new();
        let mut lines = BufReader::new(server.stdout.take().expect("its output"));
        timeout(PATIENCE, lines.read_line(&mut told)).await.expect("in time").expect("the provider says its port");
        self.port = told.trim().parse().expect("a port: the provider did not start, its error stands above");
        self.server = Some(server);
    }

    pub async fn stop(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill().await.expect("it ends");
        }
    }

    pub fn issuer(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What an installation is told that trusts it for the people of an organisation.
    pub fn trusted(&self, organisation: &str) -> String {
        let issuer = self.issuer();
        format!(r#"[{{"issuer": "{issuer}", "audience": "stele", "organisation": "{organisation}"}}]"#)
    }

    /// A token of `subject` for this audience, signed by this algorithm, good for so many seconds.
    pub async fn token(&self, subject: &str, audience: &str, algorithm: &str, seconds: u32) -> String {
        let form = format!("grant_type=client_credentials&resource=urn:{audience}:{algorithm}:{seconds}");
        let request = reqwest::Client::new()
            .post(format!("{}/token", self.issuer()))
            .basic_auth(subject, Some("throwaway"))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form);
        let answer = request.send().await.expect("answered").text().await.expect("read");
        let token = answer.split(r#""access_token":""#).nth(1).and_then(|rest| rest.split('"').next());
        token.unwrap_or_else(|| panic!("no token: {answer}")).to_owned()
    }
}

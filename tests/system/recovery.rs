//! The runbook of docs/backup.md, carried out: an installation is lost, and brought back to a moment.

use crate::document::{blocks, shell};
use crate::system::until;
use crate::up::{Up, folder};
use async_nats::jetstream;
use futures::TryStreamExt;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

const RUNBOOK: &str = "docs/backup.md";

pub struct Installation {
    _folder: TempDir,
    pub data: PathBuf,
    pub backup: PathBuf,
}

impl Installation {
    pub fn new() -> Self {
        let folder = folder();
        let (data, backup) = (folder.path().join("data"), folder.path().join("backup"));
        Self { _folder: folder, data, backup }
    }

    /// The runbook's block number `index` below a heading.
    pub async fn carry_out(&self, heading: &str, index: usize, more: &[(&str, &Path)]) -> String {
        let blocks = blocks(RUNBOOK, heading, "sh");
        let variables = [&[("STELE_DATA", self.data.as_path()), ("BACKUP", &self.backup)], more].concat();
        let output = shell(&blocks[index], &variables).await;
        let printed = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}\n{printed}", blocks[index]);
        printed
    }

    pub fn running(&self) -> Value {
        let text = std::fs::read_to_string(self.data.join("running.json")).expect("it runs");
        serde_json::from_str(&text).expect("JSON")
    }

    pub async fn now(&self) -> String {
        let url = self.running()["postgres"].as_str().expect("an address").to_owned();
        let mut connection = PgConnection::connect(&url).await.expect("a connection");
        sqlx::query_scalar("select clock_timestamp()::text").fetch_one(&mut connection).await.expect("an instant")
    }

    async fn jetstream(&self) -> jetstream::Context {
        let address: async_nats::ServerAddr =
            self.running()["nats"].as_str().expect("an address").parse().expect("an address");
        let (user, password) = (address.username().expect("a user"), address.password().expect("a password"));
        let options = async_nats::ConnectOptions::with_user_and_password(user.to_owned(), password.to_owned());
        jetstream::new(options.connect(address).await.expect("connected"))
    }

    /// Everything stops at once, and JetStream forgets who has heard what.
    async fn lose(&self, mut up: Up) {
        let jetstream = self.jetstream().await;
        let streams: Vec<String> = jetstream.stream_names().try_collect().await.expect("streams");
        assert_eq!(streams.len(), 5, "{streams:?}");
        for name in streams {
            let stream = jetstream.get_stream(name).await.expect("a stream");
            let consumers: Vec<String> = stream.consumer_names().try_collect().await.expect("consumers");
            for consumer in consumers {
                stream.delete_consumer(&consumer).await.expect("deleted");
            }
        }
        up.child.start_kill().expect("it ran");
        up.child.wait().await.expect("it ended");
        let lock = self.data.join("postgres/data/postmaster.pid");
        let pid = std::fs::read_to_string(&lock).expect("PostgreSQL runs").lines().next().expect("a number").to_owned();
        assert!(Command::new("kill").args(["-QUIT", &pid]).status().expect("kill").success());
        until("PostgreSQL to be gone", async || !Path::new("/proc").join(&pid).exists()).await;
    }

    /// Every message was heard by every consumer.
    async fn until_all_is_heard(&self) {
        let jetstream = self.jetstream().await;
        until("all messages to be heard", async || {
            let names: Vec<String> = jetstream.stream_names().try_collect().await.expect("streams");
            for name in names {
                let stream = jetstream.get_stream(name).await.expect("a stream");
                let consumers: Vec<_> = stream.consumers().try_collect().await.expect("consumers");
                if consumers.is_empty() || consumers.iter().any(|one| one.num_pending > 0 || one.num_ack_pending > 0) {
                    return false;
                }
            }
            true
        })
        .await;
    }
}

/// What the tenant shows, of each service.
async fn shown(up: &Up, tenant: &str) -> Vec<Value> {
    let mut shown = Vec::new();
    for path in ["risks?limit=1000", "controls?limit=1000", "soa", "people"] {
        shown.push(up.get(&format!("/v1/tenants/{tenant}/{path}")).await);
    }
    shown
}

async fn treat(up: &Up, tenant: &str, risk: &str, control: &str) {
    let at = |tail: String| format!("/v1/tenants/{tenant}{tail}");
    let body = json!({"option": "mitigate", "controls": [control], "reason": "decided"});
    up.put(&at(format!("/risks/{risk}/treatment")), &body).await;
    until("the control to be required", async || {
        let required = up.get(&at(format!("/controls/{control}"))).await["required_by"].clone();
        required.as_array().into_iter().flatten().any(|by| by["risk"] == risk)
    })
    .await;
}

async fn trail(up: &Up, tenant: &str) -> Vec<Value> {
    let page = up.get(&format!("/v1/tenants/{tenant}/trail?service=risk&newest=true&limit=20")).await;
    page["items"].as_array().cloned().unwrap_or_default()
}

#[tokio::test]
async fn an_installation_is_lost_and_brought_back_to_an_instant() {
    let lost = Installation::new();
    let up = Up::start(&lost.data, &[]).await;
    lost.carry_out("Once", 0, &[]).await;
    up.stop().await;
    let up = Up::start(&lost.data, &[]).await;
    let tenants = format!("/v1/organisations/{}/tenants", up.variables["ORGANISATION"]);
    let made = up.post(&tenants, &json!({"name": "Larkspur"})).await;
    let tenant = made["id"].as_str().expect("an id").to_owned();
    let at = |tail: &str| format!("/v1/tenants/{tenant}{tail}");
    for n in 1..=3 {
        up.post(&at("/risks"), &json!({"ref": format!("R-{n}"), "name": "Fire"})).await;
        let assessed = json!({"stage": "inherent", "likelihood": 4, "impact": 4});
        up.post(&at(&format!("/risks/R-{n}/assessments")), &assessed).await;
    }
    let file = up.file(&at("/files?name=log.txt"), "abc").await;
    lost.carry_out("Every night", 0, &[]).await;
    lost.carry_out("Files", 0, &[]).await;

    treat(&up, &tenant, "R-1", "A.8.13").await;
    let before = shown(&up, &tenant).await;
    let instant = lost.now().await;
    treat(&up, &tenant, "R-2", "A.8.14").await;
    up.post(&at("/risks"), &json!({"ref": "R-9", "name": "What is undone"})).await;
    until("audit to have what will be undone", async || trail(&up, &tenant).await[0]["object"]["id"] == "R-9").await;
    let undone = trail(&up, &tenant).await;
    lost.lose(up).await;

    let base = std::fs::read_dir(lost.backup.join("base")).expect("a folder").next().expect("one").expect("an entry");
    lost.carry_out("Going back", 0, &[("INSTANT", Path::new(&instant)), ("BASE", Path::new(&base.file_name()))]).await;
    let (tenants, copies) = (lost.data.join("files"), lost.backup.join("files"));
    std::fs::remove_dir_all(&tenants).and_then(|()| std::fs::rename(copies, &tenants)).expect("the copy");
    assert!(tenants.join(&tenant).join(file).exists());
    let up = Up::start(&lost.data, &[]).await;
    let told = lost.carry_out("Going back", 1, &[]).await;
    assert!(told.contains("1 files read: sound"), "{told}");
    assert!(told.contains("every chain, view, copy and file agrees"), "{told}");
    assert_eq!(shown(&up, &tenant).await, before);
    assert_eq!(up.get(&at("/risks/R-9")).await["status"], 404);

    // JetStream still holds what was undone, and every consumer hears all of it again.
    lost.until_all_is_heard().await;
    let other = json!({"ref": "R-4", "name": "What was done instead"});
    up.post(&at("/risks"), &other).await;
    treat(&up, &tenant, "R-3", "A.8.15").await;
    until("audit to have what is new", async || {
        trail(&up, &tenant)
            .await
            .iter()
            .any(|event| event["type"] == "risk.treatment_decided" && event["object"]["id"] == "R-3")
    })
    .await;
    lost.until_all_is_heard().await;
    let verified = crate::up::run(&lost.data, &["verify"]).await;
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
    // Positions were given out again, to what stands there now.
    let anew = trail(&up, &tenant).await;
    let given_twice = undone.iter().filter(|event| {
        anew.iter().any(|other| other["position"] == event["position"] && other["hash"] != event["hash"])
    });
    assert!(given_twice.count() >= 2, "{undone:?}\n{anew:?}");
    assert!(anew.iter().all(|event| event["data"]["name"] != "What is undone"), "{anew:?}");
    up.stop().await;
}

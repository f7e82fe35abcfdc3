//! Who was erased is nowhere: not in the database's files, not in what is restored, not in exports, logs and messages.

use crate::recovery::Installation;
use crate::system::until;
use crate::up::{Up, run};
use flate2::read::GzDecoder;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use std::fmt::Write;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A first and a second name: both of them are in events.
const NAMES: [&str; 2] = ["Maralinda Kanarienvogel", "Maralinda Zaunkoenig"];
const ADDRESS: &str = "maralinda.kanarienvogel@larkspur.example.org";
const CLEAR: [&str; 3] = [NAMES[0], NAMES[1], ADDRESS];

/// What is looked for, as `grep` takes it.
enum Wanted<'a> {
    Text(&'a str),
    Bytes(&'a [u8]),
}

/// The files below a folder that have it, but for those below a folder called `without`.
fn files_with(folder: &Path, wanted: &Wanted, without: &str) -> Vec<String> {
    let mut grep = Command::new("grep");
    grep.env("LC_ALL", "C").args(["--recursive", "--files-with-matches", "--text"]);
    grep.arg(format!("--exclude-dir={without}"));
    match wanted {
        Wanted::Text(text) => grep.args(["--fixed-strings", "-e", text]),
        Wanted::Bytes(bytes) => {
            // A line that ends within them would not be found.
            let part = bytes.windows(10).find(|part| !part.contains(&0) && !part.contains(&b'\n')).expect("a part");
            let pattern = part.iter().fold(String::new(), |mut text, byte| {
                let _ = write!(text, "\\x{byte:02x}");
                text
            });
            grep.args(["--perl-regexp", "-e", &pattern])
        }
    };
    let found = grep.arg(folder).output().expect("grep");
    assert!(found.status.code().is_some_and(|code| code < 2), "{}", String::from_utf8_lossy(&found.stderr));
    String::from_utf8_lossy(&found.stdout).lines().map(ToOwned::to_owned).collect()
}

struct House {
    installation: Installation,
    organisation: String,
    tenant: String,
    /// At which she was known by her second name.
    known_at: i64,
}

impl House {
    /// An installation whose WAL is kept, with a person who is known in it by everything that there is.
    async fn start() -> (Self, Up) {
        let installation = Installation::new();
        let up = Up::start(&installation.data, &[]).await;
        installation.carry_out("Once", 0, &[]).await;
        up.stop().await;
        let up = Up::start(&installation.data, &[]).await;
        let organisation = up.variables["ORGANISATION"].clone();
        let made = up.post(&format!("/v1/organisations/{organisation}/tenants"), &json!({"name": "Larkspur"})).await;
        let tenant = made["id"].as_str().expect("an id").to_owned();
        let mut house = Self { installation, organisation, tenant, known_at: 0 };
        for name in NAMES {
            let known = up.put(&house.person(""), &json!({"name": name, "email": ADDRESS})).await;
            house.known_at = known["position"].as_i64().expect("a position");
        }
        up.put(&house.at("/people/mara"), &json!({"roles": ["risk_owner"]})).await;
        let contact = house.at("/contacts");
        until("notifications to know her", async || {
            up.get(&house.at("/trail?type=notification.raised")).await["items"][0].is_object()
        })
        .await;
        up.put(&format!("{contact}/mara"), &json!({"email": ADDRESS})).await;
        (house, up)
    }

    fn at(&self, tail: &str) -> String {
        format!("/v1/tenants/{}{tail}", self.tenant)
    }

    fn person(&self, tail: &str) -> String {
        format!("/v1/organisations/{}/people/mara{tail}", self.organisation)
    }

    async fn superuser(&self, service: &str) -> PgConnection {
        let url = self.installation.running()["postgres"].as_str().expect("an address").to_owned();
        let options: PgConnectOptions = url.parse().expect("an address");
        PgConnection::connect_with(&options.database(&format!("stele_{service}"))).await.expect("connected")
    }

    /// Those that tenancy and notifications have of her.
    async fn keys(&self) -> Vec<Vec<u8>> {
        let mut keys = Vec::new();
        for service in ["tenancy", "notifications"] {
            let key = sqlx::query_scalar("select key from person_keys where person = 'mara'");
            let key: Option<Vec<u8>> = key.fetch_one(&mut self.superuser(service).await).await.expect("a row");
            keys.extend(key);
        }
        keys
    }

    async fn written_out(&self) {
        sqlx::query("checkpoint").execute(&mut self.superuser("tenancy").await).await.expect("done");
    }

    /// Both partitions' archives, unpacked: one after the other.
    async fn exported(&self, name: &str) -> Vec<u8> {
        let mut all = Vec::new();
        for partition in [&self.organisation, &self.tenant] {
            let out = self.installation.data.join(format!("{name}-{partition}.tar.gz"));
            let path = out.display().to_string();
            let done = run(&self.installation.data, &["export", "--tenant", partition, "--out", &path]).await;
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
            GzDecoder::new(File::open(&out).expect("a file")).read_to_end(&mut all).expect("unpacked");
            std::fs::remove_file(out).expect("removed");
        }
        all
    }

    /// Nobody can read anything of her any more: her keys are in no file but PostgreSQL's log of the last minutes.
    async fn is_rid_of(&self, keys: &[Vec<u8>]) {
        self.installation.carry_out("Erasures", 1, &[]).await;
        let data = &self.installation.data;
        for key in keys {
            assert_eq!(files_with(data, &Wanted::Bytes(key), "pg_wal"), Vec::<String>::new());
        }
        for text in CLEAR {
            assert_eq!(files_with(data, &Wanted::Text(text), "nothing"), Vec::<String>::new());
        }
    }

    /// She is a pseudonym wherever she is shown, and nothing else changed.
    async fn shows_a_pseudonym(&self, up: &Up) {
        let shown = up.get(&self.person("")).await;
        assert_eq!((&shown["erased"], shown.get("email")), (&json!(true), None), "{shown}");
        let name = shown["name"].as_str().expect("a name");
        assert!(name.starts_with("person-") && name.len() == 15, "{name}");
        let before = up.get(&self.person(&format!("?as_of={}", self.known_at))).await;
        assert_eq!((&before["name"], &before["erased"]), (&json!(name), &json!(true)), "{before}");
        let history = up.get(&self.person("/history")).await;
        assert!(!history.to_string().contains("Maralinda") && history.to_string().contains(name), "{history}");
        until("her address to be gone", async || up.get(&self.at("/contacts")).await["items"] == json!([])).await;
        let people = up.get(&self.at("/people")).await;
        assert_eq!(people["items"][0]["person"], "mara", "{people}");
        let verified = run(&self.installation.data, &["verify"]).await;
        assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
    }
}

/// Where all that is archived of PostgreSQL's log is.
fn base(backup: &Path) -> PathBuf {
    let mut bases = std::fs::read_dir(backup.join("base")).expect("a folder");
    PathBuf::from(bases.next().expect("one").expect("an entry").file_name())
}

fn has(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

async fn delete(up: &Up, path: &str, body: &Value) -> u16 {
    status(up, Method::DELETE, path, body).await
}

async fn put(up: &Up, path: &str, body: &Value) -> u16 {
    status(up, Method::PUT, path, body).await
}

async fn status(up: &Up, method: Method, path: &str, body: &Value) -> u16 {
    let request = reqwest::Client::new().request(method, format!("{}{path}", up.variables["STELE"]));
    let answer = request.bearer_auth(&up.variables["TOKEN"]).json(body).send().await.expect("an answer");
    answer.status().as_u16()
}

#[tokio::test]
async fn who_was_erased_is_nowhere_and_stays_so_after_a_restore() {
    let (house, up) = House::start().await;
    let Installation { data, backup, .. } = &house.installation;
    assert_eq!(up.get(&house.person("")).await["name"], NAMES[1]);
    let book = up.get(&house.at("/contacts")).await;
    assert_eq!(book["items"][0]["email"], ADDRESS, "{book}");
    let keys = house.keys().await;
    let hexadecimal = keys.iter().map(|key| hex(key));
    let hexadecimal: Vec<String> = hexadecimal.collect();
    assert_eq!(keys.len(), 2);

    // The positive control: what can be found is found.
    house.written_out().await;
    for wanted in [Wanted::Bytes(&keys[0]), Wanted::Bytes(&keys[1]), Wanted::Text("person.registered")] {
        assert!(!files_with(data, &wanted, "pg_wal").is_empty());
    }
    // Before anything is erased, too, nothing is in the clear: in no table, log, message or archive.
    for text in CLEAR {
        assert_eq!(files_with(data, &Wanted::Text(text), "nothing"), Vec::<String>::new());
    }
    let archived = house.exported("before").await;
    assert!(hexadecimal.iter().all(|key| has(&archived, key)), "a restored organisation knows its people");
    assert!(CLEAR.iter().all(|text| !has(&archived, text)));

    house.installation.carry_out("Every night", 0, &[]).await;
    let instant = house.installation.now().await;
    assert_eq!(delete(&up, &house.person(""), &json!({})).await, 400, "a reason is asked for");
    assert_eq!(delete(&up, &house.person(""), &json!({"reason": "asked for it"})).await, 200);
    house.shows_a_pseudonym(&up).await;
    assert_eq!(house.keys().await, Vec::<Vec<u8>>::new());
    house.installation.carry_out("Erasures", 0, &[]).await;
    house.is_rid_of(&keys).await;
    let archived = house.exported("after").await;
    assert!(has(&archived, "person.erased"));
    for gone in CLEAR.into_iter().chain(hexadecimal.iter().map(String::as_str)) {
        assert!(!has(&archived, gone), "{gone}");
    }
    let contact = house.at("/contacts/mara");
    assert_eq!(put(&up, &contact, &json!({"email": ADDRESS})).await, 409, "no other address is taken for her handle");

    // What is restored from before it knows her, until the erasures are applied again.
    up.stop().await;
    let base = base(backup);
    house.installation.carry_out("Going back", 0, &[("INSTANT", Path::new(&instant)), ("BASE", &base)]).await;
    std::fs::remove_dir_all(data.join("postgres/damaged")).expect("removed");
    let up = Up::start(data, &[]).await;
    assert_eq!(up.get(&house.person("")).await["name"], NAMES[1]);
    let told = house.installation.carry_out("Erasures", 2, &[]).await;
    assert!(told.contains("1 were erased before, and 1 of them again now"), "{told}");
    house.shows_a_pseudonym(&up).await;
    house.is_rid_of(&keys).await;
    for text in CLEAR {
        assert_eq!(files_with(backup, &Wanted::Text(text), "nothing"), Vec::<String>::new());
    }
    let told = house.installation.carry_out("Erasures", 2, &[]).await;
    assert!(told.contains("1 were erased before, and 0 of them again now"), "{told}");
    up.stop().await;
}

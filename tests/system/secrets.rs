//! Secrets stay where they are used. Each is one that a test can recognise; everything that the system writes, says or sends is
//! searched for them, with the log at its most talkative, on the ways that go well and on those that do not.

use crate::system::{Client, PASSWORD, SEED, SERVICES, STELE, System, until};
use crate::up::{Up, folder, run};
use crate::wire::{Heard, overhear, text};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use std::process::Stdio;
use testkit::{Oidc, Smtp, servers};
use tokio::process::Command;

/// Everything but what frames and wakes: bytes on their way are not for a log.
const TALKATIVE: &str = "trace,h2=debug,mio=debug";

const MAIL: &str = "canary-mail-password";

/// What must be found nowhere, each with what it is.
type Secrets = Vec<(&'static str, String)>;

fn assert_free_of(secrets: &Secrets, place: &str, text: &str) {
    for (what, secret) in secrets {
        let found = text.lines().find(|line| line.contains(secret.as_str()));
        assert!(found.is_none(), "{what} is in {place}: {found:?}");
    }
}

/// The part of a token that makes it one.
fn signature(token: &str) -> String {
    token.rsplit('.').next().unwrap_or_default().to_owned()
}

/// Every row of every table of a service, as text.
async fn rows(system: &System, service: &str) -> String {
    let mut connection = system.superuser(service).await;
    let tables = "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname = 'public'";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut connection).await.expect("tables");
    assert!(tables.len() > 5, "{tables:?}");
    let mut text = String::new();
    for table in tables {
        let rows = format!("select coalesce(string_agg(t::text, E'\\n'), '') from {table} t");
        let rows: String = sqlx::query_scalar(AssertSqlSafe(rows)).fetch_one(&mut connection).await.expect("rows");
        text += &rows;
    }
    text
}

/// Requests that come with something secret and are refused; what they are told.
async fn refused(system: &System, tenant: &str, key: &str, foreign: &[String]) -> String {
    let mut told = Vec::new();
    let risks = format!("/v1/tenants/{tenant}/risks");
    let altered = format!("{}canary-altered", system.token);
    let broken = key[..key.len() - 1].to_owned() + if key.ends_with('0') { "1" } else { "0" };
    let bearers = [altered, broken, "canary-nonsense".to_owned(), format!("{key}canary-longer")];
    for token in bearers.iter().chain(foreign) {
        let answer = system.with(token.clone()).send(Method::GET, &risks, None, &[]).await;
        assert_eq!(answer.status, 401, "{}", answer.body);
        told.push(format!("{:?} {}", answer.headers, answer.body));
    }
    // A token in the wrong place is not repeated either.
    let admin = system.as_admin();
    for (path, headers) in [
        (format!("{risks}?access_token=canary-query"), vec![]),
        (risks.clone(), vec![("if-match", "canary-etag"), ("idempotency-key", "canary-key")]),
        (format!("/v1/tenants/canary-path/risks?token={}", system.token), vec![]),
    ] {
        let body = json!({"ref": "R-1", "password": "canary-field"}).to_string();
        let answer = admin.send(Method::POST, &path, Some(body), &headers).await;
        assert!(answer.status.is_client_error(), "{}", answer.body);
        told.push(format!("{:?} {}", answer.headers, answer.body));
    }
    told.join("\n")
}

/// Roles, an owner with an address, a key that is used and revoked, tokens: each way that a secret takes.
async fn worked(system: &System, tenant: &str) -> (String, Vec<String>) {
    let admin = system.as_admin();
    let at = |tail: &str| format!("/v1/tenants/{tenant}{tail}");
    let mara = system.person(tenant, "mara", &["isms_manager"]).await;
    mara.put(&at("/contacts/mara"), json!({"email": "mara@larkspur.example.org"})).await;
    let key = mara.post(&at("/api-keys"), json!({"name": "Import", "roles": ["risk_owner"]})).await;
    let program: Client = system.with(key.text("key"));
    until("the key", async || program.send(Method::GET, &at("/risks"), None, &[]).await.status == 200).await;
    program.post(&at("/risks"), json!({"ref": "R-1", "name": "Fire"})).await;
    admin.put(&at("/risks/R-1/owner"), json!({"owner": "mara"})).await;
    let raised = at("/trail?type=notification.raised");
    until("the owner to be told", async || admin.get(&raised).await.json["items"][0].is_object()).await;
    (key.text("key"), vec![signature(&mara.token)])
}

fn logged(system: &System) -> String {
    let logs = system.processes.iter().map(|process| process.log.lock().expect("the log").join("\n"));
    logs.collect::<Vec<_>>().join("\n")
}

fn wire(heard: &Heard) -> String {
    heard.lock().expect("what was heard").iter().map(|message| text(message) + "\n").collect()
}

#[tokio::test]
async fn secrets_reach_no_log_no_event_and_no_error() {
    let provider = Oidc::start().await;
    let smtp = Smtp::start().await;
    let mail = format!("smtp://canary:{MAIL}@{}", smtp.address());
    let (postgres, nats) = (servers::postgres_admin_url(), servers::nats_url());
    let options = [("STELE_LOG", TALKATIVE), ("STELE_SMTP", mail.as_str())];
    let mut system = System::migrated(&postgres, &nats, &options).await;
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), provider.trusted(&system.organisation)).expect("written");
    system.set("STELE_PROVIDERS", file.path().to_str().expect("a path"));
    let heard = overhear(&system.prefix).await;
    system.serve(&SERVICES).await;
    system.ready().await;
    let tenant = system.tenant("Larkspur").await;

    let identities = format!("/v1/organisations/{}/identities", system.organisation);
    let link = json!({"issuer": provider.issuer(), "subject": "mara", "person": "mara"});
    let (key, mut signatures) = worked(&system, &tenant).await;
    system.as_admin().post(&identities, link).await;
    let login = provider.token("mara", "stele", "ES256", 600).await;
    let foreign =
        [provider.token("mara", "others", "ES256", 600).await, provider.token("olga", "stele", "RS256", 600).await];
    let mara = system.with(login.clone());
    let risks = format!("/v1/tenants/{tenant}/risks");
    until("mara", async || mara.send(Method::GET, &risks, None, &[]).await.status == 200).await;
    let told = refused(&system, &tenant, &key, &foreign).await;

    signatures.extend([&login, &foreign[0], &foreign[1], &system.token].map(|token| signature(token)));
    let password = nats.split_once("stele:").and_then(|(_, rest)| rest.split_once('@')).expect("a password").0;
    let mut secrets: Secrets = vec![
        ("the password of the databases", PASSWORD.to_owned()),
        ("the password of NATS", password.to_owned()),
        ("the issuer's seed", SEED.to_owned()),
        ("the password of the mail server", MAIL.to_owned()),
        ("an API key's secret", key[key.len() - 72..key.len() - 8].to_owned()),
        ("a refused bearer token", "canary-nonsense".to_owned()),
        ("an altered bearer token", "canary-altered".to_owned()),
        ("a lengthened API key", "canary-longer".to_owned()),
        ("a token in the query", "canary-query".to_owned()),
        ("a password in a body", "canary-field".to_owned()),
    ];
    secrets.extend(signatures.into_iter().map(|signature| ("a token's signature", signature)));

    until("the log to be written", async || logged(&system).contains("canary-path")).await;
    let log = logged(&system);
    assert!(log.contains(r#""level":"TRACE""#) && log.contains(r#""level":"DEBUG""#), "it is not talkative");
    assert_free_of(&secrets, "the log", &log);
    assert_free_of(&secrets, "what the refused were told", &told);
    let wire = wire(&heard);
    assert!(wire.contains("risk.identified"), "{wire}");
    assert_free_of(&secrets, "what went over NATS", &wire);
    for service in SERVICES {
        let rows = rows(&system, service).await;
        assert!(rows.contains(&tenant), "{service} has no rows");
        assert_free_of(&secrets, &format!("the database of {service}"), &rows);
    }
    for path in ["/metrics", "/readyz", "/openapi.json"] {
        let (_, text) = system.processes[0].get(path).await.expect("answered");
        assert_free_of(&secrets, path, &text);
    }
    let trail: Value = system.as_admin().get(&format!("/v1/tenants/{tenant}/trail?limit=1000")).await.json;
    assert_free_of(&secrets, "the trail", &trail.to_string());
}

/// An address or a key that is wrong is told without what is secret in it.
#[tokio::test]
async fn what_is_wrong_with_a_setting_is_told_without_its_secret() {
    let system = System::migrated(&servers::postgres_admin_url(), &servers::nats_url(), &[]).await;
    // Whoever copies more than is asked for from a provider's settings.
    let providers = tempfile::NamedTempFile::new().expect("a file");
    let copied = r#"[{"issuer": "https://id.example.org", "audience": "stele", "client_secret": "canary-secret"}]"#;
    std::fs::write(providers.path(), copied).expect("written");
    for (name, value) in [
        ("STELE_POSTGRES_URL", "postgres://stele:canary-secret@127.0.0.1:notaport/"),
        ("STELE_POSTGRES_URL", "canary-secret"),
        ("STELE_NATS_URL", "nats://stele:canary-secret@[127.0.0.1"),
        ("STELE_SMTP", "smtp://stele:canary-secret@:port"),
        ("STELE_SMTP", "canary-secret"),
        ("STELE_ISSUER_SEED", "canary-secret"),
        ("STELE_PROVIDERS", providers.path().to_str().expect("a path")),
    ] {
        let mut command = Command::new(STELE);
        command.arg("serve").args(SERVICES).env("STELE_LISTEN", "127.0.0.1:0").env("STELE_LOG", TALKATIVE);
        system.environment(&mut command);
        command.env(name, value).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        // One that goes on trying is asked for what it has said by then.
        let mut child = command.spawn().expect("stele serve");
        let ended = tokio::time::timeout(std::time::Duration::from_secs(5), child.wait()).await;
        if ended.is_err() {
            child.start_kill().expect("killed");
        }
        let output = child.wait_with_output().await.expect("its words");
        let told = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(!told.is_empty(), "{name} {value}: it said nothing");
        let found = told.lines().find(|line| line.contains("canary-secret"));
        assert!(found.is_none(), "{name}: {found:?}");
    }
}

/// `stele up` makes its secrets itself, and gives the databases' logins their password.
#[tokio::test]
async fn what_up_keeps_for_itself_is_in_its_folder_and_in_no_log() {
    let folder = folder();
    let data = folder.path().join("data");
    let up = Up::start_with(&data, &[], &[("STELE_LOG", TALKATIVE)]).await;
    let text = std::fs::read_to_string(data.join("secrets.json")).expect("its secrets");
    let kept: Value = serde_json::from_str(&text).expect("JSON");
    let nats = std::fs::read_to_string(data.join("nats/nats.conf")).expect("its configuration");
    let nats = nats.split("password: \"").nth(1).and_then(|rest| rest.split('"').next()).expect("a password");
    let secrets: Secrets = vec![
        ("the password of the databases", kept["password"].as_str().expect("one").to_owned()),
        ("the issuer's seed", kept["issuer_seed"].as_str().expect("one").to_owned()),
        ("the password of NATS", nats.to_owned()),
        ("the token's signature", signature(&up.variables["TOKEN"])),
    ];
    assert!(run(&data, &["verify"]).await.status.success());
    up.stop().await;
    let mut seen = 0;
    let logs = std::fs::read_dir(data.join("log")).expect("the log").map(|file| file.expect("a file").path());
    for log in logs {
        let text = std::fs::read_to_string(&log).expect("text");
        seen += text.lines().filter(|line| line.contains("DEBUG")).count();
        assert_free_of(&secrets, &log.display().to_string(), &text);
    }
    assert!(seen > 100, "only {seen} lines were searched");
}

//! Nothing that was acknowledged is lost, whatever is killed: the process at random moments, and NATS and PostgreSQL.

use crate::system::{Client, Process, SERVICES, System, example, free_port, until};
use embedded::{Durability, Pair};
use reqwest::Method;
use serde_json::json;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use std::collections::BTreeMap;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

const KILLS: u32 = 32;
const WRITERS: u64 = 6;

fn kill_9(pid: u32) {
    let status = Command::new("kill").args(["-9", &pid.to_string()]).status().expect("kill");
    assert!(status.success(), "process {pid} was gone already");
}

#[derive(Default)]
struct Told {
    /// Idempotency-Keys that were acknowledged, with the tenant of each.
    acknowledged: Mutex<BTreeMap<String, String>>,
    interrupted: AtomicUsize,
    repeated: AtomicUsize,
    done: AtomicBool,
}

/// Sends each command until it is acknowledged, always with the same key.
async fn write(clients: Vec<(String, Client)>, writer: u64, told: Arc<Told>) {
    let mut random = fastrand::Rng::with_seed(writer);
    for number in 0_u64.. {
        if told.done.load(Ordering::SeqCst) {
            return;
        }
        let (tenant, client) = random.choice(&clients).expect("a tenant");
        let kind = random.u8(0..3);
        let key = format!("writer-{writer}-{number}{}", if kind == 1 { "-treatment" } else { "" });
        let (method, tail, body) = match kind {
            0 => {
                let body = json!({"title": key, "note": "seen", "supports": ["A.8.13", "A.5.23"]});
                (Method::POST, "/evidence".to_owned(), body)
            }
            1 => {
                let control = if random.bool() { "A.8.13" } else { "A.5.23" };
                let body = json!({"option": "mitigate", "controls": [control], "reason": key});
                (Method::PUT, format!("/risks/R-{}/treatment", random.u8(1..6)), body)
            }
            _ => {
                let body = json!({"stage": "current", "likelihood": random.u8(1..6), "impact": random.u8(1..6), "rationale": key});
                (Method::POST, format!("/risks/R-{}/assessments", random.u8(1..6)), body)
            }
        };
        let path = format!("/v1/tenants/{tenant}{tail}");
        let deadline = Instant::now() + Duration::from_mins(2);
        loop {
            assert!(Instant::now() < deadline, "{key} was not acknowledged in two minutes");
            let headers = [("idempotency-key", key.as_str())];
            let sent = client.try_send(method.clone(), &path, Some(body.to_string()), &headers);
            match timeout(Duration::from_secs(20), sent).await {
                Ok(Ok(answer)) if answer.status.is_success() => {
                    if answer.headers.contains_key("idempotency-replayed") {
                        told.repeated.fetch_add(1, Ordering::SeqCst);
                    }
                    told.acknowledged.lock().expect("keys").insert(key.clone(), tenant.clone());
                    break;
                }
                Ok(Ok(answer)) if answer.status == 503 || answer.problem().0 == "busy" => {}
                Ok(Ok(answer)) => panic!("{key}: {} {}", answer.status, answer.body),
                // Nothing listened: nothing was interrupted.
                Ok(Err(error)) if error.is_connect() => {}
                Ok(Err(_)) | Err(_) => {
                    told.interrupted.fetch_add(1, Ordering::SeqCst);
                }
            }
            sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn rows<T>(pair: &Pair, prefix: &str, service: &str, query: &'static str) -> Vec<T>
where
    T: for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow> + Send + Unpin,
{
    let options: PgConnectOptions = pair.postgres.admin_url().parse().expect("an address");
    let mut connection =
        PgConnection::connect_with(&options.database(&format!("{prefix}_{service}"))).await.expect("a connection");
    let rows = sqlx::query_as(query).fetch_all(&mut connection).await.expect("rows");
    connection.close().await.expect("closed");
    rows
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_by_kills_of_the_process_nats_and_postgresql() {
    let folder = tempfile::Builder::new().prefix("stele-faults-").tempdir().expect("a folder");
    let pair = Pair::start(folder.path(), Durability::Fsync).await.expect("servers");
    let mut system = System::migrated(&pair.postgres.admin_url(), &pair.nats.url(), &[]).await;
    let address = format!("127.0.0.1:{}", free_port());
    system.serve_on(&SERVICES, &address).await;
    system.ready().await;
    let mut tenants = Vec::new();
    for name in ["One", "Two"] {
        let tenant = system.tenant(name).await;
        let at = |tail: &str| format!("/v1/tenants/{tenant}{tail}");
        for (path, file) in [("/imports/assets", "assets.csv"), ("/imports/risks", "risks.csv")] {
            let answer = system.as_admin().upload(&at(path), example(file)).await;
            assert_eq!(answer.status, 200, "{}", answer.body);
        }
        tenants.push(tenant);
    }

    let told = Arc::new(Told::default());
    let mut killed = system.processes.pop().expect("the process");
    let clients: Vec<_> = tenants.iter().map(|tenant| (tenant.clone(), system.as_admin())).collect();
    let writers: Vec<_> =
        (0..WRITERS).map(|writer| tokio::spawn(write(clients.clone(), writer, told.clone()))).collect();

    kill_again_and_again(&pair, &system, &address, &mut killed).await;
    // On a busy machine the writers get less done between the kills: they go on until there is enough to look at.
    until("a hundred commands", async || told.acknowledged.lock().expect("keys").len() > 100).await;
    told.done.store(true, Ordering::SeqCst);
    for writer in writers {
        writer.await.expect("a writer");
    }

    let acknowledged = told.acknowledged.lock().expect("keys").clone();
    let (interrupted, repeated) = (told.interrupted.load(Ordering::SeqCst), told.repeated.load(Ordering::SeqCst));
    println!("{} commands acknowledged, {interrupted} interrupted, {repeated} answered again", acknowledged.len());
    // The positive control: the kills did hit requests.
    assert!(acknowledged.len() > 100 && interrupted >= 30, "{} {interrupted}", acknowledged.len());

    each_acknowledged_command_is_stored_once(&pair, &system.prefix, &acknowledged).await;
    every_event_is_held_once(&pair, &system.prefix).await;
    until("the views", async || {
        killed.get("/metrics").await.is_some_and(|(_, text)| {
            let mut lags = text.lines().filter(|line| line.starts_with("stele_view_lag_events{")).peekable();
            lags.peek().is_some() && lags.all(|line| line.ends_with(" 0"))
        })
    })
    .await;
    let (sound, report) = system.verify().await;
    assert!(sound, "{report}");
    killed.child.start_kill().expect("it ran");
    killed.child.wait().await.expect("it ended");
    pair.stop().await.expect("stopped");
}

/// Kills the process, and now and then NATS or PostgreSQL before it, and starts it again.
async fn kill_again_and_again(pair: &Pair, system: &System, address: &str, killed: &mut Process) {
    let mut random = fastrand::Rng::with_seed(27001);
    for kill in 1..=KILLS {
        sleep(Duration::from_millis(random.u64(100..1500))).await;
        if kill % 8 == 3 {
            kill_9(pair.nats.state().pid.expect("NATS runs"));
            sleep(Duration::from_millis(random.u64(0..300))).await;
        }
        if kill % 8 == 6 {
            kill_9(pair.postgres.state().pid.expect("PostgreSQL runs"));
            sleep(Duration::from_millis(random.u64(0..300))).await;
        }
        killed.child.start_kill().expect("it ran");
        killed.child.wait().await.expect("it ended");
        until("both servers", async || pair.healthy()).await;
        let mut next = system.apart();
        next.serve_on(&SERVICES, address).await;
        *killed = next.processes.pop().expect("the process");
        // Every fourth time it may be killed while it starts.
        if kill % 4 != 0 {
            until("readiness", async || killed.get("/readyz").await.is_some_and(|(status, _)| status == 200)).await;
        }
    }
}

async fn each_acknowledged_command_is_stored_once(pair: &Pair, prefix: &str, acknowledged: &BTreeMap<String, String>) {
    let mut stored: BTreeMap<String, String> = BTreeMap::new();
    for service in ["risk", "controls"] {
        // Each command with how often it was carried out: its own event of the kind that it always causes.
        let query = "select c.command_id, c.tenant_id::text, count(e.position)
             from commands c left join events e on e.tenant_id = c.tenant_id
                  and e.body::jsonb #>> '{metadata,command_id}' = c.command_id
                  and e.event_type in ('risk.assessed', 'evidence.collected')
             where c.command_id like 'writer-%' group by 1, 2";
        let commands: Vec<(String, String, i64)> = rows(pair, prefix, service, query).await;
        for (key, tenant, carried_out) in commands {
            // A treatment that is as it was already causes none.
            let expected = i64::from(!key.ends_with("-treatment"));
            assert_eq!(carried_out, expected, "{key} was carried out so often");
            assert!(stored.insert(key.clone(), tenant).is_none(), "{key} is in two stores");
        }
    }
    for (key, tenant) in acknowledged {
        assert_eq!(stored.get(key), Some(tenant), "{key} was acknowledged and is not stored");
    }
}

/// Waits until the audit service holds everything, and no event twice or out of its row.
async fn every_event_is_held_once(pair: &Pair, prefix: &str) {
    let deadline = Instant::now() + Duration::from_mins(2);
    loop {
        let mut heads: BTreeMap<(String, String), i64> = BTreeMap::new();
        for service in SERVICES {
            let known: Vec<(String, i64)> =
                rows(pair, prefix, service, "select tenant_id::text, position from heads where position > 0").await;
            heads.extend(known.into_iter().map(|(tenant, position)| ((service.to_owned(), tenant), position)));
        }
        let held: Vec<(String, String, i64, i64, i64)> = rows(
            pair,
            prefix,
            "audit",
            "select source, tenant_id::text, count(*), max(position), count(distinct position) from trail group by 1, 2",
        )
        .await;
        for (source, tenant, count, last, distinct) in &held {
            assert_eq!((count, distinct), (last, last), "{source} of {tenant} is held with gaps or twice");
        }
        let held: BTreeMap<_, _> =
            held.into_iter().map(|(source, tenant, count, ..)| ((source, tenant), count)).collect();
        if held == heads {
            break;
        }
        assert!(Instant::now() < deadline, "audit holds {held:?} of {heads:?}");
        sleep(Duration::from_millis(200)).await;
    }
}

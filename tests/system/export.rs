//! A tenant is taken out of one installation and restored in another: whole, while everybody works, after a crash, by another
//! owner.

use crate::document::{blocks, shell};
use crate::system::{Client, SERVICES, System, example, root, until};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use testkit::{Smtp, servers};

/// An archive's files, in their order.
pub type Files = Vec<(String, Vec<u8>)>;

pub fn files(archive: &Path) -> Files {
    let mut tar = tar::Archive::new(GzDecoder::new(File::open(archive).expect("an archive")));
    let entries = tar.entries().expect("entries");
    entries
        .map(|entry| {
            let mut entry = entry.expect("an entry");
            let mut content = Vec::new();
            entry.read_to_end(&mut content).expect("its content");
            (entry.path().expect("a path").display().to_string(), content)
        })
        .collect()
}

pub fn pack(files: &[(String, Vec<u8>)], archive: &Path) {
    let mut tar = tar::Builder::new(GzEncoder::new(File::create(archive).expect("a file"), Compression::fast()));
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(u64::try_from(content.len()).expect("a size"));
        tar.append_data(&mut header, name, content.as_slice()).expect("appended");
    }
    tar.into_inner().and_then(GzEncoder::finish).expect("written");
}

pub async fn export(system: &System, tenant: &str, out: &Path) {
    let out = out.display().to_string();
    let (done, told) = system.tool(&["export", "--tenant", tenant, "--out", &out], &[]).await;
    assert!(done, "{told}");
}

pub async fn import(system: &System, archive: &Path) -> (bool, String) {
    system.tool(&["import", &archive.display().to_string()], &[]).await
}

async fn import_with_mails(system: &System, archive: &Path) -> (bool, String) {
    system.tool(&["import", "--with-mails", &archive.display().to_string()], &[]).await
}

/// The same servers, other databases and subjects, and nobody's tenant.
async fn elsewhere() -> System {
    let mut system = System::migrated(&servers::postgres_admin_url(), &servers::nats_url(), &[]).await;
    system.serve(&SERVICES).await;
    system.ready().await;
    system
}

/// Registers, decisions, people, an address, and a mail that nobody takes.
pub async fn work(system: &System, tenant: &str) {
    let at = |tail: &str| format!("/v1/tenants/{tenant}{tail}");
    let admin = system.as_admin();
    for (path, file) in [("/imports/assets", "assets.csv"), ("/imports/risks", "risks.csv")] {
        assert_eq!(admin.upload(&at(path), example(file)).await.status, 200);
    }
    let olga = system.person(tenant, "olga", &["risk_owner"]).await;
    admin.put(&at("/contacts/olga"), json!({"email": "olga@larkspur.example.org"})).await;
    for risk in ["R-7", "R-8"] {
        admin.put(&at(&format!("/risks/{risk}/owner")), json!({"owner": "olga"})).await;
        let treatment = json!({"option": "mitigate", "controls": ["A.8.13"], "reason": "Über 50 % \"sure\"\n因"});
        admin.put(&at(&format!("/risks/{risk}/treatment")), treatment).await;
    }
    let evidence = json!({"title": "Restore test", "note": "It came back", "supports": ["A.8.13"]}).to_string();
    let headers = [("idempotency-key", "evidence 1")];
    assert_eq!(admin.send(Method::POST, &at("/evidence"), Some(evidence), &headers).await.status, 201);
    admin.put(&at("/controls/A.8.13/implementation"), json!({"state": "implemented", "how": "Nightly"})).await;
    until("olga to be told", async || {
        let inbox = olga.get(&at("/notifications")).await.json["items"].clone();
        inbox.as_array().is_some_and(|items| items.len() >= 4)
    })
    .await;
    until("the risk to show its control", async || {
        let controls = admin.get(&at("/risks/R-7")).await.json["controls"].clone();
        controls.as_array().into_iter().flatten().any(|control| control["state"] == "implemented")
    })
    .await;
}

/// What the tenant shows as of one position of each service's log, and who did what.
async fn shown(client: &Client, tenant: &str, positions: &BTreeMap<&str, Vec<i64>>) -> Vec<String> {
    let mut shown = Vec::new();
    for (service, paths) in [
        ("risk", ["risks?limit=1000&", "assets?limit=1000&", "risks/R-7?", "methodology?"].as_slice()),
        ("controls", &["controls?limit=1000&", "soa?", "evidence?"]),
        ("tenancy", &["people?", "?"]),
    ] {
        for position in &positions[service] {
            for path in paths {
                let path = format!("/v1/tenants/{tenant}/{path}as_of={position}").replace("/?", "?");
                shown.push(client.send(Method::GET, &path, None, &[]).await.body);
            }
        }
    }
    for path in ["risks/R-7/history", "controls/A.8.13/history", "roles/history", "contacts"] {
        let mut answer = client.get(&format!("/v1/tenants/{tenant}/{path}")).await.json;
        answer["position"] = Value::Null;
        shown.push(answer.to_string());
    }
    for number in [1, 50, 200] {
        shown.push(client.get(&format!("/v1/tenants/{tenant}/trail?as_of={number}&limit=1000")).await.body);
    }
    shown
}

/// Where each service's log is, and some places before that.
async fn positions(system: &System, tenant: &str) -> BTreeMap<&'static str, Vec<i64>> {
    let mut positions = BTreeMap::new();
    for service in SERVICES {
        let heads = format!("select position from heads where tenant_id = '{tenant}'");
        let last = numbers(system, service, &heads).await.first().copied().unwrap_or_default();
        positions.insert(service, vec![1, last / 3, last / 2, last]);
    }
    positions
}

/// The same once nothing more follows from what was done: tenancy hears of it a moment later.
async fn positions_at_rest(system: &System, tenant: &str) -> BTreeMap<&'static str, Vec<i64>> {
    loop {
        let seen = positions(system, tenant).await;
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        if positions(system, tenant).await == seen {
            return seen;
        }
    }
}

pub async fn numbers(system: &System, service: &str, query: &str) -> Vec<i64> {
    let mut connection = system.superuser(service).await;
    let numbers =
        sqlx::query_scalar(AssertSqlSafe(query.to_owned())).fetch_all(&mut connection).await.expect("numbers");
    connection.close().await.expect("closed");
    numbers
}

async fn until_sound(system: &System, tenant: &str) {
    until("audit and the views to follow", async || {
        let (_, report) = system.tool(&["verify", "--tenant", tenant], &[]).await;
        report.lines().filter_map(crate::crash_points::counted).all(|(events, held)| events == held)
    })
    .await;
    let (sound, report) = system.tool(&["verify", "--tenant", tenant], &[]).await;
    assert!(sound, "{report}");
}

#[tokio::test]
async fn a_tenant_is_restored_elsewhere_and_is_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let smtp = format!("smtp://{}", Smtp::nobody().await);
    let mut here = System::start_with(&[("STELE_SMTP", &smtp)]).await;
    let tenant = here.tenant("Larkspur").await;
    work(&here, &tenant).await;
    let positions = positions_at_rest(&here, &tenant).await;
    let before = shown(&here.as_admin(), &tenant, &positions).await;
    let (archive, organisation) = (folder.path().join("tenant.tar.gz"), folder.path().join("organisation.tar.gz"));
    export(&here, &tenant, &archive).await;
    export(&here, &here.organisation, &organisation).await;
    assert_eq!(
        fs::metadata(&archive).map(|file| std::os::unix::fs::PermissionsExt::mode(&file.permissions()) & 0o777).ok(),
        Some(0o600)
    );
    let waiting = format!("select count(*) from deliveries where tenant_id = '{tenant}'");
    assert!(numbers(&here, "notifications", &waiting).await[0] > 0, "a mail waits");

    // Anybody can recompute the chain.
    let check = folder.path().join("check.py");
    fs::write(&check, &blocks("docs/export.md", "Checking it", "python")[0]).expect("written");
    let checked = shell("python3 \"$CHECK\" \"$ARCHIVE\"", &[("CHECK", &check), ("ARCHIVE", &archive)]).await;
    let printed = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    for service in SERVICES {
        let line = format!("{service} {} ", positions[service][3]);
        assert!(printed.lines().any(|told| told.starts_with(&line)), "{line} is not in\n{printed}");
    }

    // The import dies twice, while the services run; another archive of the tenant is refused meanwhile.
    here.processes.clear();
    let later = folder.path().join("later.tar.gz");
    export(&here, &tenant, &later).await;
    let mut there = elsewhere().await;
    for service in ["risk", "audit"] {
        let crash = format!("{service}:restored");
        let arguments = ["import", &archive.display().to_string()];
        let (done, told) = there.tool(&arguments, &[("STELE_CRASH_AT", &crash)]).await;
        assert!(!done, "{told}");
        let (done, told) = import(&there, &later).await;
        assert!(!done && told.contains("nothing was written") && told.contains("has not ended"), "{told}");
    }
    // Long enough for each consumer to compare with its sources.
    tokio::time::sleep(std::time::Duration::from_secs(6)).await;
    let (done, told) = import_with_mails(&there, &archive).await;
    assert!(done && told.contains("is not here, so nobody is let in"), "{told}");
    let (done, told) = import(&there, &archive).await;
    assert!(!done && told.contains("is here already"), "{told}");
    assert_eq!(numbers(&there, "notifications", &waiting).await, numbers(&here, "notifications", &waiting).await);
    until_sound(&there, &tenant).await;

    // The organisation comes too, and its administrator has a token of the new installation.
    let (done, told) = import(&there, &organisation).await;
    assert!(done, "{told}");
    let (done, told) = there.tool(&["token", "--organisation", &here.organisation], &[]).await;
    assert!(done, "{told}");
    there.organisation.clone_from(&here.organisation);
    there.token = crate::system::variables(&told)["TOKEN"].clone();
    let admin = there.as_admin();
    let listed = format!("/v1/organisations/{}/tenants", there.organisation);
    until("the restored views", async || {
        admin.send(Method::GET, &listed, None, &[]).await.json["items"][0]["id"] == tenant.as_str()
            && admin.send(Method::GET, &format!("/v1/tenants/{tenant}/contacts"), None, &[]).await.status == 200
    })
    .await;
    let after = shown(&admin, &tenant, &positions).await;
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before, after);
    }

    // It goes on there: an old key is answered as before, and what is new flows through all services.
    let at = |tail: &str| format!("/v1/tenants/{tenant}{tail}");
    let evidence = json!({"title": "Restore test", "note": "It came back", "supports": ["A.8.13"]}).to_string();
    let again = admin.send(Method::POST, &at("/evidence"), Some(evidence), &[("idempotency-key", "evidence 1")]).await;
    assert!(again.headers.contains_key("idempotency-replayed"), "{} {}", again.status, again.body);
    let olga = there.person(&tenant, "olga", &["risk_owner"]).await;
    admin.put(&at("/risks/R-9/owner"), json!({"owner": "olga"})).await;
    until("olga to be told", async || {
        olga.get(&at("/notifications")).await.json["items"][0]["text"].as_str().is_some_and(|text| text.contains("R-9"))
    })
    .await;
    until_sound(&there, &tenant).await;
    until_sound(&there, &there.organisation).await;
}

/// Commands on two services that go back and forth between them, until told to stop.
async fn keep_working(client: Client, tenant: String, stop: Arc<AtomicBool>, writer: usize) -> usize {
    let mut done = 0;
    while !stop.load(Ordering::SeqCst) {
        let at = |tail: String| format!("/v1/tenants/{tenant}{tail}");
        let (risk, control) = (format!("R-{}", writer * 5 + done % 5 + 1), format!("A.8.{}", done % 30 + 1));
        let treatment = json!({"option": "mitigate", "controls": [control], "reason": "again"});
        let state = json!({"state": if done % 2 == 0 { "implemented" } else { "partial" }});
        let (treated, implemented) =
            (format!("/risks/{risk}/treatment"), format!("/controls/{control}/implementation"));
        for (path, body) in [(treated, treatment), (implemented, state)] {
            let answer = client.send(Method::PUT, &at(path), Some(body.to_string()), &[]).await;
            // A machine that is busy with other tests may say so.
            assert!(answer.status.is_success() || answer.status == 503, "{}", answer.body);
        }
        done += 1;
    }
    done
}

/// The lines of one of an archive's files.
fn lines(files: &Files, name: &str) -> Vec<Value> {
    let content = files.iter().find(|(one, _)| one == name).map(|(_, content)| content);
    let text = std::str::from_utf8(content.unwrap_or_else(|| panic!("{name} is missing"))).expect("text");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_while_everybody_works_is_of_one_moment() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = System::start().await;
    let tenant = here.tenant("Larkspur").await;
    work(&here, &tenant).await;
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..4)
        .map(|writer| tokio::spawn(keep_working(here.as_admin(), tenant.clone(), stop.clone(), writer)))
        .collect();
    let mut last = 0;
    for number in 0..6 {
        let archive = folder.path().join(format!("{number}.tar.gz"));
        export(&here, &tenant, &archive).await;
        let files = files(&archive);
        // What audit kept is exactly what it says it has taken, and that is in the source's log, under the same hash.
        let trail = lines(&files, "audit/trail.jsonl");
        for taken in lines(&files, "audit/consumer_checkpoints.jsonl") {
            let source = taken["source"].as_str().expect("a source");
            let log = lines(&files, &format!("{source}/events.jsonl"));
            let kept: Vec<&Value> = trail.iter().filter(|entry| entry["source"] == source).collect();
            assert_eq!(kept.len(), usize::try_from(taken["position"].as_i64().expect("a position")).expect("a size"));
            assert!(kept.len() <= log.len(), "{source}: {} were taken of {}", kept.len(), log.len());
            assert!(kept.iter().all(|entry| {
                let place = usize::try_from(entry["position"].as_i64().expect("a position")).expect("a place");
                log[place - 1]["hash"] == entry["hash"]
            }));
        }
        let events = lines(&files, "risk/events.jsonl").len();
        assert!(events > last, "nobody worked meanwhile");
        last = events;
    }
    stop.store(true, Ordering::SeqCst);
    for writer in writers {
        assert!(writer.await.expect("a writer") > 0);
    }
    drop(here);
    let there = elsewhere().await;
    let (done, told) = import(&there, &folder.path().join("5.tar.gz")).await;
    assert!(done, "{told}");
    until_sound(&there, &tenant).await;
}

#[tokio::test]
async fn a_client_takes_its_isms_over_and_the_consultancy_is_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let smtp = format!("smtp://{}", Smtp::nobody().await);
    let here = System::start_with(&[("STELE_SMTP", &smtp)]).await;
    let tenant = here.tenant("Larkspur").await;
    work(&here, &tenant).await;
    let archive = folder.path().join("tenant.tar.gz");
    export(&here, &tenant, &archive).await;
    let at = |tail: &str| format!("/v1/tenants/{tenant}{tail}");

    // In one installation the former owner loses it from its list.
    let other = here.as_organisation("Fernhill").await;
    other.tenant("Larkspur").await;
    let hand_over = ["hand-over", "--tenant", &tenant, "--to", &other.organisation];
    let (done, told) = here.tool(&hand_over, &[]).await;
    assert!(!done && told.contains("say by `name` (`--name`) how it is to list this one"), "{told}");
    let (done, told) = here.tool(&[hand_over.as_slice(), &["--name", "Larkspur Analytics"]].concat(), &[]).await;
    assert!(done, "{told}");
    let (consultancy, listed) = (here.as_admin(), format!("/v1/organisations/{}/tenants", here.organisation));
    until("the list without it", async || consultancy.get(&listed).await.json["items"] == json!([])).await;
    until("the consultancy to be out", async || {
        consultancy.send(Method::GET, &at("/risks"), None, &[]).await.status == 404
    })
    .await;
    let waiting = format!("select count(*) from deliveries where tenant_id = '{tenant}'");
    until("the mails that waited to be dropped", async || numbers(&here, "notifications", &waiting).await == [0]).await;
    drop((other, here));

    let there = elsewhere().await;
    assert!(import(&there, &archive).await.0);
    assert_eq!(
        numbers(&there, "notifications", &waiting).await,
        [0],
        "mails of an archive are sent only where that is asked for"
    );
    let nowhere = uuid::Uuid::new_v4().to_string();
    for (tenant, to, told) in [(&tenant, &nowhere, "no organisation"), (&nowhere, &there.organisation, "no tenant")] {
        let (done, output) = there.tool(&["hand-over", "--tenant", tenant, "--to", to], &[]).await;
        assert!(!done && output.contains(told), "{output}");
    }
    let hand_over =
        ["hand-over", "--tenant", &tenant, "--to", &there.organisation, "--reason", "The mandate has ended"];
    // A second time it finds everything so.
    for _ in 0..2 {
        let (done, told) = there.tool(&hand_over, &[]).await;
        assert!(done, "{told}");
    }
    let admin = there.as_admin();
    until("every service to know its owner", async || {
        for tail in ["", "/risks", "/controls", "/trail", "/contacts"] {
            if admin.send(Method::GET, &at(tail), None, &[]).await.status != 200 {
                return false;
            }
        }
        true
    })
    .await;
    let tenants = admin.get(&format!("/v1/organisations/{}/tenants", there.organisation)).await.json;
    assert_eq!((&tenants["items"][0]["id"], &tenants["items"][1]), (&json!(tenant), &Value::Null));
    assert_eq!(admin.get(&at("")).await.json["organisation"], there.organisation.as_str());
    assert_eq!(admin.get(&at("/people")).await.json["items"], json!([]));
    until("the addresses to be gone", async || admin.get(&at("/contacts")).await.json["items"] == json!([])).await;
    // Whoever is called the same at the new owner is somebody else.
    let namesake = there.person(&tenant, "olga", &[]).await;
    assert_eq!(namesake.send(Method::GET, &at("/risks"), None, &[]).await.status, 404);
    let history = admin.get(&at("/roles/history")).await.json;
    let last = history["items"].as_array().and_then(|items| items.last()).expect("a history").clone();
    assert_eq!((&last["type"], &last["reason"]), (&json!("access.handed_over"), &json!("The mandate has ended")));
    // Views follow what was brought in.
    until("the whole register", async || {
        admin.get(&at("/risks?limit=1000")).await.json["items"].as_array().map(Vec::len) == Some(48)
    })
    .await;
    let olga = there.person(&tenant, "olga", &["risk_owner"]).await;
    assert_eq!(olga.get(&at("/risks/R-7")).await.status, 200);
    until_sound(&there, &tenant).await;
}

/// What an archive does with the tables that every service has.
const SHARED: [(&str, &str); 10] = [
    ("heads", "the manifest says where each log ends"),
    ("events", "the log"),
    ("commands", "taken along"),
    ("consumer_checkpoints", "taken along"),
    ("relay_checkpoints", "set to the end of the log"),
    ("view_checkpoints", "views are folded anew"),
    ("rebuilds", "views are folded anew"),
    ("accounts", "credentials leave no installation, and are an organisation's, not a tenant's"),
    ("invitations", "addresses and secrets of those who are not there yet: they are invited anew"),
    ("parked", "what cannot be taken is tried again, and parked again"),
];

#[tokio::test]
async fn every_table_is_a_fold_or_taken_along() {
    let system = System::migrated(&servers::postgres_admin_url(), &servers::nats_url(), &[]).await;
    let services = [
        tenancy::service(None),
        risk::service(),
        controls::service(None),
        audit::service(),
        notifications::service(None),
    ];
    for service in services {
        let mut connection = system.superuser(service.name).await;
        let tables: Vec<String> = sqlx::query_scalar(
            "select relname::text from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')
             and not relispartition and relname <> '_sqlx_migrations'",
        )
        .fetch_all(&mut connection)
        .await
        .expect("tables");
        assert!(tables.len() >= 8, "{tables:?}");
        let unknown = tables.iter().filter(|table| {
            let table = table.as_str();
            !["view_", "rebuild_"].iter().any(|folded| table.starts_with(folded))
                && !service.tables.contains(&table)
                && SHARED.iter().all(|(one, _)| *one != table)
        });
        assert_eq!(
            unknown.collect::<Vec<_>>(),
            Vec::<&String>::new(),
            "an archive of a tenant would lack these tables of {}: name each by `.table(..)` in its service(), or, where it can \
             be made anew from the log, among SHARED here",
            service.name
        );
        for declared in &service.tables {
            assert!(tables.iter().any(|table| table == declared), "{} has no table {declared}", service.name);
        }
    }
    assert!(root().join("docs/export.md").exists());
}

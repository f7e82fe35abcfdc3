//! What reads cost, by the plans of the very statements that the code runs: PostgreSQL explains each as it runs it, for the
//! service's own role.

use crate::bulk::{VERSIONS, grow};
use eventstore::{EventStore, Session, Stream, TenantId};
use risk::RegisteredRisk;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use testkit::Database;
use views::{Column, Listing, View, ViewSet, get, list, versions};

const RISKS: i64 = 10_000;
const PAGE: i64 = 100;
const SMALL_TENANTS: usize = 200;

/// What is explained is sent as a notice, which sqlx logs.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("the log").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What one statement did.
#[derive(Debug, Default)]
struct Cost {
    text: String,
    indexes: BTreeSet<String>,
    /// Tables that were read from end to end.
    scanned: Vec<String>,
    removed: f64,
    pages: f64,
}

impl Cost {
    fn of(explained: &Value) -> Self {
        let mut cost = Self { text: explained["Query Text"].as_str().expect("its text").to_owned(), ..Self::default() };
        let plan = &explained["Plan"];
        let number = |node: &Value, field: &str| node[field].as_f64().unwrap_or_default();
        cost.pages = number(plan, "Shared Hit Blocks") + number(plan, "Shared Read Blocks");
        let mut nodes = vec![plan];
        while let Some(node) = nodes.pop() {
            nodes.extend(node["Plans"].as_array().into_iter().flatten());
            let loops = number(node, "Actual Loops");
            if loops == 0.0 {
                continue;
            }
            cost.removed += loops * number(node, "Rows Removed by Filter");
            cost.indexes.extend(node["Index Name"].as_str().map(ToOwned::to_owned));
            if node["Node Type"].as_str().is_some_and(|kind| kind.contains("Seq Scan")) {
                cost.scanned.push(node["Relation Name"].as_str().expect("a table").to_owned());
            }
        }
        cost
    }
}

impl Log {
    /// The costs of what was run since, without what opens a transaction.
    fn taken(&self) -> Vec<Cost> {
        let text = String::from_utf8(std::mem::take(&mut *self.0.lock().expect("the log"))).expect("text");
        let mut costs = Vec::new();
        for line in text.lines() {
            let line: Value = serde_json::from_str(line).expect("JSON");
            let message = line["fields"]["message"].as_str().expect("a message");
            let (_, plan) = message.split_once("plan:").unwrap_or_else(|| panic!("no plan: {message}"));
            let cost = Cost::of(&serde_json::from_str(plan).expect("JSON"));
            if !cost.text.contains("set_config") {
                costs.push(cost);
            }
        }
        costs
    }
}

/// A register of 10,000 risks, each changed ten times, beside others and many small ones; and what its reads cost.
async fn explained() -> (Log, EventStore, TenantId) {
    let service = risk::service();
    let database = Database::new("risk", &service.migrations).await.expect("a database");
    let tenant = TenantId::random();
    for (tenant, risks) in [(TenantId::random(), 1000), (tenant, RISKS), (TenantId::random(), 1000)] {
        grow(&database, tenant, risks).await;
    }
    // With them a tenant has few risks on average, by which the planner would go where it did not know which tenant is asked for.
    for _ in 0..SMALL_TENANTS {
        grow(&database, TenantId::random(), 5).await;
    }
    database
        .as_superuser(
            "insert into view_checkpoints select gen_random_uuid(), 'risk', 0 from generate_series(1, 2000);
             analyze;
             do $$
             declare
                 v_setting text;
             begin
                 foreach v_setting in array array['session_preload_libraries = auto_explain',
                     'auto_explain.log_min_duration = 0', 'auto_explain.log_analyze = on', 'auto_explain.log_buffers = on',
                     'auto_explain.log_timing = off', 'auto_explain.log_format = json', 'auto_explain.log_level = notice']
                 loop
                     execute format('alter role stele_risk in database %I set %s', current_database(), v_setting);
                 end loop;
             end $$;",
        )
        .await
        .expect("explained");
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .json()
        .with_env_filter("sqlx::postgres::notice=info")
        .with_writer(move || writer.clone())
        .init();
    let store = database.store(Arc::new(ViewSet::new())).await.expect("a store");
    (log, store, tenant)
}

/// Runs it so often that the plan is the one that is kept for all parameters.
macro_rules! costs {
    ($log:expr, $read:expr) => {{
        for _ in 0..8 {
            $read.await.expect("read");
        }
        let costs = $log.taken();
        assert_eq!(costs.len(), 8, "each is one statement");
        for cost in &costs {
            let whole = cost.scanned.iter().find(|table| table.starts_with("events") || table.starts_with("view_"));
            assert!(whole.is_none(), "{cost:#?}");
        }
        costs
    }};
}

fn page(sort: &'static str, filters: &[(Column, &str)], after: Option<(&str, &str)>) -> Listing {
    let sort = RegisteredRisk::COLUMNS.iter().copied().find(|column| column.name == sort).or(RegisteredRisk::ORDER);
    let filters = filters.iter().map(|(column, value)| (*column, (*value).to_owned()).into()).collect();
    let after = after.map(|(value, key)| (value.to_owned(), key.to_owned()));
    Listing { filters, sort, descending: false, after, limit: PAGE }
}

/// The indexes that a list reads as of each kind of position.
fn indexes(column: &str, position: i64, head: i64) -> Vec<String> {
    let now = format!("view_risk_now_by_{column}_key");
    let then = format!("view_risk_then_by_{column}_key");
    let name = |index: &str| format!("view_risk_{index}");
    if position >= head {
        vec![now]
    } else if position <= 512 {
        vec![name("by_beginning")]
    } else if head - position <= 100 {
        vec![now, name("by_end")]
    } else {
        vec![now, then, name("by_end")]
    }
}

async fn lists_are_read_by_their_index(log: &Log, session: &mut Session, head: i64) {
    for (column, after) in [
        ("place", None),
        ("place", Some(("R-044711", "R-4711"))),
        ("level", None),
        ("level", Some(("3", "R-77"))),
        ("owner", Some(("person7", "R-9"))),
        ("state", None),
        ("treatment", None),
        ("score", None),
        ("residual_level", None),
    ] {
        let listing = page(column, &[], after);
        for position in [head, head - 1, head - 90, head - 200, head * 9 / 10, head / 2, 700, 50] {
            for cost in costs!(log, list::<RegisteredRisk>(session, position, &listing)) {
                let used: Vec<String> =
                    cost.indexes.iter().filter(|index| index.starts_with("view_risk")).cloned().collect();
                let mut expected = indexes(column, position, head);
                expected.sort_unstable();
                // Where few rows ended since, their end alone may find them.
                let enough = if head - position < 1000 { &expected[..2.min(expected.len())] } else { &expected[..] };
                assert!(enough.iter().all(|index| used.contains(index)), "by {column} as of {position}: {cost:#?}");
                assert!(used.iter().all(|index| expected.contains(index)), "by {column} as of {position}: {cost:#?}");
                // What had not begun then is passed over in the index, not in the table.
                assert!(cost.removed <= 600.0, "by {column} as of {position}: {cost:#?}");
                let most = if position >= head { 140.0 } else { 600.0 };
                assert!(cost.pages <= most, "by {column} as of {position}: {cost:#?}");
            }
        }
    }
}

async fn filtered_lists_read_little_more_than_they_give(log: &Log, session: &mut Session, head: i64) {
    let [owner, state] = [Column::text("owner"), Column::text("state")];
    for (filters, sort) in [
        (vec![(owner, "person7")], "place"),
        (vec![(state, "assessed")], "place"),
        (vec![(owner, "person7"), (state, "assessed")], "score"),
    ] {
        let listing = page(sort, &filters, None);
        for position in [head, head - 50, head / 2] {
            for cost in costs!(log, list::<RegisteredRisk>(session, position, &listing)) {
                assert!(cost.indexes.iter().any(|index| index.starts_with("view_risk")), "{cost:#?}");
                assert!(cost.removed <= 1000.0 && cost.pages <= 1500.0, "{filters:?} as of {position}: {cost:#?}");
            }
        }
    }
}

async fn objects_and_their_histories_are_read_by_key(log: &Log, session: &mut Session, head: i64) {
    for position in [head, head - 1, head / 2, 50] {
        for cost in costs!(log, get::<RegisteredRisk>(session, "R-4711", position)) {
            assert!(cost.indexes.contains("view_risk_pkey") && cost.pages <= 8.0, "{cost:#?}");
        }
        for cost in costs!(log, versions::<RegisteredRisk>(session, "R-4711", 0, position, PAGE)) {
            assert!(cost.indexes.contains("view_risk_pkey") && cost.pages <= 24.0, "{cost:#?}");
        }
    }
}

async fn events_are_read_by_position_and_by_stream(log: &Log, session: &mut Session, head: i64) {
    let stream = Stream::new("risk", "R-4711");
    for cost in costs!(log, session.events_after(head / 2, PAGE)) {
        assert!(cost.removed < 1.0 && cost.pages <= 40.0, "{cost:#?}");
    }
    for cost in costs!(log, session.stream(&stream, head)) {
        assert!(cost.removed < 1.0 && cost.pages <= 24.0, "{cost:#?}");
    }
    let at = session.events_after(head / 2, 1).await.expect("read")[0].recorded_at;
    // The first call reads the function too.
    session.position_at(at).await.expect("read");
    log.taken();
    for _ in 0..8 {
        assert_eq!(session.position_at(at).await.expect("read"), head / 2 + 1);
    }
    for cost in log.taken() {
        assert!(cost.scanned.is_empty() && cost.pages <= 100.0, "{cost:#?}");
    }
}

#[tokio::test]
async fn no_read_costs_more_for_the_length_of_the_history() {
    let (log, store, tenant) = explained().await;
    let head = RISKS * VERSIONS;
    let mut session = store.session(tenant).await.expect("a session");
    log.taken();
    lists_are_read_by_their_index(&log, &mut session, head).await;
    filtered_lists_read_little_more_than_they_give(&log, &mut session, head).await;
    objects_and_their_histories_are_read_by_key(&log, &mut session, head).await;
    events_are_read_by_position_and_by_stream(&log, &mut session, head).await;
}

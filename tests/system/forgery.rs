//! What a database administrator alters is found by `stele verify`, which names where.

use crate::crash_points::counted;
use crate::system::{System, example, until};
use sqlx::{AssertSqlSafe, Connection};

pub async fn alter(system: &System, service: &str, statements: String) {
    let mut connection = system.superuser(service).await;
    let statements = format!("set session_replication_role = replica; {statements}");
    sqlx::raw_sql(AssertSqlSafe(statements)).execute(&mut connection).await.expect("altered");
    connection.close().await.expect("closed");
}

#[tokio::test]
async fn each_forgery_is_named() {
    let system = System::start().await;
    let mut tenants = Vec::new();
    for name in ["event", "tail", "log", "copy", "shown", "view", "untouched"] {
        let tenant = system.tenant(name).await;
        let upload = format!("/v1/tenants/{tenant}/imports/assets");
        assert_eq!(system.as_admin().upload(&upload, example("assets.csv")).await.status, 200);
        tenants.push(tenant);
    }
    until("audit to have heard everything", async || {
        let (_, report) = system.verify().await;
        report.lines().filter_map(counted).all(|(events, held)| events == held)
    })
    .await;
    let (sound, report) = system.verify().await;
    assert!(sound, "{report}");

    let [event, tail, log, copy, shown, view, untouched] = tenants.as_slice() else { panic!("seven tenants") };
    let forgeries = [
        ("risk", format!("update events set body = replace(body, 'Larkspur', 'Larkspar') where tenant_id = '{event}'")),
        (
            "risk",
            format!(
                "delete from events where tenant_id = '{tail}' and position > 20;
                 update heads h set position = 20, hash = (select hash from events e where e.tenant_id = h.tenant_id and e.position = 20)
                 where tenant_id = '{tail}';
                 delete from view_asset where tenant_id = '{tail}' and valid_from > 20;
                 update view_checkpoints set position = 20 where tenant_id = '{tail}'"
            ),
        ),
        ("risk", format!("delete from events where tenant_id = '{log}'; delete from heads where tenant_id = '{log}'; delete from view_checkpoints where tenant_id = '{log}'")),
        ("audit", format!("delete from trail where tenant_id = '{copy}' and source = 'risk' and position = 7")),
        ("audit", format!("update trail set reason = 'Nothing happened' where tenant_id = '{shown}' and source = 'risk' and position = 9")),
        ("risk", format!("update view_asset set data = data || '{{\"name\": \"Nothing\"}}' where tenant_id = '{view}' and key = 'A-3'")),
    ];
    for (service, statements) in forgeries {
        alter(&system, service, statements).await;
    }
    let (sound, report) = system.verify().await;
    assert!(!sound, "{report}");
    let named = |tenant: &str, words: &[&str]| {
        let found = report.lines().any(|line| line.contains(tenant) && words.iter().all(|word| line.contains(word)));
        assert!(found, "{tenant} {words:?} is not named in\n{report}");
    };
    named(event, &["position ", "its digest differs"]);
    named(tail, &["position 21", "gone here"]);
    named(log, &["position 1", "gone here"]);
    named(copy, &["position 7", "not this one"]);
    named(shown, &["position 9", "audit shows another event"]);
    named(view, &["view asset", "row A-3"]);
    assert!(!report.contains(untouched.as_str()), "{report}");
}

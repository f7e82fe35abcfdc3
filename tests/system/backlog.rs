//! However much is to be taken in, those who ask are answered meanwhile.

use crate::system::{System, until};
use serde_json::json;
use sqlx::{Connection, PgConnection};
use std::collections::BTreeSet;

const BEHIND: usize = 8;

/// Who waits for a lock of the controls service's tables, each with when it began to.
async fn waiting(connection: &mut PgConnection) -> BTreeSet<(i32, String)> {
    let waiting: Vec<(i32, String)> = sqlx::query_as(
        "select pid, query_start::text from pg_stat_activity
         where datname = current_database() and wait_event_type = 'Lock'",
    )
    .fetch_all(connection)
    .await
    .expect("who waits");
    waiting.into_iter().collect()
}

/// A service with one connection for requests, in which all that takes in waits for tenants that somebody else has locked.
#[tokio::test]
async fn a_reader_is_answered_while_all_that_is_to_be_taken_in_waits() {
    let system = System::start_with(&[("STELE_CONNECTIONS", "1")]).await;
    let admin = system.as_admin();
    let reader = system.tenant("Quill").await;
    let mut behind = Vec::new();
    for number in 0..BEHIND {
        behind.push(system.tenant(&format!("Behind {number}")).await);
    }
    let mut watch = system.superuser("controls").await;
    let mut locking = system.superuser("controls").await;
    let mut locked = locking.begin().await.expect("a transaction");
    sqlx::query(
        "select from consumer_checkpoints where source = 'risk' and tenant_id::text = any($1) order by tenant_id for update",
    )
    .bind(&behind)
    .execute(&mut *locked)
    .await
    .expect("locked");
    for tenant in &behind {
        let risk = json!({"ref": "R-1", "name": "Ransomware", "description": "x"});
        admin.post(&format!("/v1/tenants/{tenant}/risks"), risk).await;
        let assessment = json!({"stage": "current", "likelihood": 4, "impact": 4});
        admin.post(&format!("/v1/tenants/{tenant}/risks/R-1/assessments"), assessment).await;
        let treatment = json!({"option": "mitigate", "controls": ["A.8.13"], "reason": "tried before"});
        admin.put(&format!("/v1/tenants/{tenant}/risks/R-1/treatment"), treatment).await;
    }
    // Had the reader waited for one of those who wait, that one would have given up, and begun anew.
    until("a reader to be answered while others wait", async || {
        let before = waiting(&mut watch).await;
        admin.get(&format!("/v1/tenants/{reader}/controls")).await;
        !before.is_empty() && waiting(&mut watch).await.is_superset(&before)
    })
    .await;
    locked.rollback().await.expect("rolled back");
    for tenant in &behind {
        until("what waited to be taken in", async || {
            let control = admin.get(&format!("/v1/tenants/{tenant}/controls/A.8.13")).await;
            control.json["required_by"].as_array().is_some_and(|risks| risks.len() == 1)
        })
        .await;
    }
}

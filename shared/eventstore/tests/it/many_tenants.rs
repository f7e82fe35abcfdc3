//! What is done for many tenants by one statement touches those that were named, and no other.

use crate::tally::{Add, Tally, cx, store};
use eventstore::{EventStore, Passed, TenantId};
use std::collections::BTreeMap;

const SOURCE: &str = "ledger";

/// Three events are taken of `source`.
async fn taken(store: &EventStore, source: &str) -> TenantId {
    let tenant = TenantId::random();
    let mut session = store.session(tenant).await.expect("a session");
    let row = "insert into consumer_checkpoints values ($1, $2, 3)";
    sqlx::query(row).bind(tenant).bind(source).execute(session.connection()).await.expect("written");
    session.commit().await.expect("committed");
    tenant
}

async fn positions(store: &EventStore) -> BTreeMap<TenantId, i64> {
    store.taken(SOURCE).await.expect("read").into_iter().map(|head| (head.tenant_id, head.position)).collect()
}

#[tokio::test]
async fn only_a_tenant_that_is_right_before_is_passed_over() {
    let (_database, store) = store().await;
    let (next, ahead, behind) = (taken(&store, SOURCE).await, taken(&store, SOURCE).await, taken(&store, SOURCE).await);
    let (parked, at_work, unnamed) =
        (taken(&store, SOURCE).await, taken(&store, SOURCE).await, taken(&store, SOURCE).await);
    let elsewhere = taken(&store, "another").await;
    let mut session = store.session(parked).await.expect("a session");
    let park = "insert into parked values ($1, $2, 4, 'it failed', 1, now(), now())";
    sqlx::query(park).bind(parked).bind(SOURCE).execute(session.connection()).await.expect("parked");
    session.commit().await.expect("committed");
    let mut working = store.session(at_work).await.expect("a session");
    let lock = "select position from consumer_checkpoints for update";
    sqlx::query(lock).execute(working.connection()).await.expect("locked");

    let passed = [(next, 3), (ahead, 2), (behind, 4), (parked, 3), (at_work, 3), (elsewhere, 3)];
    let passed = passed.map(|(tenant, before)| Passed { tenant, before, last: before + 2 });
    assert_eq!(store.pass_over(SOURCE, &passed).await.expect("passed over"), [next]);

    drop(working);
    let positions = positions(&store).await;
    assert_eq!(positions[&next], 5);
    for tenant in [ahead, behind, parked, at_work, unnamed] {
        assert_eq!(positions[&tenant], 3);
    }
}

#[tokio::test]
async fn what_is_unpublished_of_some_tenants_is_claimed_by_one_and_is_nobody_elses() {
    let (_database, store) = store().await;
    let (one, two, unnamed) = (TenantId::random(), TenantId::random(), TenantId::random());
    for (tenant, events) in [(one, 3), (two, 2), (unnamed, 1)] {
        let mut work = store.work(cx(tenant));
        for _ in 0..events {
            work.execute::<Tally>("a", None, Add(1)).await.expect("decided");
        }
        work.finish().await.expect("recorded");
    }

    let claimed = store.claim_unpublished(&[one, two], 2).await.expect("claimed");
    let found: Vec<(TenantId, i64)> = claimed.events.iter().map(|event| (event.tenant, event.position)).collect();
    let mut expected = vec![(one, 1), (one, 2), (two, 1), (two, 2)];
    expected.sort();
    assert_eq!(found, expected);
    assert_eq!(claimed.elsewhere, []);
    let beside = store.claim_unpublished(&[unnamed], 2).await.expect("claimed");
    assert_eq!(beside.events.iter().map(|event| event.tenant).collect::<Vec<_>>(), [unnamed]);
    drop(beside);

    assert_eq!(claimed.published().await.expect("noted"), [one], "it has more");
    let rest = store.claim_unpublished(&[one, two], 2).await.expect("claimed");
    assert_eq!(rest.events.iter().map(|event| (event.tenant, event.position)).collect::<Vec<_>>(), [(one, 3)]);
    let meanwhile = store.claim_unpublished(&[one, unnamed], 2).await.expect("claimed");
    assert_eq!(meanwhile.elsewhere, [one]);
    assert_eq!(meanwhile.events.iter().map(|event| event.tenant).collect::<Vec<_>>(), [unnamed]);
    // What was claimed and not published is there for the next, once the connections that held it have let go.
    drop((rest, meanwhile));
    let again = loop {
        let again = store.claim_unpublished(&[one, two, unnamed], 2).await.expect("claimed");
        if again.elsewhere.is_empty() {
            break again;
        }
    };
    assert_eq!(again.events.len(), 2);
}

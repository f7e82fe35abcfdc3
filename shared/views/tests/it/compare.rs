//! What differs from a fold of the log is found, wherever it is, while writers go on.

use crate::tally::{Debt, Sum, add, database, record};
use eventstore::{EventStore, TenantId};
use std::sync::Arc;
use testkit::Database;
use views::{Difference, ViewSet};

async fn sound(database: &Database) -> (Arc<ViewSet>, EventStore, TenantId) {
    let set = Arc::new(ViewSet::new().with::<Sum>().with::<Debt>());
    let store = database.store(set.clone()).await.expect("a store");
    let tenant = TenantId::random();
    let added: Vec<(String, i64)> = (0..5000).map(|n| (format!("k{}", n % 40), n % 7 - 3)).collect();
    record(database, tenant, &added).await;
    assert!(set.catch_up(&store, tenant).await.expect("caught up"));
    (set, store, tenant)
}

#[tokio::test]
async fn the_first_position_of_every_kind_of_difference_is_named() {
    let database = database().await;
    let (set, store, tenant) = sound(&database).await;
    for view in ["sum", "debt"] {
        assert_eq!(set.compare(&store, tenant, view).await.expect("compared"), None, "{view}");
    }
    // Each goes before the one above it in the log.
    for (key, position, alter) in [
        ("k9", 4970, "delete from view_sum where key = 'k9' and valid_from = 4970"),
        ("k39", 4960, "update view_sum set valid_to = 4999 where key = 'k39' and valid_from = 4960"),
        ("k0", 2121, "update view_sum set valid_to = valid_to - 1 where key = 'k0' and valid_from = 2121"),
        ("k3", 2004, "update view_sum set version = version + 1 where key = 'k3' and valid_from = 2004"),
        ("k2", 2003, "update view_sum set at = at + interval '1 second' where key = 'k2' and valid_from = 2003"),
        ("k1", 2002, "update view_sum set data = data || '{\"more\": 1}' where key = 'k1' and valid_from = 2002"),
        ("k5", 2001, "insert into view_sum (tenant_id, key, valid_from, valid_to, version, at, data)
                      select tenant_id, key, 2001, 2002, version, at, data from view_sum where key = 'k5' and valid_from = 1966"),
    ] {
        database.as_superuser(alter).await.expect("altered");
        let expected = Some(Difference { key: key.to_owned(), position });
        assert_eq!(set.compare(&store, tenant, "sum").await.expect("compared"), expected, "{alter}");
        assert_eq!(set.compare(&store, tenant, "debt").await.expect("compared"), None, "{alter}");
    }
    let mut session = store.session(tenant).await.expect("a session");
    let left: i64 =
        sqlx::query_scalar("select count(*) from rebuild_sum").fetch_one(session.connection()).await.expect("read");
    assert_eq!(left, 0);
}

#[tokio::test]
async fn a_row_from_after_the_end_of_the_view_is_nobodys() {
    let database = database().await;
    let (set, store, tenant) = sound(&database).await;
    database
        .as_superuser(
            "insert into view_debt (tenant_id, key, valid_from, version, at, data)
             select tenant_id, 'forged', 7000, version, at, data from view_debt limit 1",
        )
        .await
        .expect("altered");
    let found = set.compare(&store, tenant, "debt").await.expect("compared");
    assert_eq!(found, Some(Difference { key: "forged".to_owned(), position: 7000 }));
}

#[tokio::test]
async fn what_is_appended_meanwhile_is_no_difference() {
    let database = database().await;
    let (set, store, tenant) = sound(&database).await;
    let writer = async {
        for n in 0..60 {
            add(&store, tenant, &format!("k{}", n % 50), n % 7 - 3).await;
        }
    };
    let compared = async {
        for _ in 0..4 {
            for view in ["sum", "debt"] {
                assert_eq!(set.compare(&store, tenant, view).await.expect("compared"), None, "{view}");
            }
        }
    };
    tokio::join!(writer, compared);
}

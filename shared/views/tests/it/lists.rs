//! Pages of a list, now and as of any position.

use crate::tally::{Sum, add, database, record};
use crate::views;
use eventstore::{NOW, Session, TenantId};
use std::collections::BTreeMap;
use views::{Column, Filter, Listing, get_many, list, shown};

const TOTAL: Column = Column::int("total");

fn all(sort: Option<Column>) -> Listing {
    Listing { filters: vec![], sort, descending: false, after: None, limit: 10_000 }
}

/// Every row, page by page.
async fn listed(session: &mut Session, position: i64, mut listing: Listing) -> Vec<(String, i64)> {
    let mut rows = Vec::new();
    loop {
        let page = list::<Sum>(session, position, &listing).await.expect("read");
        assert!(page.rows.len() <= usize::try_from(listing.limit).expect("a size"));
        rows.extend(page.rows.into_iter().map(|row| (row.key, row.data.total)));
        match page.next {
            Some(next) => listing.after = Some(next),
            None => return rows,
        }
    }
}

#[tokio::test]
async fn lists_filter_sort_and_page_as_of_a_position() {
    let store = database().await.store(views()).await.expect("a store");
    let tenant = TenantId::random();
    for (id, amount) in [("a", 5), ("b", 9), ("c", 5), ("d", 2), ("e", 11)] {
        add(&store, tenant, id, amount).await;
    }
    add(&store, tenant, "d", 100).await;
    let mut session = store.session(tenant).await.expect("a session");
    let total = Column::int("total");
    let mut listing = Listing { filters: vec![], sort: Some(total), descending: true, after: None, limit: 2 };

    let mut seen = Vec::new();
    loop {
        let page = list::<Sum>(&mut session, 5, &listing).await.expect("read");
        assert!(page.rows.len() <= 2);
        seen.extend(page.rows.into_iter().map(|row| (row.key, row.data.total)));
        match page.next {
            Some(next) => listing.after = Some(next),
            None => break,
        }
    }

    let expected = [("e", 11), ("b", 9), ("c", 5), ("a", 5), ("d", 2)].map(|(key, total)| (key.to_owned(), total));
    assert_eq!(seen, expected);
    let fives = Listing {
        filters: vec![(total, "5".to_owned()).into()],
        sort: None,
        descending: false,
        after: None,
        limit: 10,
    };
    let rows = list::<Sum>(&mut session, 6, &fives).await.expect("read").rows;
    assert_eq!(rows.iter().map(|row| row.key.as_str()).collect::<Vec<_>>(), ["a", "c"]);
    let keys = ["a", "nobody", "d"].map(ToOwned::to_owned);
    for (position, expected) in [(6, vec![("a", 5), ("d", 102)]), (5, vec![("a", 5), ("d", 2)]), (1, vec![("a", 5)])] {
        let rows = get_many::<Sum>(&mut session, &keys, position).await.expect("read");
        let mut found: Vec<(&str, i64)> = rows.iter().map(|row| (row.key.as_str(), row.data.total)).collect();
        found.sort_unstable();
        assert_eq!(found, expected, "as of {position}");
    }
    let between = vec![Filter::From(total, "5".to_owned()), Filter::Below(total, "11".to_owned())];
    let between = Listing { filters: between, ..fives };
    let rows = list::<Sum>(&mut session, 6, &between).await.expect("read").rows;
    assert_eq!(rows.iter().map(|row| row.key.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
}

#[tokio::test]
async fn a_word_is_found_in_keys_and_texts_and_means_nothing_but_itself() {
    let store = database().await.store(views()).await.expect("a store");
    let (tenant, other) = (TenantId::random(), TenantId::random());
    for id in ["Backup-1", "backup_2", "100%", "c\\d", "Zürich"] {
        add(&store, tenant, id, 1).await;
    }
    add(&store, other, "backup-9", 1).await;
    let mut session = store.session(tenant).await.expect("a session");
    for (words, expected) in [
        (vec!["BACKUP"], vec!["Backup-1", "backup_2"]),
        (vec!["backup", "1"], vec!["Backup-1"]),
        (vec!["_"], vec!["backup_2"]),
        (vec!["%"], vec!["100%"]),
        (vec!["\\"], vec!["c\\d"]),
        (vec!["zÜR"], vec!["Zürich"]),
        (vec!["total"], vec![]),
    ] {
        let says = words.iter().map(|word| Filter::Says((*word).to_owned())).collect();
        let found =
            list::<Sum>(&mut session, NOW - 1, &Listing { filters: says, ..all(None) }).await.expect("read").rows;
        assert_eq!(found.iter().map(|row| row.key.as_str()).collect::<Vec<_>>(), expected, "{words:?}");
    }
}

/// Few events, many, those that an index of its own finds, and those around the edges between.
#[tokio::test]
async fn a_list_as_of_any_position_is_what_the_events_up_to_it_make() {
    let database = database().await;
    let store = database.store(views()).await.expect("a store");
    let (tenant, other) = (TenantId::random(), TenantId::random());
    let mut random = fastrand::Rng::with_seed(27001);
    let added: Vec<(String, i64)> =
        (0..3000).map(|_| (format!("k{}", random.u32(0..150)), random.i64(-3..=3))).collect();
    record(&database, tenant, &added).await;
    record(&database, other, &added[..100]).await;
    for tenant in [tenant, other] {
        assert!(views().catch_up(&store, tenant).await.expect("caught up"));
    }
    let mut session = store.session(tenant).await.expect("a session");
    for position in [0, 1, 60, 511, 512, 513, 700, 1500, 2500, 2898, 2899, 2900, 2998, 2999, 3000, NOW - 1] {
        let mut totals: BTreeMap<&str, i64> = BTreeMap::new();
        for (key, amount) in added.iter().take(usize::try_from(position).expect("a count")) {
            *totals.entry(key).or_default() += amount;
        }
        let mut expected: Vec<(String, i64)> = totals.into_iter().map(|(key, total)| (key.to_owned(), total)).collect();
        assert_eq!(listed(&mut session, position, all(None)).await, expected, "by key as of {position}");
        let twos: Vec<_> = expected.iter().filter(|(_, total)| *total == 2).cloned().collect();
        let filtered = Listing { filters: vec![(TOTAL, "2".to_owned()).into()], limit: 3, ..all(None) };
        assert_eq!(listed(&mut session, position, filtered).await, twos, "those of 2 as of {position}");
        expected.sort_by_key(|(key, total)| (*total, key.clone()));
        assert_eq!(listed(&mut session, position, all(Some(TOTAL))).await, expected, "by total as of {position}");
        expected.reverse();
        let pages = Listing { descending: true, limit: 37, ..all(Some(TOTAL)) };
        assert_eq!(listed(&mut session, position, pages).await, expected, "in pages as of {position}");
    }
}

/// The position is looked up in one statement and the list read in the next: what comes between must not show.
#[tokio::test]
async fn what_is_appended_while_a_list_is_read_neither_shows_in_it_nor_hides_a_row() {
    let database = database().await;
    let store = database.store(views()).await.expect("a store");
    for events in [10, 2000] {
        let tenant = TenantId::random();
        let added: Vec<(String, i64)> = (0..events).map(|n| (format!("k{}", n % 5), 1)).collect();
        record(&database, tenant, &added).await;
        views().catch_up(&store, tenant).await.expect("caught up");
        let mut session = store.session(tenant).await.expect("a session");
        let now = shown::<Sum>(&mut session).await.expect("read");
        let before = listed(&mut session, now, all(Some(TOTAL))).await;
        assert_eq!(before.len(), 5);
        for n in 0..150 {
            add(&store, tenant, &format!("k{}", n % 7), 1).await;
            if n == 0 || n == 99 || n == 149 {
                assert_eq!(listed(&mut session, now, all(Some(TOTAL))).await, before, "after {n} more");
                let pages = Listing { limit: 2, ..all(Some(TOTAL)) };
                assert_eq!(listed(&mut session, now, pages).await, before, "in pages, after {n} more");
            }
        }
    }
}

use crate::tally::{add, cx, store};
use eventstore::{EventStore, Never, Server, StoreError, Stream, TenantId};
use sqlx::Row;
use std::sync::Arc;

#[tokio::test]
async fn a_session_sees_its_tenant_and_no_other() {
    let (_database, store) = store().await;
    let (ours, theirs) = (TenantId::random(), TenantId::random());
    add(&store, &cx(theirs), "secret", 1).await.expect("recorded");

    let mut session = store.session(ours).await.expect("a session");
    assert_eq!(session.head().await.expect("read"), 0);
    assert_eq!(session.events_after(0, 10).await.expect("read"), []);
    assert_eq!(session.stream(&Stream::new("tally", "secret"), i64::MAX).await.expect("read"), []);
    // The policy holds where a statement forgets the tenant.
    for statement in ["select count(*) from events", "select count(*) from heads", "select count(*) from commands"] {
        let seen: i64 = sqlx::query_scalar(statement).fetch_one(session.connection()).await.expect("read");
        assert_eq!(seen, 0, "{statement}");
    }
}

#[tokio::test]
async fn a_session_cannot_append_to_or_lock_another_tenant() {
    let (_database, store) = store().await;
    let theirs = TenantId::random();
    let append = "select * from append(array[$1], array[null], array[null::bytea], array[''], '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}')";
    for statement in [append, "select lock_head($1), ''"] {
        let mut session = store.session(TenantId::random()).await.expect("a session");
        let refused = sqlx::query(statement).bind(theirs).fetch_all(session.connection()).await;
        let error = refused.expect_err("refused").to_string();
        assert!(error.contains("stele.tenant is not"), "{error}");
    }
}

#[tokio::test]
async fn a_connection_without_a_tenant_sees_nothing() {
    let (_database, store) = store().await;
    add(&store, &cx(TenantId::random()), "one", 1).await.expect("recorded");
    let mut session = store.session(TenantId::random()).await.expect("a session");
    sqlx::query("select set_config('stele.tenant', '', true)").execute(session.connection()).await.expect("unset");

    let seen: i64 =
        sqlx::query_scalar("select count(*) from events").fetch_one(session.connection()).await.expect("read");

    assert_eq!(seen, 0);
}

#[tokio::test]
async fn the_engine_knows_tenants_and_positions_and_no_content() {
    let (_database, store) = store().await;
    let (one, other) = (TenantId::random(), TenantId::random());
    add(&store, &cx(one), "a", 1).await.expect("recorded");
    add(&store, &cx(other), "b", 1).await.expect("recorded");
    add(&store, &cx(other), "b", 1).await.expect("recorded");

    let heads = store.heads(None, 10).await.expect("read");

    let mut seen: Vec<_> = heads.iter().map(|head| (head.tenant_id, head.position)).collect();
    seen.sort_unstable();
    let mut expected = vec![(one, 1), (other, 2)];
    expected.sort_unstable();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn every_table_carries_its_tenant_and_is_bound_by_policy() {
    let (database, _store) = store().await;
    let mut superuser = database.superuser().await.expect("a connection");
    let tables = sqlx::query(
        "select c.relname::text as name, c.relrowsecurity and c.relforcerowsecurity as forced,
                exists (select from pg_policy p where p.polrelid = c.oid and p.polname = 'tenant') as policy,
                exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and a.attnotnull) as tenant,
                not exists (select from pg_index i join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0]
                            where i.indrelid = c.oid and i.indisunique and a.attname <> 'tenant_id') as keys
         from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
           and c.relname <> '_sqlx_migrations'",
    )
    .fetch_all(&mut superuser)
    .await
    .expect("read");

    assert!(tables.len() > 10, "the catalogue was read: {}", tables.len());
    for table in tables {
        let name: String = table.get("name");
        for fact in ["forced", "policy", "tenant", "keys"] {
            assert!(table.get::<bool, _>(fact), "{name}: {fact}");
        }
    }
}

#[tokio::test]
async fn a_role_that_policies_do_not_bind_is_refused() {
    let (database, _store) = store().await;
    let mut superuser = database.superuser().await.expect("a connection");
    for (attribute, told) in [("superuser", "superuser"), ("bypassrls", "BYPASSRLS")] {
        // Roles belong to the whole server: this one's name is its own.
        let service: &'static str = Box::leak(format!("x{}", uuid::Uuid::new_v4().simple()).into_boxed_str());
        for statement in [
            format!("create role stele_{service} login {attribute} password 'x'"),
            format!("create role stele_{service}_engine login password 'x'"),
            format!("create database stele_{service}"),
        ] {
            sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut superuser).await.expect("made");
        }
        let server = Server::new(&testkit::servers::postgres_admin_url(), "stele").expect("an address");

        let refused = EventStore::connect(service, &server.login(service, Some("x")), 2, Arc::new(Never)).await;

        let Err(StoreError::Unsafe { fault, .. }) = refused else { panic!("{attribute} was let in") };
        assert!(fault.contains(told), "{fault}");
    }
}

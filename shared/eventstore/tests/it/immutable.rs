use crate::tally::{add, cx, store};
use eventstore::{EventStore, TenantId};
use testkit::Database;

async fn with_five_events() -> (Database, EventStore, TenantId) {
    let (database, store) = store().await;
    let tenant = TenantId::random();
    for _ in 0..5 {
        add(&store, &cx(tenant), "one", 1).await.expect("recorded");
    }
    (database, store, tenant)
}

#[tokio::test]
async fn the_service_itself_can_change_nothing_that_is_recorded() {
    let (_database, store, tenant) = with_five_events().await;
    for statement in [
        "update events set body = ''",
        "delete from events",
        "truncate events",
        "truncate events_0",
        "insert into events select * from events",
        "insert into events_0 select * from events",
        "update heads set position = 0",
        "delete from heads",
        "insert into commands values (current_tenant(), 'k', '', '', 1, now())",
        "delete from commands",
        "alter table events disable trigger all",
        "alter table events disable row level security",
        "drop table events",
        "set role stele_owner",
        "set session_replication_role = replica",
    ] {
        let mut session = store.session(tenant).await.expect("a session");
        let refused = sqlx::query(statement).execute(session.connection()).await;
        let error = refused.expect_err(statement).to_string();
        assert!(error.contains("permission denied") || error.contains("must be owner"), "{statement}: {error}");
    }
    let report = store.verify_chain(tenant).await.expect("verified");
    assert_eq!((report.events, report.fault), (5, None));
}

#[tokio::test]
async fn the_superuser_meets_the_triggers() {
    let (database, _store, _tenant) = with_five_events().await;
    for statement in ["update events set body = ''", "delete from events", "truncate events", "truncate events_3"] {
        let error = database.as_superuser(statement).await.expect_err(statement).to_string();
        assert!(error.contains("append-only"), "{statement}: {error}");
    }
}

/// Computes every digest and the chain anew, and the head with it: nothing in the store itself tells of an edit then.
const RELINK: &str = "
create function relink() returns void language plpgsql as $$
declare
    v_tenant uuid; v_hash bytea; v_event events%rowtype;
begin
    select tenant_id into v_tenant from heads;
    v_hash := sha256(uuid_send(v_tenant));
    for v_event in select * from events order by position loop
        v_hash := sha256(v_hash || int8send(v_event.position)
            || int8send((extract(epoch from v_event.recorded_at) * 1000000)::bigint)
            || sha256(convert_to(v_event.body, 'UTF8')));
        update events set digest = sha256(convert_to(body, 'UTF8')), hash = v_hash where position = v_event.position;
    end loop;
    update heads set hash = v_hash;
end $$;";

/// Each row: what a superuser does with the triggers off, and where the verification says that it was done.
#[tokio::test]
async fn what_a_superuser_forges_is_found_at_its_position() {
    for (statement, position, told) in [
        ("update events set body = replace(body, '\"amount\":1', '\"amount\":9') where position = 3", 3, "content"),
        (
            "update events set body = body || ' ', digest = sha256(convert_to(body || ' ', 'UTF8')) where position = 2",
            2,
            "chain is broken",
        ),
        ("update events set recorded_at = recorded_at - interval '1 day' where position = 4", 4, "chain is broken"),
        ("update events set event_type = 'tally.forged' where position = 4", 4, "columns"),
        ("delete from events where position = 2", 3, "position 2 is missing"),
        ("delete from events where position = 5", 4, "head says 5"),
        ("update heads set hash = sha256('x')", 5, "another hash"),
        ("update heads set position = 9", 5, "head says 9"),
        ("update heads set position = 3", 4, "beyond the head"),
        ("delete from heads", 5, "no head"),
        ("update events set hash = sha256('x') where position = 3", 3, "chain is broken"),
        ("update events set version = 9 where position = 3", 3, "version 3 of its stream is expected"),
        (
            "update events set body = replace(body, tenant_id::text, gen_random_uuid()::text) where position = 1;
             select relink()",
            1,
            "another tenant",
        ),
        (
            "update events set position = -1 - position where position >= 3;
             update events set position = -position where position < 0;
             insert into events select tenant_id, 3, 'tally-two', 1, gen_random_uuid(), event_type, recorded_at, body, digest, hash
             from events where position = 2",
            3,
            "chain is broken",
        ),
        (
            "update events set position = -position where position in (2, 3);
             update events set position = 5 + position where position < 0",
            2,
            "digest differs|chain is broken",
        ),
    ] {
        let (database, store, tenant) = with_five_events().await;
        let mut superuser = database.superuser().await.expect("a connection");
        let forged = format!(
            "alter table events drop constraint events_position_check;
             set session_replication_role = replica; {RELINK} {statement}"
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(forged)).execute(&mut superuser).await.expect(statement);

        let fault = store.verify_chain(tenant).await.expect("verified").fault.expect(statement);

        assert_eq!(fault.position, position, "{statement}: {fault}");
        assert!(told.split('|').any(|told| fault.what.contains(told)), "{statement}: {fault}");
    }
}

/// The chain shows that the log follows from itself. Who can write it anew, and its head, is found by who holds a copy.
#[tokio::test]
async fn a_log_that_was_linked_anew_is_sound_in_itself_and_has_other_hashes() {
    let (database, store, tenant) = with_five_events().await;
    let events = async || store.session(tenant).await.expect("a session").events_after(0, 10).await.expect("read");
    let before = events().await;
    let mut superuser = database.superuser().await.expect("a connection");
    let forged = format!(
        "set session_replication_role = replica; {RELINK}
         update events set body = replace(body, '\"amount\":1', '\"amount\":9') where position = 3; select relink()"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(forged)).execute(&mut superuser).await.expect("forged");

    let report = store.verify_chain(tenant).await.expect("verified");

    assert_eq!((report.events, report.fault), (5, None));
    let after = events().await;
    let first_other = before.iter().zip(&after).find(|(before, after)| before.hash != after.hash);
    assert_eq!(first_other.map(|(before, _)| before.position), Some(3));
}

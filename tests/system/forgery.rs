//! What a database administrator alters is found by `stele verify`, which names where.

use crate::crash_points::counted;
use crate::system::{System, example, until};
use futures::stream::{self, StreamExt};

use sqlx::{AssertSqlSafe, Connection};

/// Computes a tenant's digests, chain and head anew, as somebody would who can write everything.
const RELINK: &str = "
create or replace function pg_temp.relink(p_tenant uuid) returns void language plpgsql as $$
declare
    v_hash bytea := sha256(uuid_send(p_tenant)); v_event events%rowtype;
begin
    for v_event in select * from events where tenant_id = p_tenant order by position loop
        v_hash := sha256(v_hash || int8send(v_event.position)
            || int8send((extract(epoch from v_event.recorded_at) * 1000000)::bigint)
            || sha256(convert_to(v_event.body, 'UTF8')));
        update events set digest = sha256(convert_to(body, 'UTF8')), hash = v_hash
        where tenant_id = p_tenant and position = v_event.position;
    end loop;
    update heads h set hash = v_hash, position = (select max(position) from events e where e.tenant_id = p_tenant)
    where h.tenant_id = p_tenant;
end $$;";

/// What is done to a tenant (`$1`), and what is told of it.
struct Forgery {
    name: &'static str,
    /// In which service's database, and what.
    done: &'static [(&'static str, &'static str)],
    told: &'static [&'static str],
}

const FORGERIES: &[Forgery] = &[
    Forgery {
        name: "an event is edited",
        done: &[("risk", "update events set body = replace(body, 'Larkspur', 'Larkspar') where tenant_id = $1 and position = 10")],
        told: &["position 10: ", "its digest differs"],
    },
    Forgery {
        name: "an event is edited and its digest with it",
        done: &[("risk", "update events set body = body || ' ', digest = sha256(convert_to(body || ' ', 'UTF8'))
                     where tenant_id = $1 and position = 13")],
        told: &["position 13: ", "the chain is broken"],
    },
    Forgery {
        name: "a hash is edited",
        done: &[("risk", "update events set hash = sha256('x') where tenant_id = $1 and position = 14")],
        told: &["position 14: ", "the chain is broken"],
    },
    Forgery {
        name: "an instant is edited",
        done: &[("risk", "update events set recorded_at = recorded_at - interval '1 day' where tenant_id = $1 and position = 15")],
        told: &["position 15: ", "the chain is broken"],
    },
    Forgery {
        name: "the head's hash is edited",
        done: &[("risk", "update heads set hash = sha256('x') where tenant_id = $1")],
        told: &["position 29: ", "the head holds another hash"],
    },
    Forgery {
        name: "the head is put back",
        done: &[("risk", "update heads set position = 20 where tenant_id = $1")],
        told: &["position 21: ", "beyond the head"],
    },
    Forgery {
        name: "an event is deleted",
        done: &[("risk", "delete from events where tenant_id = $1 and position = 9")],
        told: &["position 10: ", "position 9 is missing"],
    },
    Forgery {
        name: "the tail is dropped",
        done: &[("risk", "delete from events where tenant_id = $1 and position > 20")],
        told: &["position 20: ", "the head says 29"],
    },
    Forgery {
        name: "the tail is dropped, and the head and the views rewritten",
        done: &[("risk", "delete from events where tenant_id = $1 and position > 20; select pg_temp.relink($1);
                     delete from view_asset where tenant_id = $1 and valid_from > 20;
                     update view_checkpoints set position = 20 where tenant_id = $1")],
        told: &["position 21: ", "audit holds an event that is gone here"],
    },
    Forgery {
        name: "the tail is dropped, the head and the views rewritten, and audit's copy cut as well",
        done: &[
            ("risk", "delete from events where tenant_id = $1 and position > 20; select pg_temp.relink($1);
                      delete from view_asset where tenant_id = $1 and valid_from > 20;
                      update view_checkpoints set position = 20 where tenant_id = $1"),
            ("audit", "delete from trail where tenant_id = $1 and source = 'risk' and position > 20;
                       update consumer_checkpoints set position = 20 where tenant_id = $1 and source = 'risk'"),
        ],
        told: &["position 21: ", "it is gone here, and it was published up to 29"],
    },
    Forgery {
        name: "two events change places",
        done: &[("risk", "update events set position = 1000 where tenant_id = $1 and position = 7;
                     update events set position = 7 where tenant_id = $1 and position = 8;
                     update events set position = 8 where tenant_id = $1 and position = 1000")],
        told: &["position 7: ", "the chain is broken"],
    },
    Forgery {
        name: "two events change places and the chain is linked anew",
        done: &[("risk", "update events set position = 1000 where tenant_id = $1 and position = 7;
                     update events set position = 7 where tenant_id = $1 and position = 8;
                     update events set position = 8 where tenant_id = $1 and position = 1000; select pg_temp.relink($1)")],
        told: &["position 7: ", "audit shows another event"],
    },
    Forgery {
        name: "an event is inserted",
        done: &[("risk", "update events set position = position + 1000 where tenant_id = $1 and position > 10;
                     update events set position = position - 999 where tenant_id = $1 and position > 1000;
                     insert into events select tenant_id, 11, 'asset-A-99', 1, gen_random_uuid(), event_type, recorded_at,
                         body, digest, hash from events where tenant_id = $1 and position = 10;
                     update heads set position = 30 where tenant_id = $1")],
        told: &["position 11: ", "the chain is broken"],
    },
    Forgery {
        name: "an event is inserted and the chain is linked anew",
        done: &[("risk", "update events set position = position + 1000 where tenant_id = $1 and position > 10;
                     update events set position = position - 999 where tenant_id = $1 and position > 1000;
                     insert into events select tenant_id, 11, 'asset-A-99', 1, gen_random_uuid(), event_type, recorded_at,
                         replace(replace(body, event_id::text, gen_random_uuid()::text), stream, 'asset-A-99'), digest, hash
                         from events where tenant_id = $1 and position = 10;
                     update events set event_id = (body::jsonb ->> 'id')::uuid where tenant_id = $1 and position = 11;
                     select pg_temp.relink($1)")],
        told: &["position 11: ", "audit shows another event"],
    },
    Forgery {
        name: "an event is edited and the chain is linked anew",
        done: &[("risk", "update events set body = replace(body, 'Larkspur', 'Larkspar') where tenant_id = $1 and position = 10;
                     select pg_temp.relink($1)")],
        told: &["position 10: ", "audit shows another event"],
    },
    Forgery {
        name: "the log is gone",
        done: &[("risk", "delete from events where tenant_id = $1; delete from heads where tenant_id = $1;
                     delete from view_checkpoints where tenant_id = $1; delete from relay_checkpoints where tenant_id = $1")],
        told: &["position 1: ", "audit holds an event that is gone here"],
    },
    Forgery {
        name: "the copy lacks an event",
        done: &[("audit", "delete from trail where tenant_id = $1 and source = 'risk' and position = 7")],
        told: &["position 7: ", "audit holds later events and not this one"],
    },
    Forgery {
        name: "the copy lacks its tail",
        done: &[("audit", "delete from trail where tenant_id = $1 and source = 'risk' and position > 24")],
        told: &["position 25: ", "its trail lacks it"],
    },
    Forgery {
        name: "the copy has another reason",
        done: &[("audit", "update trail set reason = 'Nothing happened' where tenant_id = $1 and source = 'risk' and position = 9")],
        told: &["position 9: ", "audit shows another event"],
    },
    Forgery {
        name: "the copy has other data",
        done: &[("audit", "update trail set data = data || '{\"name\": \"Nothing\"}' where tenant_id = $1 and source = 'risk' and position = 9")],
        told: &["position 9: ", "audit shows another event"],
    },
    Forgery {
        name: "the copy has another hash",
        done: &[("audit", "update trail set hash = reverse(hash) where tenant_id = $1 and source = 'risk' and position = 9")],
        told: &["position 9: ", "audit shows another event"],
    },
    Forgery {
        name: "a view is edited",
        done: &[("risk", "update view_asset set data = data || '{\"name\": \"Nothing\"}' where tenant_id = $1 and key = 'A-3'")],
        told: &["view asset, ", "row A-3, "],
    },
];

pub async fn alter(system: &System, service: &str, tenant: &str, statements: &str) {
    let mut connection = system.superuser(service).await;
    let statements = statements.replace("$1", &format!("'{tenant}'::uuid"));
    let statements = format!("set session_replication_role = replica; {RELINK} {statements}");
    sqlx::raw_sql(AssertSqlSafe(statements)).execute(&mut connection).await.expect("altered");
    connection.close().await.expect("closed");
}

#[tokio::test]
async fn each_forgery_is_named_with_its_position() {
    let system = System::start().await;
    let names = FORGERIES.iter().map(|forgery| forgery.name).chain(["untouched"]);
    let made = names.map(async |name| {
        let tenant = system.tenant(name).await;
        let upload = format!("/v1/tenants/{tenant}/imports/assets");
        assert_eq!(system.as_admin().upload(&upload, example("assets.csv")).await.status, 200);
        tenant
    });
    let mut tenants: Vec<String> = stream::iter(made).buffered(4).collect().await;
    until("audit to have heard everything", async || {
        let (_, report) = system.verify().await;
        report.lines().filter_map(counted).all(|(events, held)| events == held)
    })
    .await;
    let (sound, report) = system.verify().await;
    assert!(sound, "{report}");

    let untouched = tenants.pop().expect("the last");
    for (Forgery { done, .. }, tenant) in FORGERIES.iter().zip(&tenants) {
        for (service, statements) in *done {
            alter(&system, service, tenant, statements).await;
        }
    }
    let (sound, report) = system.verify().await;
    assert!(!sound, "{report}");
    for (Forgery { name, told, .. }, tenant) in FORGERIES.iter().zip(&tenants) {
        let first = report.lines().find(|line| line.contains(tenant.as_str()));
        let first = first.unwrap_or_else(|| panic!("{name}: nothing is told of {tenant} in\n{report}"));
        assert!(told.iter().all(|words| first.contains(words)), "{name}: {first}");
    }
    assert!(!report.contains(&untouched), "{report}");
    let (sound, report) = system.tool(&["verify", "--tenant", &untouched], &[]).await;
    assert!(sound, "{report}");
}

//! A register that grew for years, made by SQL and not by commands.

use eventstore::TenantId;
use testkit::Database;

pub const VERSIONS: i64 = 10;

/// Puts events of `risks` risks into the log, each changed again and again, and rows of the register that look as if they
/// were folded from them. The chain is not kept.
pub async fn grow(database: &Database, tenant: TenantId, risks: i64) {
    let mut superuser = database.superuser().await.expect("a connection");
    // In each round every risk is changed once, in another order than that of their refs.
    let events = "insert into events
        select $1, p + 1, 'risk-R-' || k, round + 1, gen_random_uuid(), 'risk.described',
               timestamptz '2026-01-01 00:00Z' + p * interval '1 second',
               json_build_object('id', gen_random_uuid(), 'tenant', $1, 'stream', 'risk-R-' || k, 'type', 'risk.described',
                   'schema', 1, 'occurred_at', '2026-01-01T00:00:00.000000Z',
                   'data', json_build_object('name', 'Risk', 'description', repeat('what may happen ', 10), 'assets', '[]'::json),
                   'metadata', json_build_object('actor', json_build_object('kind', 'person', 'id', 'mara'),
                                                 'correlation_id', gen_random_uuid())), '', sha256('')
        from (select p, p * 7919 % $2 as k, p / $2 as round from generate_series(0, $2 * $3 - 1) p) e";
    let head = "insert into heads select tenant_id, max(position), sha256(''), max(recorded_at) from events
                where tenant_id = $1 and $2 * $3 > 0 group by tenant_id";
    let rows = "insert into view_risk (tenant_id, key, valid_from, valid_to, version, at, data)
        select $1, 'R-' || k, p + 1, lead(p + 1, 1, 9223372036854775807) over (partition by k order by p), round + 1, now(),
               jsonb_strip_nulls(jsonb_build_object('name', 'Risk', 'description', repeat('what may happen ', 10),
                   'assets', '[]'::json, 'owner', 'person' || (k * 31 + round * 7) % 200, 'existing_controls', '[]'::json,
                   'state', (array['identified', 'assessed', 'treatment_decided'])[1 + (k + round) % 3],
                   'level', case when round > 0 then (k * 13 + round * 5) % 5 end,
                   'score', case when round > 0 then (k * 17 + round * 3) % 25 end, 'residual_level', (k + round) % 5))
        from (select p, p * 7919 % $2 as k, p / $2 as round from generate_series(0, $2 * $3 - 1) p) e";
    let checkpoint = "insert into view_checkpoints values ($1, 'risk', $2 * $3)";
    for statement in [events, head, rows, checkpoint] {
        sqlx::query(statement).bind(tenant).bind(risks).bind(VERSIONS).execute(&mut superuser).await.expect("made");
    }
}

-- Every event of every service, as it was heard: what an auditor reads, and the second witness of each service's chain.

-- The number of the last entry of each tenant. Several sources are taken in at once: the row's lock is their order.
-- A consumer locks its own checkpoint first and this row second, never the other way round.
create table trail_heads (
    tenant_id uuid primary key,
    number    bigint not null
) with (fillfactor = 50);

create table trail (
    tenant_id      uuid not null,
    -- 1, 2, 3, ... in the order of arrival, without a gap.
    number         bigint not null check (number > 0),
    source         text not null,
    -- Place in the source's log of this tenant.
    position       bigint not null check (position > 0),
    event_id       uuid not null,
    event_type     text not null,
    stream         text not null,
    object_id      text not null generated always as (substr(stream, strpos(stream, '-') + 1)) stored,
    version        bigint not null,
    actor          text not null,
    reason         text,
    occurred_at    timestamptz not null,
    recorded_at    timestamptz not null,
    correlation_id uuid not null,
    causation_id   uuid,
    traceparent    text,
    -- The source's chain at this position, in hexadecimal.
    hash           text not null,
    data           jsonb not null,
    primary key (tenant_id, number),
    unique (tenant_id, source, position),
    unique (tenant_id, source, event_id)
);

create index trail_by_time on trail (tenant_id, recorded_at, source, position);
create index trail_by_stream on trail (tenant_id, stream, recorded_at, source, position);
create index trail_by_object on trail (tenant_id, object_id, recorded_at, source, position);
create index trail_by_actor on trail (tenant_id, actor, recorded_at, source, position);
create index trail_by_type on trail (tenant_id, event_type, recorded_at, source, position);

create trigger trail_is_immutable before update or delete on trail for each row execute function refuse_change();
create trigger trail_is_kept before truncate on trail for each statement execute function refuse_change();

select protect('trail_heads'), protect('trail');
grant select, insert, update on trail_heads to stele_app;
grant select, insert on trail to stele_app;

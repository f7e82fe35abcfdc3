-- The event store: one schema, the same in the database of every service.
-- Roles (made by the migrator): stele_owner owns everything and cannot log in; stele_app is what request code is;
-- stele_engine sees which tenants exist and how far they are, and the content of none.

create function current_tenant() returns uuid
    language sql stable
    -- After the first set_config(.., true) of a session the setting is '' outside a transaction, not null.
    return nullif(current_setting('stele.tenant', true), '')::uuid;

-- The last position of each tenant. Only `append` writes here; its row lock is the order of the tenant's events.
create table heads (
    tenant_id   uuid primary key,
    position    bigint not null,
    hash        bytea not null,
    recorded_at timestamptz not null
) with (fillfactor = 50);

create table events (
    tenant_id   uuid not null,
    position    bigint not null check (position > 0),
    stream      text not null,
    version     bigint not null check (version > 0),
    event_id    uuid not null,
    event_type  text not null,
    recorded_at timestamptz not null,
    -- RFC 8785 canonical JSON of the whole event: what the digest covers, byte for byte, and what is read back.
    body        text not null,
    digest      bytea not null,
    hash        bytea not null,
    primary key (tenant_id, position),
    unique (tenant_id, stream, version),
    unique (tenant_id, event_id)
) partition by hash (tenant_id);

do $$
begin
    for i in 0..7 loop
        execute format('create table events_%s partition of events for values with (modulus 8, remainder %s)', i, i);
    end loop;
end $$;

create index events_by_time on events (tenant_id, recorded_at, position);

-- The first answer to each Idempotency-Key, stored in the transaction of its events.
create table commands (
    tenant_id      uuid not null,
    command_id     text not null,
    request_digest bytea not null,
    answer         text not null,
    position       bigint not null,
    recorded_at    timestamptz not null,
    primary key (tenant_id, command_id)
);

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'the % table is append-only: % is refused', tg_table_name, tg_op using errcode = 'restrict_violation';
end $$;

create trigger events_are_immutable before update or delete on events for each row execute function refuse_change();
create trigger commands_are_immutable before update or delete on commands for each row execute function refuse_change();
create trigger commands_are_kept before truncate on commands for each statement execute function refuse_change();
create trigger events_are_kept before truncate on events for each statement execute function refuse_change();
do $$
begin
    for i in 0..7 loop
        execute format('create trigger events_are_kept before truncate on events_%s for each statement execute function refuse_change()', i);
    end loop;
end $$;

-- Takes the tenant's place in line: until its transaction ends, nobody else appends for this tenant.
create function lock_head(p_tenant uuid) returns void
language plpgsql security definer set search_path = public, pg_temp as $$
begin
    if p_tenant is distinct from current_tenant() then
        raise exception 'lock_head: stele.tenant is not this tenant' using errcode = 'insufficient_privilege';
    end if;
    insert into heads values (p_tenant, 0, sha256(uuid_send(p_tenant)), '-infinity') on conflict do nothing;
    perform from heads h where h.tenant_id = p_tenant for no key update;
end $$;

-- Appends events to one tenant's log, all or none. `p_streams` and `p_expected` name each stream touched and the version
-- its decision was made on; the events carry their stream, in order. `p_command` is the Idempotency-Key, or null.
-- verdict: appended | repeated (the key was answered before: `answer`) | reused (same key, other request)
--        | conflict (`stream` is at version `actual`, not at the expected one).
create function append(
    p_tenant uuid, p_command text, p_request bytea, p_answer text,
    p_streams text[], p_expected bigint[],
    p_ids uuid[], p_event_streams text[], p_types text[], p_bodies text[]
) returns table (verdict text, last_position bigint, at timestamptz, answer text, stream text, actual bigint)
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    v_head    heads%rowtype;
    v_known   commands%rowtype;
    v_micros  bytea;
    v_digests bytea[] := '{}';
    v_hashes  bytea[] := '{}';
    v_count   int := cardinality(p_ids);
begin
    if p_tenant is distinct from current_tenant() then
        raise exception 'append: stele.tenant is not the tenant of the events' using errcode = 'insufficient_privilege';
    end if;
    -- Lock first, look afterwards, in statements of their own: a single statement would see the rows as of before the wait.
    perform lock_head(p_tenant);
    select * into v_head from heads h where h.tenant_id = p_tenant;

    if p_command is not null then
        select * into v_known from commands c where c.tenant_id = p_tenant and c.command_id = p_command;
        if found then
            return query select case when v_known.request_digest = p_request then 'repeated' else 'reused' end,
                v_known.position, v_known.recorded_at, v_known.answer, null::text, null::bigint;
            return;
        end if;
    end if;

    return query
        select 'conflict', v_head.position, null::timestamptz, null::text, w.stream, w.actual
        from (select s.stream, s.expected,
                     coalesce((select max(e.version) from events e where e.tenant_id = p_tenant and e.stream = s.stream), 0) as actual
              from unnest(p_streams, p_expected) as s(stream, expected)) w
        where w.actual <> w.expected
        limit 1;
    if found then
        return;
    end if;

    if v_count > 0 then
        -- Strictly later than the event before, so that an instant always names one position.
        v_head.recorded_at := greatest(clock_timestamp(), v_head.recorded_at + interval '1 microsecond');
        v_micros := int8send((extract(epoch from v_head.recorded_at) * 1000000)::bigint);
        for i in 1..v_count loop
            v_digests[i] := sha256(convert_to(p_bodies[i], 'UTF8'));
            v_head.hash := sha256(v_head.hash || int8send(v_head.position + i) || v_micros || v_digests[i]);
            v_hashes[i] := v_head.hash;
        end loop;
        insert into events (tenant_id, position, stream, version, event_id, event_type, recorded_at, body, digest, hash)
        select p_tenant, v_head.position + n.i, n.stream,
               s.expected + row_number() over (partition by n.stream order by n.i),
               n.id, n.type, v_head.recorded_at, n.body, n.digest, n.hash
        from unnest(p_ids, p_event_streams, p_types, p_bodies, v_digests, v_hashes)
             with ordinality as n(id, stream, type, body, digest, hash, i)
        join unnest(p_streams, p_expected) as s(stream, expected) on s.stream = n.stream;
        get diagnostics v_count = row_count;
        if v_count <> cardinality(p_ids) then
            raise exception 'append: an event names a stream without an expected version';
        end if;
        v_head.position := v_head.position + v_count;
        update heads h set position = v_head.position, hash = v_head.hash, recorded_at = v_head.recorded_at
        where h.tenant_id = p_tenant;
    end if;

    if p_command is not null then
        insert into commands values (p_tenant, p_command, p_request, p_answer, v_head.position, clock_timestamp());
    end if;
    return query select 'appended', v_head.position, nullif(v_head.recorded_at, '-infinity'), null::text, null::text, null::bigint;
end $$;

-- Row-level security for a table whose rows belong to a tenant. FORCE binds the owner too.
create function protect(p_table regclass) returns void language plpgsql as $$
begin
    execute format('alter table %s enable row level security', p_table);
    execute format('alter table %s force row level security', p_table);
    execute format('create policy tenant on %s using (tenant_id = current_tenant()) with check (tenant_id = current_tenant())', p_table);
end $$;

select protect('heads'), protect('events'), protect('commands');
do $$
begin
    for i in 0..7 loop
        perform protect(format('events_%s', i)::regclass);
    end loop;
end $$;

create policy engine on heads for select to stele_engine using (true);
grant select on heads to stele_engine;

grant select on heads, events, commands to stele_app;
revoke execute on function append, lock_head, protect from public;
grant execute on function append, lock_head to stele_app;

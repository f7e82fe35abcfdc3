-- The append again, with less to do for each command: heads in plain arrays, digests by one statement, and no look at what
-- collides seldom. What collides all the same breaks a unique key, and is done anew with a look.

drop function append(uuid[], text[], bytea[], text[], int[], text[], bigint[], int[], text[], bigint[], uuid[], text[], text[]);
drop function append_many(boolean, uuid[], text[], bytea[], text[], int[], text[], bigint[], int[], text[], bigint[], uuid[], text[], text[]);

-- Appends what many commands decided, each all or none, each with its own verdict.
--
-- c_*: the commands, sorted by tenant; `c_key` is the Idempotency-Key, or null. s_*: each stream that a command's decision
-- read, with the number (from 1) of the command, the version that it saw, and whether it is to be looked at; those that it
-- writes are among them.
-- e_*: the events, sorted by command, with the version that each has in its stream.
-- Commands of one call are independent: none reads what an earlier one writes, and no two of a tenant have the same key.
--
-- Without `p_look` it is taken for granted that no key was answered before, and without `s_look` that a stream is as it was:
-- what begins and what has a new key is mostly right. The call fails with unique_violation where it is not, and records nothing.
--
-- verdict: appended | repeated (the key was answered before: `answer`) | reused (same key, other request)
--        | conflict (`stream` is at version `actual`, not at the one that was read)
--        | busy (somebody else appends for the tenant, and `p_wait` is false).
create function append_many(
    p_wait boolean, p_look boolean,
    c_tenant uuid[], c_key text[], c_request bytea[], c_answer text[],
    s_command int[], s_stream text[], s_version bigint[], s_look boolean[],
    e_command int[], e_stream text[], e_version bigint[], e_id uuid[], e_type text[], e_body text[]
) returns table (command int, verdict text, last_position bigint, at timestamptz, answer text, stream text, actual bigint)
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    v_commands  int := cardinality(c_tenant);
    v_events    int := cardinality(e_command);
    v_verdicts  text[] := array_fill(null::text, array[v_commands]);
    v_last      bigint[] := array_fill(null::bigint, array[v_commands]);
    v_ats       timestamptz[] := array_fill(null::timestamptz, array[v_commands]);
    v_answers   text[] := array_fill(null::text, array[v_commands]);
    v_streams   text[] := array_fill(null::text, array[v_commands]);
    v_actuals   bigint[] := array_fill(null::bigint, array[v_commands]);
    v_position  bigint[] := array_fill(null::bigint, array[v_events]);
    v_at        timestamptz[] := array_fill(null::timestamptz, array[v_events]);
    v_hash      bytea[] := array_fill(null::bytea, array[v_events]);
    v_digest    bytea[];
    -- The heads that are ours, sorted by tenant: where each stands, and then where it ends.
    h_tenant    uuid[];
    h_position  bigint[];
    h_hash      bytea[];
    h_at        timestamptz[];
    v_tenants   int := 0;
    v_index     int := 0;
    v_event     int := 1;
    v_tenant    uuid;
    v_is_ours   boolean := false;
    v_head      bigint;
    v_chain     bytea;
    v_now       timestamptz;
    v_micros    bytea;
    v_keys      boolean := false;
    v_row       record;
begin
    for i in 1..v_commands loop
        v_keys := v_keys or c_key[i] is not null;
        if v_tenant is distinct from c_tenant[i] then
            v_tenant := c_tenant[i];
            v_tenants := v_tenants + 1;
        end if;
    end loop;
    v_tenant := null;

    -- Lock first, look afterwards, in statements of their own: a single statement would see the rows as of before the wait.
    -- The locks are taken in the order of ids, so two calls never wait for each other in a circle.
    for attempt in 1..2 loop
        if p_wait then
            select array_agg(l.tenant_id), array_agg(l.position), array_agg(l.hash), array_agg(l.recorded_at)
            into h_tenant, h_position, h_hash, h_at
            from (select * from heads h where h.tenant_id = any(c_tenant) order by h.tenant_id for no key update) l;
        else
            select array_agg(l.tenant_id), array_agg(l.position), array_agg(l.hash), array_agg(l.recorded_at)
            into h_tenant, h_position, h_hash, h_at
            from (select * from heads h where h.tenant_id = any(c_tenant) order by h.tenant_id for no key update skip locked) l;
        end if;
        exit when attempt = 2 or cardinality(h_tenant) = v_tenants;
        -- New tenants have no head yet; one that others lock stays out.
        insert into heads
        select distinct t, 0, sha256(uuid_send(t)), '-infinity'::timestamptz from unnest(c_tenant) t
        where not exists (select from heads h where h.tenant_id = t) order by t
        on conflict do nothing;
        exit when not found and not p_wait;
    end loop;

    if v_keys and p_look then
        for v_row in
            select c.i, k.request_digest = c.request as same, k.position, k.recorded_at, k.answer
            from unnest(c_tenant, c_key, c_request) with ordinality as c(tenant, key, request, i)
            join commands k on k.tenant_id = c.tenant and k.command_id = c.key
        loop
            v_verdicts[v_row.i] := case when v_row.same then 'repeated' else 'reused' end;
            v_last[v_row.i] := v_row.position;
            v_ats[v_row.i] := v_row.recorded_at;
            v_answers[v_row.i] := v_row.answer;
        end loop;
    end if;

    for v_row in
        select s.command, s.stream, coalesce(l.version, 0) as actual
        from unnest(s_command, s_stream, s_version, s_look) as s(command, stream, version, look)
        left join lateral (
            select e.version from events e
            where e.tenant_id = c_tenant[s.command] and e.stream = s.stream order by e.version desc limit 1
        ) l on true
        where s.look and coalesce(l.version, 0) <> s.version
    loop
        if v_verdicts[v_row.command] is null then
            v_verdicts[v_row.command] := 'conflict';
            v_streams[v_row.command] := v_row.stream;
            v_actuals[v_row.command] := v_row.actual;
        end if;
    end loop;

    select array_agg(sha256(convert_to(b.body, 'UTF8')) order by b.i) into v_digest
    from unnest(e_body) with ordinality as b(body, i);

    for i in 1..v_commands loop
        if v_tenant is distinct from c_tenant[i] then
            if v_is_ours then
                h_position[v_index] := v_head;
                h_hash[v_index] := v_chain;
                h_at[v_index] := v_now;
            end if;
            v_tenant := c_tenant[i];
            -- A head that is left out belongs to a tenant that is not ours to lock this time.
            while h_tenant[v_index + 1] <= v_tenant loop
                v_index := v_index + 1;
            end loop;
            v_is_ours := coalesce(h_tenant[v_index] = v_tenant, false);
            if v_is_ours then
                v_head := h_position[v_index];
                v_chain := h_hash[v_index];
                v_now := h_at[v_index];
            end if;
        end if;
        if not v_is_ours then
            if v_verdicts[i] is null or v_verdicts[i] = 'conflict' then
                v_verdicts[i] := 'busy';
            end if;
        elsif v_verdicts[i] is null then
            v_verdicts[i] := 'appended';
            if e_command[v_event] = i then
                -- Strictly later than the append before, so that an instant always names one position.
                v_now := greatest(clock_timestamp(), v_now + interval '1 microsecond');
                v_micros := int8send((extract(epoch from v_now) * 1000000)::bigint);
            end if;
            while e_command[v_event] = i loop
                v_head := v_head + 1;
                v_chain := sha256(v_chain || int8send(v_head) || v_micros || v_digest[v_event]);
                v_position[v_event] := v_head;
                v_hash[v_event] := v_chain;
                v_at[v_event] := v_now;
                v_event := v_event + 1;
            end loop;
            v_last[i] := v_head;
            v_ats[i] := nullif(v_now, '-infinity');
            continue;
        elsif v_verdicts[i] = 'conflict' then
            v_last[i] := v_head;
        end if;
        while e_command[v_event] = i loop
            v_event := v_event + 1;
        end loop;
    end loop;
    if v_is_ours then
        h_position[v_index] := v_head;
        h_hash[v_index] := v_chain;
        h_at[v_index] := v_now;
    end if;

    insert into events (tenant_id, position, stream, version, event_id, event_type, recorded_at, body, digest, hash)
    select c_tenant[e.command], e.position, e.stream, e.version, e.id, e.type, e.at, e.body, e.digest, e.hash
    from unnest(e_command, v_position, e_stream, e_version, e_id, e_type, v_at, e_body, v_digest, v_hash)
         as e(command, position, stream, version, id, type, at, body, digest, hash)
    where e.position is not null;
    if found then
        update heads h set position = n.position, hash = n.hash, recorded_at = n.recorded_at
        from unnest(h_tenant, h_position, h_hash, h_at) as n(tenant_id, position, hash, recorded_at)
        where h.tenant_id = n.tenant_id and h.position <> n.position;
    end if;

    if v_keys then
        insert into commands (tenant_id, command_id, request_digest, answer, position, recorded_at)
        select c.tenant, c.key, c.request, c.answer, c.position, clock_timestamp()
        from unnest(c_tenant, c_key, c_request, c_answer, v_last, v_verdicts)
             as c(tenant, key, request, answer, position, verdict)
        where c.verdict = 'appended' and c.key is not null;
    end if;

    return query
        select v.i::int, v.verdict, v.last_position, v.at, v.answer, v.stream, v.actual
        from unnest(v_verdicts, v_last, v_ats, v_answers, v_streams, v_actuals)
             with ordinality as v(verdict, last_position, at, answer, stream, actual, i);
end $$;

-- The same for one tenant, inside a transaction of the service's own that is bound to it.
create function append(
    c_tenant uuid[], c_key text[], c_request bytea[], c_answer text[],
    s_command int[], s_stream text[], s_version bigint[], s_look boolean[],
    e_command int[], e_stream text[], e_version bigint[], e_id uuid[], e_type text[], e_body text[]
) returns table (command int, verdict text, last_position bigint, at timestamptz, answer text, stream text, actual bigint)
language plpgsql security definer set search_path = public, pg_temp as $$
begin
    if current_tenant() is null or not (current_tenant() = all(c_tenant)) then
        raise exception 'append: stele.tenant is not the tenant of the events' using errcode = 'insufficient_privilege';
    end if;
    return query select * from append_many(true, true, c_tenant, c_key, c_request, c_answer,
        s_command, s_stream, s_version, s_look, e_command, e_stream, e_version, e_id, e_type, e_body);
end $$;

revoke execute on function append_many, append from public;
grant create on schema public to stele_appender;
alter function append_many owner to stele_appender;
alter function append owner to stele_appender;
revoke create on schema public from stele_appender;
grant execute on function append_many to stele_writer;
grant execute on function append to stele_app;

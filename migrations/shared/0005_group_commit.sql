-- Commands that wait at the same moment share one transaction, over many tenants. Only the store's own writer may do that:
-- it logs in as a member of stele_writer, and no request code ever holds its connection.
-- stele_appender (made by the migrator, cannot log in) owns the one function that writes events.

grant select, insert, update on heads to stele_appender;
grant select, insert on events, commands to stele_appender;
create policy appender on heads to stele_appender using (true) with check (true);
create policy appender on events to stele_appender using (true) with check (true);
create policy appender on commands to stele_appender using (true) with check (true);

grant select on events to stele_writer;
create policy writer on events for select to stele_writer using (true);
grant select, insert, update on view_checkpoints to stele_writer;
create policy writer on view_checkpoints to stele_writer using (true) with check (true);

-- An instant is found by bisection over the positions, which it rises with; and an event's id is derived from what makes it
-- unique already. Each index less is time that no append spends.
drop index events_by_time;
alter table events drop constraint events_tenant_id_event_id_key;

drop function append(uuid, text, bytea, text, text[], bigint[], uuid[], text[], text[], text[]);

-- The last position that was recorded at the instant or before; 0 where there is none.
create function position_at(p_tenant uuid, p_at timestamptz) returns bigint
language plpgsql stable as $$
declare
    v_low  bigint := 0;
    v_high bigint;
    v_mid  bigint;
begin
    select h.position into v_high from heads h where h.tenant_id = p_tenant;
    v_high := coalesce(v_high, 0);
    while v_low < v_high loop
        v_mid := (v_low + v_high + 1) / 2;
        if (select e.recorded_at from events e where e.tenant_id = p_tenant and e.position = v_mid) <= p_at then
            v_low := v_mid;
        else
            v_high := v_mid - 1;
        end if;
    end loop;
    return v_low;
end $$;

-- Appends what many commands decided, each all or none, each with its own verdict.
--
-- c_*: the commands, sorted by tenant; `c_key` is the Idempotency-Key, or null. s_*: each stream that a command's decision
-- read, with the number (from 1) of the command and the version that it saw; those that it writes are among them.
-- e_*: the events, sorted by command, with the version that each has in its stream.
-- Commands of one call are independent: none reads what an earlier one writes, and no two of a tenant have the same key.
--
-- verdict: appended | repeated (the key was answered before: `answer`) | reused (same key, other request)
--        | conflict (`stream` is at version `actual`, not at the one that was read)
--        | busy (somebody else appends for the tenant, and `p_wait` is false).
create function append_many(
    p_wait boolean,
    c_tenant uuid[], c_key text[], c_request bytea[], c_answer text[],
    s_command int[], s_stream text[], s_version bigint[],
    e_command int[], e_stream text[], e_version bigint[], e_id uuid[], e_type text[], e_body text[]
) returns table (command int, verdict text, last_position bigint, at timestamptz, answer text, stream text, actual bigint)
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    v_commands int := cardinality(c_tenant);
    v_events   int := cardinality(e_command);
    v_verdicts text[] := array_fill(null::text, array[v_commands]);
    v_last     bigint[] := array_fill(null::bigint, array[v_commands]);
    v_ats      timestamptz[] := array_fill(null::timestamptz, array[v_commands]);
    v_answers  text[] := array_fill(null::text, array[v_commands]);
    v_streams  text[] := array_fill(null::text, array[v_commands]);
    v_actuals  bigint[] := array_fill(null::bigint, array[v_commands]);
    v_tenants  uuid[] := '{}';
    v_position bigint[] := array_fill(null::bigint, array[v_events]);
    v_digest   bytea[] := array_fill(null::bytea, array[v_events]);
    v_hash     bytea[] := array_fill(null::bytea, array[v_events]);
    v_at       timestamptz[] := array_fill(null::timestamptz, array[v_events]);
    v_heads    heads[] := '{}';
    v_head     heads;
    v_index    int := 0;
    v_event    int := 1;
    v_moved    boolean := false;
    v_keys     boolean := false;
    v_micros   bytea;
    v_row      record;
begin
    -- Lock first, look afterwards, in statements of their own: a single statement would see the rows as of before the wait.
    -- The locks are taken in the order of ids, so two calls never wait for each other in a circle.
    if p_wait then
        insert into heads select distinct t, 0, sha256(uuid_send(t)), '-infinity'::timestamptz from unnest(c_tenant) t order by t
        on conflict do nothing;
        select array_agg(l.h) into v_heads
        from (select h from heads h where h.tenant_id = any(c_tenant) order by h.tenant_id for no key update) l;
    else
        select array_agg(l.h) into v_heads
        from (select h from heads h where h.tenant_id = any(c_tenant) order by h.tenant_id for no key update skip locked) l;
        v_heads := coalesce(v_heads, '{}');
        if cardinality(v_heads) < (select count(distinct t) from unnest(c_tenant) t) then
            -- New tenants have no head yet; one that others lock stays out.
            insert into heads
            select distinct t, 0, sha256(uuid_send(t)), '-infinity'::timestamptz from unnest(c_tenant) t
            where not exists (select from heads h where h.tenant_id = t) order by t
            on conflict do nothing;
            if found then
                select array_agg(l.h) into v_heads
                from (select h from heads h where h.tenant_id = any(c_tenant) order by h.tenant_id
                      for no key update skip locked) l;
            end if;
        end if;
    end if;

    for i in 1..v_commands loop
        v_keys := v_keys or c_key[i] is not null;
    end loop;
    if v_keys then
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
        from unnest(s_command, s_stream, s_version) as s(command, stream, version)
        left join lateral (
            select e.version from events e
            where e.tenant_id = c_tenant[s.command] and e.stream = s.stream order by e.version desc limit 1
        ) l on true
        where coalesce(l.version, 0) <> s.version
    loop
        if v_verdicts[v_row.command] is null then
            v_verdicts[v_row.command] := 'conflict';
            v_streams[v_row.command] := v_row.stream;
            v_actuals[v_row.command] := v_row.actual;
        end if;
    end loop;

    for i in 1..v_commands loop
        if v_head.tenant_id is distinct from c_tenant[i] then
            if v_moved then
                v_heads[v_index] := v_head;
            end if;
            v_moved := false;
            v_index := v_index + 1;
            v_head := v_heads[v_index];
            while v_head.tenant_id is not null and v_head.tenant_id < c_tenant[i] loop
                v_index := v_index + 1;
                v_head := v_heads[v_index];
            end loop;
            if v_head.tenant_id is distinct from c_tenant[i] then
                -- Not ours to lock this time. The head that was found belongs to a later tenant.
                v_index := v_index - 1;
                v_head := null;
            end if;
        end if;
        if v_head.tenant_id is null then
            if v_verdicts[i] is null or v_verdicts[i] = 'conflict' then
                v_verdicts[i] := 'busy';
            end if;
        elsif v_verdicts[i] is null then
            v_verdicts[i] := 'appended';
            if e_command[v_event] = i then
                -- Strictly later than the append before, so that an instant always names one position.
                v_head.recorded_at := greatest(clock_timestamp(), v_head.recorded_at + interval '1 microsecond');
                v_micros := int8send((extract(epoch from v_head.recorded_at) * 1000000)::bigint);
                v_moved := true;
            end if;
        end if;
        while e_command[v_event] = i loop
            if v_verdicts[i] = 'appended' then
                v_head.position := v_head.position + 1;
                v_digest[v_event] := sha256(convert_to(e_body[v_event], 'UTF8'));
                v_head.hash := sha256(v_head.hash || int8send(v_head.position) || v_micros || v_digest[v_event]);
                v_position[v_event] := v_head.position;
                v_hash[v_event] := v_head.hash;
                v_at[v_event] := v_head.recorded_at;
            end if;
            v_event := v_event + 1;
        end loop;
        if v_verdicts[i] = 'conflict' then
            v_last[i] := v_head.position;
        elsif v_verdicts[i] = 'appended' then
            v_last[i] := v_head.position;
            v_ats[i] := nullif(v_head.recorded_at, '-infinity');
        end if;
    end loop;
    if v_moved then
        v_heads[v_index] := v_head;
    end if;

    insert into events (tenant_id, position, stream, version, event_id, event_type, recorded_at, body, digest, hash)
    select c_tenant[e.command], e.position, e.stream, e.version, e.id, e.type, e.at, e.body, e.digest, e.hash
    from unnest(e_command, v_position, e_stream, e_version, e_id, e_type, v_at, e_body, v_digest, v_hash)
         as e(command, position, stream, version, id, type, at, body, digest, hash)
    where e.position is not null;
    if found then
        update heads h set position = n.position, hash = n.hash, recorded_at = n.recorded_at
        from unnest(v_heads) n
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
    s_command int[], s_stream text[], s_version bigint[],
    e_command int[], e_stream text[], e_version bigint[], e_id uuid[], e_type text[], e_body text[]
) returns table (command int, verdict text, last_position bigint, at timestamptz, answer text, stream text, actual bigint)
language plpgsql security definer set search_path = public, pg_temp as $$
begin
    if current_tenant() is null or not (current_tenant() = all(c_tenant)) then
        raise exception 'append: stele.tenant is not the tenant of the events' using errcode = 'insufficient_privilege';
    end if;
    return query select * from append_many(true, c_tenant, c_key, c_request, c_answer,
        s_command, s_stream, s_version, e_command, e_stream, e_version, e_id, e_type, e_body);
end $$;

revoke execute on function append_many, append from public;
grant create on schema public to stele_appender;
alter function append_many owner to stele_appender;
alter function append owner to stele_appender;
revoke create on schema public from stele_appender;
grant execute on function append_many to stele_writer;
grant execute on function append to stele_app;

-- The writer applies the views that are caught up, of all tenants of a batch at once.
create function let_writer_follow(p_view regclass) returns void language plpgsql as $$
begin
    execute format('grant select, insert, update on %s to stele_writer', p_view);
    execute format('create policy writer on %s to stele_writer using (true) with check (true)', p_view);
end $$;
revoke execute on function let_writer_follow from public;

do $$
declare
    v_view regclass;
begin
    for v_view in
        select c.oid::regclass from pg_class c
        where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and c.relname like 'view\_%' and c.relname <> 'view_checkpoints'
    loop
        perform let_writer_follow(v_view);
    end loop;
end $$;

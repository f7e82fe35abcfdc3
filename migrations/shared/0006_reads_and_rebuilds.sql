-- Lists as of any position by index, and views folded anew beside the live ones.

-- The same order as before, R-2 before R-10, some fifty times cheaper and in fewer bytes: every run of digits loses its
-- leading zeros and gets its length before it. One of more than 99 digits is ordered as text.
-- `service::natural` gives the same in Rust.
create or replace function natural_place(p_name text) returns text language plpgsql immutable strict parallel safe as $$
declare
    v_place  text := '';
    v_rest   text := p_name;
    v_start  int;
    v_number text;
begin
    loop
        v_start := strpos(translate(v_rest, '123456789', '000000000'), '0');
        exit when v_start = 0;
        v_place := v_place || left(v_rest, v_start - 1);
        v_number := substr(v_rest, v_start);
        v_rest := ltrim(v_number, '0123456789');
        v_number := ltrim(left(v_number, length(v_number) - length(v_rest)), '0');
        v_place := v_place || lpad(least(length(v_number), 99)::text, 2, '0') || v_number;
    end loop;
    return v_place || v_rest;
end $$;

-- Lets a view be listed in the order of these columns, now and as of any past position. Now: of the rows that stand. As of
-- a past position: also of those that ended after it, in the list's order where they are many, by their end where they
-- are few; and before position 513, where few rows had begun, by their beginning.
create function index_view(p_name text, variadic p_columns text[] default '{}') returns void language plpgsql as $$
declare
    v_table   text := 'view_' || p_name;
    v_suffix  text := array_to_string(p_columns || array['key'], '_');
    v_columns text := (select string_agg(format('%I', c), ', ' order by n)
                       from unnest(p_columns || array['key']) with ordinality as o(c, n));
begin
    -- The order of keys is that of the rows that stand already.
    if cardinality(p_columns) > 0 then
        execute format('create index %I on %I (tenant_id, %s, valid_from) where valid_to = 9223372036854775807',
                       v_table || '_now_by_' || v_suffix, v_table, v_columns);
    end if;
    execute format('create index %I on %I (tenant_id, %s, valid_from, valid_to) where valid_to < 9223372036854775807',
                   v_table || '_then_by_' || v_suffix, v_table, v_columns);
    execute format('create index if not exists %I on %I (tenant_id, valid_to) where valid_to < 9223372036854775807',
                   v_table || '_by_end', v_table);
    execute format('create index if not exists %I on %I (tenant_id, valid_from) where valid_from <= 512',
                   v_table || '_by_beginning', v_table);
end $$;

-- Removes what a view is listed by; the key of the rows that stand stays.
create function unindex_view(p_name text) returns void language plpgsql as $$
declare
    v_table text := 'view_' || p_name;
    v_index text;
begin
    for v_index in
        select c.relname from pg_index i join pg_class c on c.oid = i.indexrelid
        where i.indrelid = v_table::regclass and not i.indisprimary and c.relname <> v_table || '_tenant_id_key_idx'
    loop
        execute format('drop index %I', v_index);
    end loop;
end $$;
revoke execute on function index_view, unindex_view from public;

-- Views that are folded anew. What stands here and in the tables beside it is thrown away in the end, and PostgreSQL empties
-- both after a crash of its own: a rebuild then begins again.
create unlogged table rebuilds (
    tenant_id  uuid not null,
    view       text not null,
    -- Whose rows are whose: those of another attempt are never mixed in.
    build      uuid not null,
    -- What folds. Another program may fold otherwise, and begins anew.
    program    text not null,
    -- Everything up to it is folded.
    position   bigint not null,
    rows       bigint not null,
    started_at timestamptz not null default now(),
    primary key (tenant_id, view)
) with (fillfactor = 50);

select protect('rebuilds');
grant select, insert, update, delete on rebuilds to stele_app;
create policy engine on rebuilds for select to stele_engine using (true);
grant select on rebuilds to stele_engine;

-- What the process that rebuilds a view holds for as long as it does.
create function rebuild_lock(p_tenant uuid, p_view text) returns bigint language sql immutable as $$
    select hashtextextended(p_view || ' ' || p_tenant, 0)
$$;

-- Where a view is folded anew: what it showed under `key` from position valid_from until the next row of that key; no data
-- where it showed nothing. Rows are only ever added, so that each is written once.
create function create_rebuild(p_name text) returns void language plpgsql as $$
declare
    v_table text := 'rebuild_' || p_name;
begin
    execute format($sql$
        create unlogged table %I (
            tenant_id  uuid not null,
            build      uuid not null,
            key        text not null,
            valid_from bigint not null,
            version    bigint not null,
            at         timestamptz not null,
            data       jsonb,
            primary key (tenant_id, build, key, valid_from)
        )$sql$, v_table);
    perform protect(v_table::regclass);
    execute format('grant select, insert, delete on %I to stele_app', v_table);
end $$;

create or replace function create_view(p_name text) returns void language plpgsql as $$
declare
    v_table text := 'view_' || p_name;
begin
    execute format($sql$
        create table %I (
            tenant_id  uuid not null,
            key        text not null,
            valid_from bigint not null,
            valid_to   bigint not null default 9223372036854775807,
            version    bigint not null,
            at         timestamptz not null,
            data       jsonb not null,
            primary key (tenant_id, key, valid_from)
        )$sql$, v_table);
    execute format('create index %I on %I (tenant_id, key) where valid_to = 9223372036854775807',
                   v_table || '_tenant_id_key_idx', v_table);
    perform protect(v_table::regclass), let_writer_follow(v_table::regclass);
    execute format('grant select, insert, update, delete on %I to stele_app', v_table);
    perform create_rebuild(p_name);
end $$;
revoke execute on function create_rebuild, create_view from public;

-- Views that were there before.
do $$
declare
    v_name text;
begin
    for v_name in
        select substr(relname, 6) from pg_class
        where relnamespace = 'public'::regnamespace and relkind = 'r' and relname like 'view\_%' and relname <> 'view_checkpoints'
    loop
        perform create_rebuild(v_name);
    end loop;
end $$;

-- Read models: how far each one has come for each tenant, and the shape that their tables share.

create table view_checkpoints (
    tenant_id uuid not null,
    view      text not null,
    position  bigint not null,
    -- Set while a fold or a write fails at position + 1; the row then waits for mended code, the log does not.
    fault     text,
    primary key (tenant_id, view)
) with (fillfactor = 50);

select protect('view_checkpoints');
grant select, insert, update on view_checkpoints to stele_app;
create policy engine on view_checkpoints for select to stele_engine using (true);
grant select on view_checkpoints to stele_engine;

-- A row says: from position valid_from until before valid_to, the view showed `data` under `key`.
-- What lists filter and sort by is a generated column over `data`, added by the service's own migration.
create function create_view(p_name text) returns void language plpgsql as $$
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
    execute format('create index on %I (tenant_id, key) where valid_to = 9223372036854775807', v_table);
    perform protect(v_table::regclass);
    execute format('grant select, insert, update, delete on %I to stele_app', v_table);
end $$;
revoke execute on function create_view from public;

-- The order in which people count: R-2 before R-10, by numbers of any length that a ref can have. Every run of digits is
-- padded to 64; a longer one loses its leading zeros and no more. `service::natural` gives the same order in Rust.
create function natural_place(p_name text) returns text language sql immutable strict parallel safe as $$
    select regexp_replace(regexp_replace(p_name, '([0-9]+)', repeat('0', 64) || '\1', 'g'),
                          '0*([0-9]{64,})', '\1', 'g')
$$;

-- How far a tenant's events have been published, and how far each source has been taken in.

create table relay_checkpoints (
    tenant_id uuid primary key,
    position  bigint not null
) with (fillfactor = 50);

create table consumer_checkpoints (
    tenant_id uuid not null,
    source    text not null,
    position  bigint not null,
    primary key (tenant_id, source)
) with (fillfactor = 50);

-- A tenant whose next event from a source cannot be taken. Later ones wait at the source, other tenants do not wait.
create table parked (
    tenant_id uuid not null,
    source    text not null,
    position  bigint not null,
    error     text not null,
    attempts  int not null,
    since     timestamptz not null default now(),
    retry_at  timestamptz not null,
    primary key (tenant_id, source)
);

select protect('relay_checkpoints'), protect('consumer_checkpoints'), protect('parked');
grant select, insert, update on relay_checkpoints, consumer_checkpoints to stele_app;
grant select, insert, update, delete on parked to stele_app;
create policy engine on relay_checkpoints for select to stele_engine using (true);
create policy engine on consumer_checkpoints for select to stele_engine using (true);
create policy engine on parked for select to stele_engine using (true);
grant select on relay_checkpoints, consumer_checkpoints to stele_engine;
grant select (tenant_id, source, position, attempts, since, retry_at) on parked to stele_engine;

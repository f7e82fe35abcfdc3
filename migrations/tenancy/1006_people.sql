-- People of an organisation, folded from its own events, whose names and addresses are sealed in them.

select create_view('person');
select index_view('person');

-- The key that a person's name and address are sealed with. Without it nobody reads them, in whatever copy they stand; so it
-- stands beside the log, where it can be destroyed. The row stays, so that the same can be done again after a restore.
create table person_keys (
    tenant_id uuid not null,
    person    text not null,
    key       bytea check (octet_length(key) = 32),
    erased_at timestamptz,
    primary key (tenant_id, person),
    check ((key is null) = (erased_at is not null))
);

select protect('person_keys');
grant select, insert, update, delete on person_keys to stele_app;

-- An address is kept under a key of its person, which is destroyed where the person is erased, as in tenancy: what is copied from here,
-- into a backup or an archive, has no address in the clear. One that an older program kept stays readable until it is changed.

alter table contacts
    alter column email drop not null,
    add column sealed jsonb,
    add constraint contacts_reach check (email is not null or sealed is not null);

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

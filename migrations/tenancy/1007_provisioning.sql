-- Whom an organisation's identity provider looks after, folded from its own events.
select create_view('member');
select index_view('member');

-- By what the provider looks for people: marks that tell nothing without the organisation's key (`person_keys`, the row of `*`). They
-- stand beside the log, because an event is for good, and a digest of a name is a name.
create table member_names (
    tenant_id   uuid not null,
    person      text not null,
    user_name   bytea not null,
    external_id bytea,
    primary key (tenant_id, person),
    unique (tenant_id, user_name)
);
create index member_names_by_external_id on member_names (tenant_id, external_id);

select protect('member_names');
grant select, insert, update, delete on member_names to stele_app;

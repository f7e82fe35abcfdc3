-- Who was invited to a tenant, folded from its events; and by what it is accepted, which goes when the invitation is accepted, revoked, or
-- expires. Where it was sent to is personal data, and kept nowhere.

select create_view('invitation');
select index_view('invitation');

create table invitations (
    tenant_id uuid not null,
    id        text not null,
    -- SHA-256 of what is sent.
    digest    text not null,
    -- When it expires.
    due_at    timestamptz not null,
    primary key (tenant_id, id)
);
create index invitations_by_digest on invitations (tenant_id, digest);
create index invitations_by_time on invitations (due_at);

select protect('invitations');
grant select, insert, delete on invitations to stele_app;
create policy engine on invitations for select to stele_engine using (true);
grant select (tenant_id, due_at) on invitations to stele_engine;

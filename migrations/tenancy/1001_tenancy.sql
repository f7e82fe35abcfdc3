-- Organisations, the tenants they own, and tenants themselves, each folded from tenancy's own events.

select create_view('organisation');

select create_view('organisation_tenant');
alter table view_organisation_tenant
    add column name text generated always as (data->>'name') stored;
create index on view_organisation_tenant (tenant_id, name, key) where valid_to = 9223372036854775807;

select create_view('tenant');

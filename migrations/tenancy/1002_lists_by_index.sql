-- An organisation's tenants are listed by index, now and as of any position.

select unindex_view('organisation_tenant');

select index_view('organisation_tenant');
select index_view('organisation_tenant', 'name');

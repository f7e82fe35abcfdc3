-- What services said of a tenant, as far as it counts, in the tenant's partition; and how an organisation's tenants stand, in the
-- organisation's.

select create_view('figure');

select create_view('portfolio');
alter table view_portfolio
    add column name text generated always as (data->>'name') stored,
    add column state text generated always as (data->>'state') stored,
    add column above_acceptance bigint generated always as ((data->>'above_acceptance')::bigint) stored,
    add column untreated bigint generated always as ((data->>'untreated')::bigint) stored,
    add column last_activity text generated always as (data->>'last_activity') stored;

select index_view('figure');

select index_view('portfolio');
select index_view('portfolio', 'name');
select index_view('portfolio', 'state');
select index_view('portfolio', 'above_acceptance');
select index_view('portfolio', 'untreated');
select index_view('portfolio', 'last_activity');

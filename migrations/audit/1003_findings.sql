-- What audits and reviews found, and the uploads of it.
select create_view('finding');
alter table view_finding
    add column place text collate "C" generated always as (natural_place(key)) stored,
    add column title text generated always as (coalesce(data->>'title', '')) stored,
    add column kind text generated always as (coalesce(data->>'kind', '')) stored,
    add column state text generated always as (coalesce(data->>'state', '')) stored,
    add column owner text generated always as (coalesce(data->>'owner', '')) stored,
    add column source text generated always as (coalesce(data->>'source', '')) stored,
    add column raised_on text generated always as (coalesce(data->>'raised_on', '')) stored,
    add column due text generated always as (coalesce(data->>'due', '')) stored;
select index_view('finding', 'place');
select index_view('finding', 'title');
select index_view('finding', 'kind');
select index_view('finding', 'state');
select index_view('finding', 'owner');
select index_view('finding', 'source');
select index_view('finding', 'raised_on');
select index_view('finding', 'due');

select create_view('import');
alter table view_import
    add column register text generated always as (coalesce(data->>'register', '')) stored;
select index_view('import', 'register');

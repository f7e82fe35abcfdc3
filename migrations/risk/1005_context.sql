-- What the ISMS is about, its objectives, planned changes, and rounds of assessments.

select create_view('context');

select create_view('objective');
alter table view_objective
    add column place text collate "C" generated always as (natural_place(key)) stored,
    add column owner text generated always as (coalesce(data->>'owner', '')) stored,
    add column state text generated always as (coalesce(data->>'state', '')) stored,
    add column due text collate "C" generated always as (coalesce(data->>'due', '')) stored;
select index_view('objective', 'place');
select index_view('objective', 'owner');
select index_view('objective', 'state');
select index_view('objective', 'due');

select create_view('change');
alter table view_change
    add column place text collate "C" generated always as (natural_place(key)) stored,
    add column owner text generated always as (coalesce(data->>'owner', '')) stored,
    add column state text generated always as (coalesce(data->>'state', '')) stored,
    add column due text collate "C" generated always as (coalesce(data->>'due', '')) stored;
select index_view('change', 'place');
select index_view('change', 'owner');
select index_view('change', 'state');
select index_view('change', 'due');

select create_view('round');
alter table view_round
    add column place text collate "C" generated always as (natural_place(key)) stored,
    add column state text generated always as (coalesce(data->>'state', '')) stored,
    add column due text collate "C" generated always as (coalesce(data->>'due', '')) stored;
select index_view('round', 'place');
select index_view('round', 'state');
select index_view('round', 'due');

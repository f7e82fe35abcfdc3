-- The registers are listed by index, now and as of any position.

select unindex_view('asset'), unindex_view('risk');

-- Computed anew: `natural_place` is written otherwise since.
alter table view_asset
    drop column place,
    add column place text collate "C" generated always as (natural_place(key)) stored;
alter table view_risk
    drop column place,
    add column place text collate "C" generated always as (natural_place(key)) stored;

select index_view('control_state');

select index_view('asset', 'place');
select index_view('asset', 'name');
select index_view('asset', 'kind');
select index_view('asset', 'owner');

select index_view('risk', 'place');
select index_view('risk', 'owner');
select index_view('risk', 'state');
select index_view('risk', 'treatment');
select index_view('risk', 'level');
select index_view('risk', 'score');
select index_view('risk', 'residual_level');

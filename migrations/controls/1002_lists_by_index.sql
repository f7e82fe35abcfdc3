-- Controls and evidence are listed by index, now and as of any position.

select unindex_view('control'), unindex_view('evidence');

-- Computed anew: `natural_place` is written otherwise since.
alter table view_control
    drop column place,
    add column place text collate "C" generated always as (natural_place(key)) stored;

select index_view('control', 'place');
select index_view('control', 'theme');
select index_view('control', 'state');
select index_view('control', 'owner');
select index_view('control', 'applicability');

select index_view('evidence');
select index_view('evidence', 'title');

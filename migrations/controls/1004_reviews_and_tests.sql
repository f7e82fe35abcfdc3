-- When a control is looked at again, and what its last test showed. Controls that were folded before have neither.
alter table view_control
    add column next_review text generated always as (coalesce(data->>'next_review', '')) stored,
    add column effectiveness text generated always as (coalesce(data->'last_test'->>'result', '')) stored;

select index_view('control', 'next_review');
select index_view('control', 'effectiveness');

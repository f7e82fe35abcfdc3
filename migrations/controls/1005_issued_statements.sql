-- What was approved and issued of the Statement of Applicability.
select create_view('soa');

select create_view('soa_issue');
alter table view_soa_issue
    add column place text collate "C" generated always as (natural_place(key)) stored,
    add column digest text generated always as (coalesce(data->>'digest', '')) stored;
select index_view('soa_issue', 'place');
select index_view('soa_issue', 'digest');

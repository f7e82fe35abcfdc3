-- Evidence is found by whether other evidence has taken its place.
alter table view_evidence
    add column replaced text generated always as (case when data->>'replaced_by' is null then 'false' else 'true' end) stored;
select index_view('evidence', 'replaced');

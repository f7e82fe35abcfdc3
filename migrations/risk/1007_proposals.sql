-- What libraries propose here, and what was decided on it.
select create_view('proposal');
alter table view_proposal
    add column library text generated always as (coalesce(data->>'library', '')) stored;
select index_view('proposal');
select index_view('proposal', 'library');

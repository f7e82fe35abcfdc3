-- Libraries of an organisation, and what each holds: its draft and its versions.
select create_view('library');
alter table view_library
    add column name text generated always as (coalesce(data->>'name', '')) stored;
select index_view('library');
select index_view('library', 'name');

select create_view('library_contents');

-- Uploads that were recorded.

select create_view('import');
alter table view_import
    add column register text generated always as (coalesce(data->>'register', '')) stored;
select index_view('import', 'register');

-- Files under their SHA-256, and what evidence is found by since it may be a link or a file.
select create_view('file');
alter table view_file
    add column name text generated always as (coalesce(data->>'name', '')) stored;
select index_view('file', 'name');

alter table view_evidence
    add column kind text generated always as (coalesce(data->>'kind', '')) stored,
    add column source text generated always as (coalesce(data->>'source', '')) stored,
    add column valid_until text generated always as (coalesce(data->>'valid_until', '')) stored;
select index_view('evidence', 'kind');
select index_view('evidence', 'source');
select index_view('evidence', 'valid_until');

-- Documents, their versions under `<document>/<number>`, and who knows which of them under `<document>/<person>`.
select create_view('document');
alter table view_document
    add column place text collate "C" generated always as (natural_place(key)) stored,
    add column title text generated always as (coalesce(data->>'title', '')) stored,
    add column kind text generated always as (coalesce(data->>'kind', '')) stored,
    add column owner text generated always as (coalesce(data->>'owner', '')) stored,
    add column state text generated always as (coalesce(data->>'state', '')) stored,
    add column slot text generated always as (coalesce(data->>'slot', '')) stored,
    add column next_review text generated always as (coalesce(data->>'next_review', '')) stored;
select index_view('document', 'place');
select index_view('document', 'title');
select index_view('document', 'kind');
select index_view('document', 'owner');
select index_view('document', 'state');
select index_view('document', 'slot');
select index_view('document', 'next_review');

select create_view('document_version');
alter table view_document_version
    add column document text generated always as (coalesce(data->>'document', '')) stored,
    add column number bigint generated always as (coalesce((data->>'number')::bigint, -1)) stored;
select index_view('document_version', 'document', 'number');

select create_view('acknowledgement');
alter table view_acknowledgement
    add column document text generated always as (coalesce(data->>'document', '')) stored,
    add column person text generated always as (coalesce(data->>'person', '')) stored,
    add column knows bigint generated always as (coalesce((data->>'knows')::bigint, -1)) stored;
select index_view('acknowledgement', 'document');
select index_view('acknowledgement', 'document', 'person');
select index_view('acknowledgement', 'document', 'knows');

-- Suppliers, and exceptions from what the ISMS asks for.
select create_view('supplier');
alter table view_supplier
    add column place text collate "C" generated always as (natural_place(key)) stored,
    add column name text generated always as (coalesce(data->>'name', '')) stored,
    add column criticality text generated always as (coalesce(data->>'criticality', '')) stored,
    add column owner text generated always as (coalesce(data->>'owner', '')) stored,
    add column state text generated always as (coalesce(data->>'state', '')) stored,
    add column assessed_again_by text
        generated always as (coalesce(data->'last_assessment'->>'assessed_again_by', '')) stored;
select index_view('supplier', 'place');
select index_view('supplier', 'name');
select index_view('supplier', 'criticality');
select index_view('supplier', 'owner');
select index_view('supplier', 'state');
select index_view('supplier', 'assessed_again_by');

select create_view('exception');
alter table view_exception
    add column place text collate "C" generated always as (natural_place(key)) stored,
    add column title text generated always as (coalesce(data->>'title', '')) stored,
    add column state text generated always as (coalesce(data->>'state', '')) stored,
    add column requested_by text generated always as (coalesce(data->>'requested_by', '')) stored,
    add column document text generated always as (coalesce(data->>'document', '')) stored,
    add column expires_on text generated always as (coalesce(data->>'expires_on', '')) stored;
select index_view('exception', 'place');
select index_view('exception', 'title');
select index_view('exception', 'state');
select index_view('exception', 'requested_by');
select index_view('exception', 'document');
select index_view('exception', 'expires_on');

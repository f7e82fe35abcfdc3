-- Who the subjects of an organisation's identity provider are: every service's own copy, folded from its identity events.
select create_view('identity');
alter table view_identity add column person text generated always as (data->>'person') stored;
select index_view('identity');
select index_view('identity', 'person');

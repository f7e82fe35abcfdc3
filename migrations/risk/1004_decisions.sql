-- What lists of risks filter by beside: category, revision of the methodology, review, acceptance. A day is written year first,
-- so that its order as text is its order in time.

alter table view_risk
    add column category text generated always as (coalesce(data->>'category', '')) stored,
    add column methodology_revision bigint generated always as (coalesce((data->>'methodology_revision')::bigint, -1)) stored,
    add column review_due text collate "C" generated always as (coalesce(data->>'review_due', '')) stored,
    add column acceptance text generated always as (coalesce(data->'acceptance'->>'state', '')) stored,
    -- Of what is accepted, and of nothing else.
    add column accepted_until text collate "C" generated always as (
        case when data->'acceptance'->>'state' = 'accepted' then data->'acceptance'->>'until' else '' end) stored;

-- What says nothing in these two (no interval is laid down, nothing is accepted) costs nothing. The other three are filtered by in the list's order:
-- an index of each would be written for every change of every risk.
create index view_risk_now_by_review_due_key on view_risk (tenant_id, review_due, key, valid_from)
    where valid_to = 9223372036854775807 and review_due > '';
create index view_risk_now_by_accepted_until_key on view_risk (tenant_id, accepted_until, key, valid_from)
    where valid_to = 9223372036854775807 and accepted_until > '';

-- The actions of all treatments, a row each under `<risk>/<ref>`.
select create_view('action');
alter table view_action
    add column place text collate "C" generated always as (natural_place(key)) stored,
    add column risk text generated always as (coalesce(data->>'risk', '')) stored,
    add column who text generated always as (coalesce(data->>'who', '')) stored,
    add column due text collate "C" generated always as (coalesce(data->>'due', '')) stored,
    add column done text collate "C" generated always as (coalesce(data->>'done', '')) stored;
select index_view('action', 'place');
select index_view('action', 'risk');
select index_view('action', 'who');
select index_view('action', 'due');
select index_view('action', 'done');

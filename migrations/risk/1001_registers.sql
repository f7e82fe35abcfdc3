-- The read models of the risk service. A column that lists filter or sort by has no null: where the row says nothing it
-- is '' or -1, so that such rows are found, sorted and paged like all others.

select create_view('methodology');

select create_view('control_state');

select create_view('asset');
alter table view_asset
    add column place text collate "C" generated always as (natural_place(key)) stored,
    add column name text generated always as (coalesce(data->>'name', '')) stored,
    add column kind text generated always as (coalesce(data->>'kind', '')) stored,
    add column owner text generated always as (coalesce(data->>'owner', '')) stored;
create index on view_asset (tenant_id, place, key) where valid_to = 9223372036854775807;
create index on view_asset (tenant_id, name, key) where valid_to = 9223372036854775807;
create index on view_asset (tenant_id, kind, key) where valid_to = 9223372036854775807;
create index on view_asset (tenant_id, owner, key) where valid_to = 9223372036854775807;

select create_view('risk');
alter table view_risk
    add column place text collate "C" generated always as (natural_place(key)) stored,
    add column owner text generated always as (coalesce(data->>'owner', '')) stored,
    add column state text generated always as (coalesce(data->>'state', '')) stored,
    add column treatment text generated always as (coalesce(data->'treatment'->>'option', '')) stored,
    add column level bigint generated always as (coalesce((data->>'level')::bigint, -1)) stored,
    add column score bigint generated always as (coalesce((data->>'score')::bigint, -1)) stored,
    add column residual_level bigint generated always as (coalesce((data->>'residual_level')::bigint, -1)) stored;
create index on view_risk (tenant_id, place, key) where valid_to = 9223372036854775807;
create index on view_risk (tenant_id, owner, key) where valid_to = 9223372036854775807;
create index on view_risk (tenant_id, state, key) where valid_to = 9223372036854775807;
create index on view_risk (tenant_id, treatment, key) where valid_to = 9223372036854775807;
create index on view_risk (tenant_id, level, key) where valid_to = 9223372036854775807;
create index on view_risk (tenant_id, score, key) where valid_to = 9223372036854775807;
create index on view_risk (tenant_id, residual_level, key) where valid_to = 9223372036854775807;

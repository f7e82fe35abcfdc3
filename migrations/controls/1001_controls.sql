-- The read models of the controls service. A column that lists filter or sort by has no null: where the row says nothing
-- it is '', so that such rows are found, sorted and paged like all others.

select create_view('control');
alter table view_control
    add column place text collate "C" generated always as (natural_place(key)) stored,
    add column theme text generated always as (coalesce(data->>'theme', '')) stored,
    add column state text generated always as (coalesce(data->>'state', '')) stored,
    add column owner text generated always as (coalesce(data->>'owner', '')) stored,
    -- What was decided; that a treatment requires the control is another matter.
    add column applicability text generated always as (
        case data->>'applicable' when 'true' then 'included' when 'false' then 'excluded' else 'undecided' end) stored;

create index on view_control (tenant_id, place, key) where valid_to = 9223372036854775807;
create index on view_control (tenant_id, theme, key) where valid_to = 9223372036854775807;
create index on view_control (tenant_id, state, key) where valid_to = 9223372036854775807;
create index on view_control (tenant_id, owner, key) where valid_to = 9223372036854775807;
create index on view_control (tenant_id, applicability, key) where valid_to = 9223372036854775807;

select create_view('evidence');
alter table view_evidence add column title text generated always as (coalesce(data->>'title', '')) stored;

create index on view_evidence (tenant_id, title, key) where valid_to = 9223372036854775807;

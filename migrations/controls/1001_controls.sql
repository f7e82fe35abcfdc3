-- Read models of the controls service.

select create_view('control');
alter table view_control
    -- A.5.2 before A.5.10: every number is padded to eight digits.
    add column place text collate "C" generated always as (
        regexp_replace(regexp_replace(key, '([0-9]+)', '0000000\1', 'g'), '[0-9]*([0-9]{8})', '\1', 'g')) stored,
    add column theme text generated always as (data->>'theme') stored,
    add column state text generated always as (data->>'state') stored,
    add column owner text generated always as (data->>'owner') stored,
    -- What was decided; that a treatment requires the control is another matter.
    add column applicability text generated always as (
        case data->>'applicable' when 'true' then 'included' when 'false' then 'excluded' else 'undecided' end) stored;

create index on view_control (tenant_id, place, key) where valid_to = 9223372036854775807;
create index on view_control (tenant_id, theme, key) where valid_to = 9223372036854775807;
create index on view_control (tenant_id, state, key) where valid_to = 9223372036854775807;
create index on view_control (tenant_id, owner, key) where valid_to = 9223372036854775807;
create index on view_control (tenant_id, applicability, key) where valid_to = 9223372036854775807;

select create_view('evidence');
alter table view_evidence add column title text generated always as (data->>'title') stored;

create index on view_evidence (tenant_id, title, key) where valid_to = 9223372036854775807;

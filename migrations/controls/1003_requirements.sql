-- Which risks rely on a control: a row each, under `<control>/<risk>`. In the control's own row they stood again in each of
-- its versions.
select create_view('requirement');
alter table view_requirement
    add column control text not null generated always as (split_part(key, '/', 1)) stored,
    add column place text collate "C" generated always as (natural_place(data->>'risk')) stored;

-- What stands at a position is not over before it; what changed at one begins or ends there.
create index on view_requirement (tenant_id, control, valid_to);
create index on view_requirement (tenant_id, control, valid_from);

-- Controls that were folded before are folded anew, in the background, without what stands apart now.
truncate view_control;
alter table view_checkpoints no force row level security;
delete from view_checkpoints where view = 'control';
alter table view_checkpoints force row level security;

-- What people must be able to do or be aware of, who has shown it (under `<competence>/<person>`), and the communication plan.
select create_view('competence');
alter table view_competence
    add column place text collate "C" generated always as (natural_place(key)) stored,
    add column title text generated always as (coalesce(data->>'title', '')) stored,
    add column kind text generated always as (coalesce(data->>'kind', '')) stored,
    add column state text generated always as (coalesce(data->>'state', '')) stored,
    add column due_on text generated always as (coalesce(data->>'due_on', '')) stored;
select index_view('competence', 'place');
select index_view('competence', 'title');
select index_view('competence', 'kind');
select index_view('competence', 'state');
select index_view('competence', 'due_on');

select create_view('attainment');
alter table view_attainment
    add column competence text generated always as (coalesce(data->>'competence', '')) stored,
    add column person text generated always as (coalesce(data->>'person', '')) stored,
    add column holds_until text generated always as (coalesce(data->>'holds_until', '')) stored;
select index_view('attainment', 'competence');
select index_view('attainment', 'competence', 'person');
select index_view('attainment', 'competence', 'holds_until');

select create_view('communication');
alter table view_communication
    add column place text collate "C" generated always as (natural_place(key)) stored,
    add column subject text generated always as (coalesce(data->>'subject', '')) stored,
    add column owner text generated always as (coalesce(data->>'owner', '')) stored,
    add column state text generated always as (coalesce(data->>'state', '')) stored,
    add column next_on text generated always as (coalesce(data->>'next_on', '')) stored;
select index_view('communication', 'place');
select index_view('communication', 'subject');
select index_view('communication', 'owner');
select index_view('communication', 'state');
select index_view('communication', 'next_on');

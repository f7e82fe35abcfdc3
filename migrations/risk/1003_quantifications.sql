-- What risks may cost, in money.

select create_view('quantification');
alter table view_quantification
    add column place text collate "C" generated always as (natural_place(key)) stored,
    add column expected_loss bigint generated always as (coalesce((data->>'expected_loss')::numeric::bigint, -1)) stored,
    add column var_95 bigint generated always as (coalesce((data->>'var_95')::numeric::bigint, -1)) stored;

select index_view('quantification', 'place');
select index_view('quantification', 'expected_loss');
select index_view('quantification', 'var_95');

-- Rows of an upload without a ref find their risk by its name, and lists filter and sort by it. No index: it would be written for
-- every change of every risk, and a tenant's register is read by its place in any case.
alter table view_risk
    add column name text generated always as (coalesce(data->>'name', '')) stored;

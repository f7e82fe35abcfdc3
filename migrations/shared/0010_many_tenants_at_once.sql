-- What needs no content, or the content of many tenants at the same moment, is done for all of them by the role that appends.

grant select, insert, update on relay_checkpoints to stele_writer;
grant select, update on consumer_checkpoints to stele_writer;
grant select (tenant_id, source) on parked to stele_writer;
create policy writer on relay_checkpoints to stele_writer using (true) with check (true);
create policy writer on consumer_checkpoints to stele_writer using (true) with check (true);
create policy writer on parked for select to stele_writer using (true);
grant select (tenant_id, position) on heads to stele_writer;
create policy writer on heads for select to stele_writer using (true);

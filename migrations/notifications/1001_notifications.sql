-- What each person was told, in the app and by mail.

select create_view('notification');
alter table view_notification
    add column person text generated always as (data->>'person') stored,
    add column kind text generated always as (data->>'kind') stored,
    add column unread text generated always as (case data->>'read' when 'true' then 'false' else 'true' end) stored,
    -- The newest first, as an inbox is read.
    add column place bigint generated always as (-(data->>'raised_position')::bigint) stored;
create index view_notification_by_person on view_notification (tenant_id, person, place, key)
    where valid_to = 9223372036854775807;
create index view_notification_by_unread on view_notification (tenant_id, person, unread, place, key)
    where valid_to = 9223372036854775807;

-- Where people are reached. It is personal data, so it stands here, where it can be erased, and in no event.
create table contacts (
    tenant_id  uuid not null,
    person     text not null,
    email      text not null,
    changed_at timestamptz not null,
    primary key (tenant_id, person)
);

-- Mails that are still to be sent; a row goes when its mail is sent or given up.
create table deliveries (
    tenant_id    uuid not null,
    notification uuid not null,
    person       text not null,
    due_at       timestamptz not null default now(),
    -- How often it was tried in vain.
    attempts     int not null default 0,
    primary key (tenant_id, notification)
);
create index deliveries_by_time on deliveries (due_at);

select protect('contacts'), protect('deliveries');
grant select, insert, update, delete on contacts, deliveries to stele_app;
create policy engine on deliveries for select to stele_engine using (true);
grant select (tenant_id, due_at) on deliveries to stele_engine;

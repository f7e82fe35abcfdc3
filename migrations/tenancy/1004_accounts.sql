-- By which people sign in where no identity provider does it. Credentials stand beside the log, in the organisation's partition: no
-- event has any of it, and no archive takes it along.
create table accounts (
    tenant_id     uuid not null,
    person        text not null,
    administrator boolean not null,
    opened_at     timestamptz not null,
    -- argon2id, as a PHC string; null before the first is set.
    password      text,
    -- The secret that an authenticator app shares, sealed; the one that is not confirmed yet stands apart.
    totp          bytea,
    totp_new      bytea,
    -- The last step of time whose code was taken: no code is taken twice.
    totp_step     bigint not null default 0,
    -- SHA-256 of the recovery codes that are left.
    recovery      text[] not null default '{}',
    -- SHA-256 of the one-time link by which a password is set, and until when it counts.
    link          text,
    link_until    timestamptz,
    primary key (tenant_id, person)
);
create index accounts_by_link on accounts (tenant_id, link);

select protect('accounts');
grant select, insert, update, delete on accounts to stele_app;

-- A session is a family of refresh tokens, of which the youngest alone is good. It says of itself which place it has in
-- the family, and is known here by its keyed hash only. A session that has ended stays until it would have expired.
-- Tokens of before do not say of which session they are: everybody signs in anew.
delete from sessions;
alter table sessions
    add column refresh_token_place bigint not null default 1,
    add column last_used_at timestamptz not null default clock_timestamp(),
    add column ended_at timestamptz;
-- Refresh tokens are looked up by the session that they name.
alter table sessions drop constraint sessions_refresh_token_hash_key;
-- Serves: sweeping sessions that have expired.
create index sessions_expiry on sessions (expires_at);

-- How often signing in has failed of late, by keyed hash of the account's address or of where the attempt came from.
create table login_attempts (
    subject           bytea primary key,
    failures          int not null,
    window_started_at timestamptz not null default clock_timestamp()
);
-- Serves: sweeping windows that are over.
create index login_attempts_window on login_attempts (window_started_at);

-- A retired key signs nothing: its private half is gone. Its public half checks the tokens that it signed, until the
-- last of them has expired.
alter table signing_keys
    add column retired_at timestamptz,
    alter column sealed_private drop not null;
update signing_keys
set retired_at = clock_timestamp(), sealed_private = null
where kid <> (select kid from signing_keys order by created_at desc, kid limit 1);

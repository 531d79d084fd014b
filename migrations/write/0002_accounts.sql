-- Credentials are never events. The unique hash is the claim on an e-mail address.
create table accounts (
    user_id       uuid primary key,
    email_hash    bytea not null unique,
    password_hash text not null,
    created_at    timestamptz not null default clock_timestamp()
);

-- Signing in opens a session; the refresh token is known here by its hash only.
create table sessions (
    session_id         uuid primary key,
    user_id            uuid not null references accounts on delete cascade,
    refresh_token_hash bytea not null unique,
    created_at         timestamptz not null default clock_timestamp(),
    expires_at         timestamptz not null
);
-- Serves: ending all sessions of a user.
create index sessions_user on sessions (user_id);

-- Keys that sign access tokens. The private half is sealed by the master key.
create table signing_keys (
    kid            text primary key,
    public_key     bytea not null,
    sealed_private bytea not null,
    created_at     timestamptz not null default clock_timestamp()
);

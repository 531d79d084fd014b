-- The event store. `events` is the table of postgres-es, to the letter, plus columns with defaults, so that stock
-- postgres-es reads and writes it as it is.
create table events (
    aggregate_type text not null,
    aggregate_id   text not null,
    sequence       bigint not null check (sequence >= 0),
    event_type     text not null,
    event_version  text not null,
    payload        json not null,
    metadata       json not null,
    -- Order of insertion, not of commit: only the relay reads it, and never as a cursor.
    position       bigint generated always as identity (cache 1),
    event_id       uuid not null default gen_random_uuid(),
    recorded_at    timestamptz not null default clock_timestamp(),
    primary key (aggregate_type, aggregate_id, sequence)
);

-- Pointers to events that have no global position yet.
create table outbox (
    position       bigint primary key,
    aggregate_type text not null,
    aggregate_id   text not null,
    sequence       bigint not null
);

-- Filled by the database itself, so that no way of writing an event can go round it.
create function fill_outbox() returns trigger language plpgsql as $$
begin
    insert into outbox (position, aggregate_type, aggregate_id, sequence)
    select position, aggregate_type, aggregate_id, sequence from appended order by position;
    return null;
end
$$;

create trigger events_fill_outbox
    after insert on events referencing new table as appended
    for each statement execute function fill_outbox();

-- History is not edited.
create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'the event log is append-only' using errcode = 'restrict_violation';
end
$$;

create trigger events_are_forever
    before update or delete or truncate on events
    for each statement execute function refuse_change();

-- Every event in one dense order: 1, 2, 3 …
create table event_log (
    global_position bigint primary key check (global_position > 0),
    aggregate_type  text not null,
    aggregate_id    text not null,
    sequence        bigint not null,
    -- Chains this entry to the one before it; see event_log.rs for what it covers.
    hash            bytea not null,
    -- Serves: the check that a stream goes on at its last sequence + 1, and the way from an event to its place.
    unique (aggregate_type, aggregate_id, sequence)
);

create trigger event_log_is_forever
    before update or delete or truncate on event_log
    for each statement execute function refuse_change();

-- One row: who may write the event log, and how far Kafka has confirmed it. Every write of a leader checks the epoch.
create table relay_leader (
    only_row           boolean primary key default true check (only_row),
    epoch              bigint not null default 0,
    holder             text,
    lease_until        timestamptz not null default '-infinity',
    published_position bigint not null default 0
);
insert into relay_leader default values;

-- The first answer to a command that has an id. Ids and codes only: answers are rebuilt, tokens minted anew.
create table receipts (
    command_id bytea primary key,
    body_hash  bytea not null,
    outcome    json not null,
    created_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz
);
-- Serves: sweeping receipts that lapsed.
create index receipts_expiry on receipts (expires_at) where expires_at is not null;

-- One data key a person, wrapped by the master key. Deleting a row erases that person's texts everywhere.
create table subject_keys (
    subject_id  uuid primary key,
    wrapped_key bytea not null,
    created_at  timestamptz not null default clock_timestamp()
);

-- What this database's master key is recognised by.
create table master_key_check (
    only_row boolean primary key default true check (only_row),
    sealed   bytea not null
);

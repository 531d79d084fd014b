-- How far each process manager has followed the event log.
create table process_checkpoints (
    process  text primary key,
    position bigint not null default 0
);

-- Holds that the expiry process will look at when they lapse.
create table hold_deadlines (
    booking_id uuid primary key,
    event_id   uuid not null,
    held_until timestamptz not null
);
-- Serves: the holds that have lapsed.
create index hold_deadlines_due on hold_deadlines (held_until);

-- Events that the process managers could not understand, for a person to look at; other events went on.
create table process_parked (
    aggregate_type text not null,
    aggregate_id   text not null,
    sequence       bigint not null,
    reason         text not null,
    parked_at      timestamptz not null default clock_timestamp(),
    primary key (aggregate_type, aggregate_id, sequence)
);

-- Cascades that are under way: what started them, until everything that must follow has followed.
create table cascades (
    cause_id   uuid primary key,
    kind       text not null,
    subject_id uuid not null,
    created_at timestamptz not null default clock_timestamp(),
    -- One that fails goes behind the others.
    tried_at   timestamptz not null default clock_timestamp()
);

-- Serve: the end of a host's events and of an attendee's bookings, found on the write side.
create index events_of_host on events ((payload ->> 'hostId')) where event_type = 'EventCreated';
create index bookings_of_user on events ((payload ->> 'userId'))
    where aggregate_type = 'booking' and sequence = 1;

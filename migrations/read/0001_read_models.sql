-- The read models. Only the projector writes them; each can be dropped and rebuilt from the event log.
-- Every projection owns its tables, among them `<projection>_applied`: how far it has applied each stream.

-- How far each projection has followed the event log.
create table projections (
    name     text primary key,
    position bigint not null default 0
);

-- Events that a projection could not apply, and the later ones of the same stream.
create table parked (
    projection      text not null,
    aggregate_type  text not null,
    aggregate_id    text not null,
    sequence        bigint not null,
    global_position bigint not null,
    reason          text not null,
    parked_at       timestamptz not null default clock_timestamp(),
    primary key (projection, aggregate_type, aggregate_id, sequence)
);

create table users (
    id            uuid primary key,
    name          text,
    email         text,
    role          text not null,
    registered_at timestamptz not null,
    version       bigint not null
);
-- Serves: users by name.
create index users_name on users (name, id);

create table users_applied (
    stream_type text not null,
    stream_id   text not null,
    sequence    bigint not null,
    primary key (stream_type, stream_id)
);

create table events (
    id              uuid primary key,
    host_id         uuid not null,
    title           text not null,
    description     text,
    venue           text,
    start_date_time timestamptz not null,
    end_date_time   timestamptz not null,
    sales_start     timestamptz,
    sales_end       timestamptz,
    time_zone       text not null,
    status          text not null,
    created_at      timestamptz not null,
    version         bigint not null,
    search          tsvector generated always as (
        to_tsvector('simple', title || ' ' || coalesce(description, '') || ' ' || coalesce(venue, ''))
    ) stored
);
-- Serve: lists by date, title and creation, each with the id for ties.
create index events_start on events (start_date_time, id);
create index events_title on events (title, id);
create index events_created on events (created_at, id);
-- Serves: a host's events.
create index events_host on events (host_id, start_date_time, id);
-- Serves: ?q=
create index events_search on events using gin (search);

create table event_ticket_types (
    event_id uuid not null,
    id       uuid not null,
    place    int not null,
    name     text not null,
    amount   bigint not null,
    currency text not null,
    capacity bigint not null,
    sold     bigint not null default 0,
    held     bigint not null default 0,
    primary key (event_id, id)
);

create table events_applied (
    stream_type text not null,
    stream_id   text not null,
    sequence    bigint not null,
    primary key (stream_type, stream_id)
);

create table bookings (
    id         uuid primary key,
    event_id   uuid not null,
    user_id    uuid not null,
    status     text not null,
    tickets    jsonb not null,
    amount     bigint not null,
    currency   text not null,
    held_until timestamptz,
    created_at timestamptz not null,
    version    bigint not null
);
-- Serves: an attendee's bookings, newest first.
create index bookings_user on bookings (user_id, created_at, id);
-- Serves: an event's bookings.
create index bookings_event on bookings (event_id, created_at, id);

create table bookings_applied (
    stream_type text not null,
    stream_id   text not null,
    sequence    bigint not null,
    primary key (stream_type, stream_id)
);

create table notifications (
    id         uuid primary key,
    user_id    uuid not null,
    kind       text not null,
    event_id   uuid,
    booking_id uuid,
    created_at timestamptz not null,
    read_at    timestamptz,
    -- Each kind once a person and cause.
    cause      text not null,
    unique (user_id, kind, cause)
);
-- Serves: a person's notifications, newest first.
create index notifications_user on notifications (user_id, created_at, id);

-- What the notifications projection must know of an event to tell its host that it is sold out.
create table notification_events (
    event_id uuid primary key,
    host_id  uuid not null,
    capacity bigint not null,
    sold     bigint not null default 0
);

create table notifications_applied (
    stream_type text not null,
    stream_id   text not null,
    sequence    bigint not null,
    primary key (stream_type, stream_id)
);

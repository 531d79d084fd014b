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
    id                      uuid primary key,
    host_id                 uuid not null,
    title                   text not null,
    description             text,
    venue                   text,
    start_date_time         timestamptz not null,
    end_date_time           timestamptz not null,
    sales_start             timestamptz,
    sales_end               timestamptz,
    time_zone               text not null,
    max_tickets_per_booking bigint not null,
    hold_seconds            bigint not null,
    -- draft, published, cancelled; that a published one ends, the time alone decides.
    status                  text not null,
    -- Whether it was ever public. What never was is its host's alone, cancelled or not.
    published               boolean not null,
    -- In no list, but still found.
    deleted                 boolean not null default false,
    created_at              timestamptz not null,
    -- Counts changes to the details, from 1.
    version                 bigint not null,
    -- The sequences in the event's stream at which details, numbered seats and status last became others, so that live
    -- streams know what a reader has missed. No numbered seats, and not cancelled: null.
    details_sequence        bigint not null,
    seating_sequence        bigint,
    cancelled_sequence      bigint,
    search                  tsvector generated always as (
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
    place    bigint not null,
    name     text not null,
    amount   bigint not null,
    currency text not null,
    capacity bigint not null,
    sold     bigint not null default 0,
    primary key (event_id, id)
);

-- Holds that have not ended in the stream. One whose time is over blocks nobody: what is held is always counted from
-- the rows with a later held_until.
create table event_holds (
    event_id       uuid not null,
    booking_id     uuid not null,
    ticket_type_id uuid not null,
    quantity       bigint not null,
    held_until     timestamptz not null,
    primary key (event_id, booking_id, ticket_type_id)
);
-- Serves: how many tickets of each type are held, and when the next hold lapses.
create index event_holds_until on event_holds (event_id, held_until) include (ticket_type_id, quantity);

-- Numbered seats: so many beside each other in a row, numbered through; their indexes too. No row a seat, so that a
-- large hall is set up quickly.
create table event_seat_blocks (
    event_id       uuid not null,
    first_index    bigint not null,
    section        text not null,
    "row"          text not null,
    ticket_type_id uuid not null,
    first_number   bigint not null,
    seats          bigint not null,
    primary key (event_id, first_index)
);

-- Seats that were ever taken. Without a booking: free; without held_until: sold; otherwise held until then.
create table event_seats (
    event_id   uuid not null,
    seat_index bigint not null,
    booking_id uuid,
    held_until timestamptz,
    -- The sequence in the event's stream at which it last changed.
    sequence   bigint not null,
    primary key (event_id, seat_index)
);
-- Serve: what changed since a place in the stream, and since a time.
create index event_seats_sequence on event_seats (event_id, sequence);
create index event_seats_until on event_seats (event_id, held_until) where held_until is not null;
-- Serves: a hold that is extended.
create index event_seats_booking on event_seats (event_id, booking_id) where booking_id is not null;

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
    -- held, confirmed, expired, cancelled; a hold whose time is over counts as expired, whatever stands here.
    status     text not null,
    tickets    jsonb not null,
    seats      uuid[] not null,
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

-- Whose tickets are only held: when they come back, nothing that was sold does.
create table notification_holds (
    event_id   uuid not null,
    booking_id uuid not null,
    primary key (event_id, booking_id)
);

create table notifications_applied (
    stream_type text not null,
    stream_id   text not null,
    sequence    bigint not null,
    primary key (stream_type, stream_id)
);

-- Payments: attempts to pay bookings, refunds, and what hosts have earned.
create table payments (
    id         uuid primary key,
    booking_id uuid not null,
    amount     bigint not null,
    currency   text not null,
    -- started, action-required, declined, authorised, captured, capture-failed, voided.
    status     text not null,
    reason     text,
    started_at timestamptz not null,
    changed_at timestamptz not null
);
-- Serves: a booking's attempts.
create index payments_booking on payments (booking_id, started_at);

create table refunds (
    id           uuid primary key,
    payment_id   uuid not null,
    booking_id   uuid not null,
    event_id     uuid not null,
    amount       bigint not null,
    currency     text not null,
    -- requested, made, failed.
    status       text not null,
    cause        text not null,
    reason       text,
    requested_at timestamptz not null,
    changed_at   timestamptz not null
);
-- Serve: a booking's refunds; refunds by status, newest first.
create index refunds_booking on refunds (booking_id, requested_at);
create index refunds_status on refunds (status, requested_at, id);

-- What was sold and what was given back, a row a ticket type. They are added up when they are read, so that no two
-- bookings share a row.
create table sale_lines (
    event_id       uuid not null,
    -- The booking that was confirmed, or the refund that was made.
    cause_id       uuid not null,
    ticket_type_id uuid not null,
    -- In UTC.
    day            date not null,
    currency       text not null,
    sold           bigint not null,
    gross          bigint not null,
    refunded       bigint not null,
    primary key (cause_id, ticket_type_id)
);
-- Serves: an event's sales.
create index sale_lines_event on sale_lines (event_id);

create table payments_applied (
    stream_type text not null,
    stream_id   text not null,
    sequence    bigint not null,
    primary key (stream_type, stream_id)
);

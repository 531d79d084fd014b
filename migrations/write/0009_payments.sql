-- Bookings about whose money something is to be done: a payment that is not decided, a refund that is not made, or that was
-- made and is to be looked at again. What it is, the booking's stream says.
create table payments_due (
    booking_id uuid primary key,
    -- Whether it is a refund: no tickets wait for it, and it takes no payment's place.
    is_refund  boolean not null default false,
    due_at     timestamptz not null,
    -- How often it was tried and failed in a row.
    tries      integer not null default 0,
    -- Since when the gateway has failed to answer, without a break.
    gateway_fails_since timestamptz,
    -- The place in the booking's stream that said so: what is done about it takes away no newer note.
    sequence   bigint not null
);
-- Serves: the refunds that are due, and what else is due.
create index payments_due_at on payments_due (is_refund, due_at);

-- What Stripe said by itself about bookings, for a month. Not what it said about the buyer: that would outlive an erasure.
create table webhooks (
    id           text primary key,
    kind         text not null,
    booking_id   uuid not null,
    -- What its body says about money.
    said         jsonb not null,
    -- Of the whole body as it came, to show which one it was.
    body_sha256  bytea not null,
    received_at  timestamptz not null default clock_timestamp(),
    -- Null until what it hints at was looked at; only then it is acknowledged.
    processed_at timestamptz
);
-- Serves: what is so old that it is forgotten.
create index webhooks_received_at on webhooks (received_at);

-- What the embedded test gateway remembers.
create table test_gateway_pages (
    name    text primary key,
    version integer not null,
    page    text not null
);

-- Serves: the booking that a refund belongs to.
create index events_of_refund on events ((payload ->> 'refundId')) where event_type = 'RefundRequested';

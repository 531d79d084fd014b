-- Notifications: who is told what, and what must be known of events and people to tell them. Whatever comes first, an
-- event of the one or of the other, the rows are the same in the end: facts are kept with their own times.

-- Made anew from the event log; where Kafka is followed, `boxoffice replay notifications` does it.
drop table notifications, notification_events, notification_holds, notifications_applied;
delete from projections where name = 'notifications';

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
    -- The time of the fact that led to it, which preferences, follows and interests are held against.
    caused_at  timestamptz not null,
    -- inbox, email, both, none: what the person had chosen at that time. Only inbox and both are in the inbox.
    channel    text not null,
    unique (user_id, kind, cause)
);
-- Serve: a person's inbox, newest first, and what is new in it.
create index notifications_user on notifications (user_id, created_at, id) where channel in ('inbox', 'both');

-- Whom an event's host is, and how many of its tickets are sold.
create table notification_events (
    event_id uuid primary key,
    host_id  uuid not null,
    capacity bigint not null,
    sold     bigint not null default 0
);

-- Who has tickets of an event; without held_until they are theirs for good.
create table notification_bookings (
    event_id   uuid not null,
    booking_id uuid not null,
    user_id    uuid not null,
    held_until timestamptz,
    primary key (event_id, booking_id)
);

-- Who wanted to be told a kind of thing, about whom or what, and when: followers of a host, people interested in an
-- event. Since is included, until is not; until null: they still want it.
create table notification_subscriptions (
    user_id    uuid not null,
    kind       text not null,
    subject_id uuid not null,
    -- Its place in the user's stream.
    sequence   bigint not null,
    since      timestamptz not null,
    until      timestamptz,
    primary key (user_id, kind, subject_id, sequence)
);
-- Serves: whom to tell.
create index notification_subscriptions_subject on notification_subscriptions (subject_id, kind, user_id);

-- What subscribers are told of: publications of a host, starts of an event's sale.
create table notification_causes (
    -- The domain event.
    id          uuid primary key,
    kind        text not null,
    subject_id  uuid not null,
    event_id    uuid not null,
    at          timestamptz not null,
    recorded_at timestamptz not null
);
-- Serves: what somebody whose subscription comes later than its causes is to be told.
create index notification_causes_subject on notification_causes (subject_id, kind, at);

-- By which channel a person wants a kind, from when on.
create table notification_preferences (
    user_id  uuid not null,
    kind     text not null,
    -- Its place in the user's stream.
    sequence bigint not null,
    since    timestamptz not null,
    channel  text not null,
    primary key (user_id, kind, sequence)
);

-- What people have read: kept by itself, because it may come before the notification does.
create table notification_reads (
    user_id         uuid not null,
    notification_id uuid not null,
    read_at         timestamptz not null,
    primary key (user_id, notification_id)
);

-- People who have been erased: nothing that comes later is told them.
create table notification_erased (
    user_id uuid primary key
);

create table notifications_applied (
    stream_type text not null,
    stream_id   text not null,
    sequence    bigint not null,
    primary key (stream_type, stream_id)
);

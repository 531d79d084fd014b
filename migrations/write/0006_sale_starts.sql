-- Starts of sales that the process manager will look at when they come; one row an event.
create table sale_starts (
    event_id  uuid primary key,
    starts_at timestamptz not null,
    -- The place in the event's stream that said so: an older one that comes again changes nothing.
    sequence  bigint not null
);
-- Serves: the starts that have come.
create index sale_starts_due on sale_starts (starts_at);

-- Serves: the relay, which finds the events of many pointers at once (claim_outbox in event-store). They stand side by side
-- here; by their streams they are all over the primary key, which takes three times as long.
-- No event is appended while it is built. Whoever has many builds it before, concurrently: k8s/README.md says how.
create unique index if not exists events_by_position on events (position);

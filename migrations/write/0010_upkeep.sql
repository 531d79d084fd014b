-- Rows of the outbox live for milliseconds, and whoever looks for the oldest ones passes over the dead: they are cleared
-- away often, by their number alone, and without pauses.
alter table outbox set (
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 10000,
    autovacuum_vacuum_cost_delay = 0
);

-- Numbering in one round trip: whether each stream goes on where the log left it is seen here, and not asked before. The
-- function of 0008 stays for relays of the version before, which run until the roles have rolled.
--
-- Events that the relay read from the outbox get their places. numbering.rs in event-store calls it. Its transaction never
-- waits for the relay: one that is stopped half-way keeps no lock on `relay_leader`, which whoever takes over needs.
create function number_events(
    of_epoch      bigint,
    lease_seconds double precision,
    head          bigint,
    of_positions  bigint[],
    of_types      text[],
    of_ids        text[],
    of_sequences  bigint[],
    -- Whether it is the first of its stream among these.
    are_first     boolean[],
    of_hashes     bytea[]
) returns boolean language plpgsql
-- A plan that was made when a table was empty may be kept for long: it must not read the whole table later.
set enable_seqscan = off
as $$
declare
    moved bigint;
    gap   bigint;
begin
    update relay_leader set lease_until = clock_timestamp() + make_interval(secs => lease_seconds)
    where epoch = of_epoch;
    if not found then
        return false;
    end if;

    if head <> coalesce((select global_position from event_log order by global_position desc limit 1), 0) then
        raise exception 'the event log has moved on meanwhile';
    end if;

    select min(place) into gap
    from unnest(of_types, of_ids, of_sequences, are_first)
         with ordinality as entry (aggregate_type, aggregate_id, sequence, is_first, place)
    where is_first and entry.sequence > 1
          and not exists (select from event_log before
                          where before.aggregate_type = entry.aggregate_type
                                and before.aggregate_id = entry.aggregate_id
                                and before.sequence = entry.sequence - 1);
    if gap is not null then
        raise exception 'a stream does not go on where the event log left it' using errcode = 'BX003', detail = gap;
    end if;

    insert into event_log (global_position, aggregate_type, aggregate_id, sequence, hash)
    select head + place, aggregate_type, aggregate_id, sequence, hash
    from unnest(of_types, of_ids, of_sequences, of_hashes)
         with ordinality as entry (aggregate_type, aggregate_id, sequence, hash, place)
    order by place;

    -- Exactly those that were numbered: one that became visible meanwhile waits for the next round.
    delete from outbox where position = any(of_positions);
    get diagnostics moved = row_count;
    if moved <> cardinality(of_positions) then
        raise exception 'the outbox has lost pointers';
    end if;
    return true;
end
$$;

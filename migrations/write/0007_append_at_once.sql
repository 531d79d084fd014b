-- An append in one round trip: events, receipts, and that accounts exist, all or nothing. append_at_once.rs in event-store calls
-- it, and reads from `detail` whom a refusal is about.
create function append_at_once(
    of_types       text[],
    of_ids         text[],
    of_sequences   bigint[],
    of_event_types text[],
    of_versions    text[],
    of_payloads    text[],
    of_metadata    text[],
    of_event_ids   uuid[],
    of_commands    bytea[],
    of_bodies      bytea[],
    of_outcomes    text[],
    of_seconds     bigint[],
    of_accounts    uuid[]
) returns void language plpgsql
-- A plan that was made when a table was empty may be kept for long: it must not read the whole table later.
set enable_seqscan = off
as $$
declare
    repeated text;
    gone     text;
begin
    insert into events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata, event_id)
    select aggregate_type, aggregate_id, sequence, event_type, event_version, payload::json, metadata::json, event_id
    from unnest(of_types, of_ids, of_sequences, of_event_types, of_versions, of_payloads, of_metadata, of_event_ids)
         with ordinality as event (aggregate_type, aggregate_id, sequence, event_type, event_version, payload,
                                   metadata, event_id, place)
    order by place;

    if cardinality(of_commands) > 0 then
        with written as (
            insert into receipts (command_id, body_hash, outcome, expires_at)
            select command_id, body_hash, outcome::json, clock_timestamp() + make_interval(secs => seconds)
            from unnest(of_commands, of_bodies, of_outcomes, of_seconds)
                 with ordinality as receipt (command_id, body_hash, outcome, seconds, place)
            order by place
            -- One that has lapsed, and was not swept yet, is as good as none.
            on conflict (command_id) do update
                set body_hash = excluded.body_hash, outcome = excluded.outcome,
                    created_at = excluded.created_at, expires_at = excluded.expires_at
                where receipts.expires_at <= clock_timestamp()
            returning command_id
        )
        select string_agg(encode(wanted, 'hex'), ',') into repeated
        from unnest(of_commands) as wanted
        where wanted not in (select command_id from written);
        if repeated is not null then
            raise exception 'commands took effect before' using errcode = 'BX001', detail = repeated;
        end if;
    end if;

    if cardinality(of_accounts) > 0 then
        -- The lock makes an erasure wait for this append, or this append see the erasure.
        with found as (
            select user_id from accounts where user_id = any(of_accounts) order by user_id for key share
        )
        select string_agg(wanted::text, ',') into gone
        from unnest(of_accounts) as wanted
        where wanted not in (select user_id from found);
        if gone is not null then
            raise exception 'accounts are gone' using errcode = 'BX002', detail = gone;
        end if;
    end if;
end
$$;

-- R5: how many events wait, and the size of their records on average: key, value, and the names and values of headers
-- (feed/src/cloud_event.rs).
select count(*),
       avg(octet_length(aggregate_id) + octet_length(payload::text)
           + octet_length('ce_specversion' || '1.0')
           + octet_length('ce_id' || event_id)
           + octet_length('ce_type' || 'boxoffice.' || aggregate_type || '.' || event_type || '.v' || event_version)
           + octet_length('ce_source' || '/boxoffice')
           + octet_length('ce_subject' || aggregate_id)
           + octet_length('ce_time' || '2026-01-01T00:00:00.000000Z')
           + octet_length('content-type' || 'application/json')
           + octet_length('ce_sequence' || sequence)
           + octet_length('ce_globalposition' || position)
           + coalesce(octet_length('ce_correlationid' || (metadata ->> 'correlationId')), 0)
           + coalesce(octet_length('ce_causationid' || (metadata ->> 'causationId')), 0)
           + coalesce(octet_length('ce_traceparent' || (metadata ->> 'traceparent')), 0))::bigint
from events

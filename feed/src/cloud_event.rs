//! How an event looks in Kafka: CloudEvents 1.0, Kafka protocol binding, binary content mode
//! (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md>).
//!
//! The value is the event's JSON as it is stored, personal data sealed. Made from the stored row alone, so that a
//! record that is sent twice is the same twice.

use chrono::{DateTime, SecondsFormat, Utc};
use event_store::{Metadata, StoredEvent, StreamId, event_log::LoggedEvent};
use rdkafka::{
    Message,
    message::{Header, Headers, OwnedHeaders},
};
use uuid::Uuid;

const SOURCE: &str = "/boxoffice";

/// A record that is not one of ours, or was damaged.
#[derive(Debug, thiserror::Error)]
#[error("the record has no valid {0}")]
pub struct MalformedRecord(&'static str);

/// Most headers of a record.
const HEADERS: usize = 12;

/// The headers of a record.
pub(crate) fn headers(logged: &LoggedEvent) -> OwnedHeaders {
    let event = &logged.event;
    let metadata = event.metadata();
    let mut id = Uuid::encode_buffer();
    let kind = format!("boxoffice.{}.{}.v{}", event.stream.kind, event.event_type, event.event_version);
    let required = [
        ("ce_specversion", "1.0"),
        ("ce_id", event.event_id.hyphenated().encode_lower(&mut id)),
        ("ce_type", &kind),
        ("ce_source", SOURCE),
        ("ce_subject", &event.stream.id),
        ("ce_time", &event.recorded_at.to_rfc3339_opts(SecondsFormat::Micros, true)),
        ("content-type", "application/json"),
        ("ce_sequence", &event.sequence.to_string()),
        ("ce_globalposition", &logged.global_position.to_string()),
    ];
    let optional = [
        ("ce_correlationid", &metadata.correlation_id),
        ("ce_causationid", &metadata.causation_id),
        ("ce_traceparent", &metadata.traceparent),
    ];
    let headers = OwnedHeaders::new_with_capacity(HEADERS);
    let headers = required
        .iter()
        .fold(headers, |headers, (key, value)| headers.insert(Header { key, value: Some(*value) }));
    optional.iter().fold(headers, |headers, (key, value)| match value {
        Some(value) => headers.insert(Header { key, value: Some(value) }),
        None => headers,
    })
}

/// The event that a record carries.
pub(crate) fn parse(record: &impl Message) -> Result<LoggedEvent, MalformedRecord> {
    let header = |name: &'static str| header(record, name).ok_or(MalformedRecord(name));
    let (kind, event_type, event_version) =
        parse_type(header("ce_type")?).ok_or(MalformedRecord("ce_type"))?;
    let metadata = Metadata {
        actor: None,
        correlation_id: header("ce_correlationid").ok().map(str::to_owned),
        causation_id: header("ce_causationid").ok().map(str::to_owned),
        traceparent: header("ce_traceparent").ok().map(str::to_owned),
    };
    let payload = record.payload().ok_or(MalformedRecord("value"))?;
    let recorded_at: DateTime<Utc> = header("ce_time")?.parse().map_err(|_| MalformedRecord("ce_time"))?;
    Ok(LoggedEvent {
        global_position: header("ce_globalposition")?
            .parse()
            .map_err(|_| MalformedRecord("ce_globalposition"))?,
        event: StoredEvent {
            stream: StreamId::new(kind, header("ce_subject")?),
            sequence: header("ce_sequence")?.parse().map_err(|_| MalformedRecord("ce_sequence"))?,
            event_id: header("ce_id")?.parse().map_err(|_| MalformedRecord("ce_id"))?,
            event_type: event_type.to_owned(),
            event_version: event_version.to_owned(),
            payload: String::from_utf8(payload.to_vec()).map_err(|_| MalformedRecord("value"))?,
            metadata: serde_json::to_string(&metadata).map_err(|_| MalformedRecord("metadata"))?,
            recorded_at,
        },
    })
}

/// `boxoffice.booking.BookingConfirmed.v1` is version 1 of `BookingConfirmed` in streams of type `booking`.
fn parse_type(text: &str) -> Option<(&str, &str, &str)> {
    let mut parts = text.strip_prefix("boxoffice.")?.splitn(3, '.');
    Some((parts.next()?, parts.next()?, parts.next()?.strip_prefix('v')?))
}

fn header<'a>(record: &'a impl Message, name: &str) -> Option<&'a str> {
    let headers = record.headers()?;
    let value = headers.iter().find(|header| header.key == name)?.value?;
    std::str::from_utf8(value).ok()
}

#[cfg(test)]
mod tests {
    use rdkafka::message::{OwnedMessage, Timestamp};

    use super::*;

    fn logged() -> LoggedEvent {
        let metadata = Metadata { correlation_id: Some("c".to_owned()), ..Metadata::default() };
        LoggedEvent {
            global_position: 42,
            event: StoredEvent {
                stream: StreamId::new("booking", "b"),
                sequence: 7,
                event_id: Uuid::nil(),
                event_type: "BookingConfirmed".to_owned(),
                event_version: "1".to_owned(),
                payload: r#"{"type":"BookingConfirmed"}"#.to_owned(),
                metadata: serde_json::to_string(&metadata).expect("plain strings"),
                recorded_at: "2026-11-21T10:00:00.123456Z".parse().expect("a time"),
            },
        }
    }

    fn record(payload: Option<&str>, headers: OwnedHeaders) -> OwnedMessage {
        let payload = payload.map(|text| text.as_bytes().to_vec());
        OwnedMessage::new(payload, None, "t".to_owned(), Timestamp::NotAvailable, 0, 0, Some(headers))
    }

    #[test]
    fn a_record_carries_the_whole_event() {
        let logged = logged();
        let record = record(Some(&logged.event.payload), headers(&logged));
        assert_eq!(parse(&record).expect("a record of ours"), logged);
        assert_eq!(header(&record, "ce_type"), Some("boxoffice.booking.BookingConfirmed.v1"));
        assert_eq!(header(&record, "ce_time"), Some("2026-11-21T10:00:00.123456Z"));
    }

    #[test]
    fn a_foreign_record_is_refused() {
        assert!(parse(&record(Some("{}"), OwnedHeaders::new())).is_err());
        assert!(parse(&record(None, headers(&logged()))).is_err());
    }
}

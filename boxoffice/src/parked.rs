//! `boxoffice projector parked …` and `boxoffice processes parked …`: events that could not be dealt with.
//!
//! Personal data stays sealed in everything that is printed.

mod of_processes;
mod of_projector;

use chrono::{DateTime, SecondsFormat, Utc};
use event_store::{StoredEvent, StreamId};
use serde_json::{Value, json};

pub(crate) use of_processes::run as of_processes;
pub(crate) use of_projector::run as of_projector;

/// Most parked events of one stream that are shown.
const MAX_SHOWN: i64 = 100;

fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// `user/0190…`, as it is printed everywhere.
pub(crate) fn stream(text: &str) -> Result<StreamId, String> {
    match text.split_once('/') {
        Some((kind, id)) if !kind.is_empty() && !id.is_empty() => Ok(StreamId::new(kind, id)),
        _ => {
            Err("a stream is its type and its id, such as event/0190b5a3-7c4e-7d2a-9f10-2b6f3c8d4e5f"
                .to_owned())
        }
    }
}

/// What a parked event is, without its place and its reason.
fn of_event(event: &StoredEvent) -> Value {
    // What cannot be understood may be no JSON at all.
    let json = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()));
    json!({
        "eventId": event.event_id,
        "eventType": event.event_type,
        "eventVersion": event.event_version,
        "recordedAt": time(event.recorded_at),
        "payload": json(&event.payload),
        "metadata": json(&event.metadata),
    })
}

fn print_event(event: &StoredEvent) {
    println!(
        "    {}, version {}, recorded {}",
        event.event_type,
        event.event_version,
        time(event.recorded_at)
    );
    println!("    payload   {}", event.payload);
    println!("    metadata  {}", event.metadata);
}

/// Said where a list stops before its end.
fn print_rest(shown: usize, total: i64, what: &str) {
    let rest = total - i64::try_from(shown).unwrap_or(total);
    if rest > 0 {
        println!("… and {rest} more {what}; --limit shows more");
    }
}

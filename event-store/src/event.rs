//! Events and streams as the store sees them: names, numbers and JSON text.

use std::fmt;

use chrono::{DateTime, Utc};
use cqrs_es::DomainEvent;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use uuid::Uuid;

/// Which stream: the aggregate's type and id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StreamId {
    /// The aggregate's type: `user`, `event`, `booking`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The aggregate's id.
    pub id: String,
}

impl StreamId {
    /// The stream of an aggregate.
    pub fn new(kind: impl Into<String>, id: impl ToString) -> Self {
        Self { kind: kind.into(), id: id.to_string() }
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.id)
    }
}

/// A place in a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamPosition {
    /// Which stream.
    #[serde(flatten)]
    pub stream: StreamId,
    /// Counted from 1.
    pub sequence: i64,
}

/// Who caused an event, and in which conversation. Ids only: metadata is not sealed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// The user who gave the command, or the name of the part of the system that did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// The same for everything that one request led to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// The event or request that led to this one directly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causation_id: Option<String>,
    /// W3C trace context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

/// An event that is not stored yet.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// Its id, a UUID version 7.
    pub event_id: Uuid,
    /// Its type, such as `BookingConfirmed`.
    pub event_type: String,
    /// The version of its shape.
    pub event_version: String,
    /// JSON text; personal data still clear.
    pub(crate) payload: String,
    /// JSON text.
    pub(crate) metadata: String,
}

impl NewEvent {
    /// A domain event on its way to the store.
    ///
    /// # Panics
    /// If the event does not serialize; events are plain data, so that is a defect of its type.
    pub fn from_domain<E: DomainEvent>(event: &E, metadata: &Metadata) -> Self {
        Self {
            event_id: Uuid::now_v7(),
            event_type: event.event_type(),
            event_version: event.event_version(),
            payload: serde_json::to_string(event).expect("events are plain data with string keys"),
            metadata: serde_json::to_string(metadata).expect("metadata is plain strings"),
        }
    }
}

/// An event as it stands in the store.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredEvent {
    /// Which stream.
    pub stream: StreamId,
    /// Its place in the stream, from 1.
    pub sequence: i64,
    /// Its id.
    pub event_id: Uuid,
    /// Its type.
    pub event_type: String,
    /// The version of its shape.
    pub event_version: String,
    /// JSON text. What readers of streams get has personal data clear where the person's key exists; what the event
    /// log hands on is sealed.
    pub payload: String,
    /// JSON text, see [`Metadata`].
    pub metadata: String,
    /// When it was inserted, by the database's clock.
    pub recorded_at: DateTime<Utc>,
}

impl StoredEvent {
    /// The domain event.
    ///
    /// # Errors
    /// The payload has not the shape of `E`.
    pub fn decode<E: DeserializeOwned>(&self) -> Result<E, serde_json::Error> {
        serde_json::from_str(&self.payload)
    }

    /// Who caused it. What stock postgres-es wrote may have none of it.
    #[must_use]
    pub fn metadata(&self) -> Metadata {
        serde_json::from_str(&self.metadata).unwrap_or_default()
    }

    /// Its place.
    #[must_use]
    pub fn position(&self) -> StreamPosition {
        StreamPosition { stream: self.stream.clone(), sequence: self.sequence }
    }
}

//! The topics: one for each type of stream, keyed by the stream's id, never compacted.

use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    error::{KafkaError, RDKafkaErrorCode},
};

/// The types of stream that Kafka carries.
pub const STREAM_TYPES: [&str; 3] = ["user", "event", "booking"];

/// Partitions of a new topic. The number of an existing topic never changes: it decides which partition a key is in.
pub const PARTITIONS: i32 = 6;

/// The topic of a type of stream, if it has one.
#[must_use]
pub fn topic_of(stream_type: &str) -> Option<&'static str> {
    match stream_type {
        "user" => Some("boxoffice.user.v1"),
        "event" => Some("boxoffice.event.v1"),
        "booking" => Some("boxoffice.booking.v1"),
        _ => None,
    }
}

/// The type of stream that a topic carries, if it is one of ours.
#[must_use]
pub fn stream_type_of(topic: &str) -> Option<&'static str> {
    STREAM_TYPES.into_iter().find(|stream_type| topic_of(stream_type) == Some(topic))
}

/// Makes the topics that are missing, with the brokers' default replication; leaves the others as they are.
///
/// # Errors
/// The brokers do not answer or refuse.
pub async fn create_topics(brokers: &str) -> Result<(), KafkaError> {
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", brokers).create()?;
    let retention = [("cleanup.policy", "delete"), ("retention.ms", "-1")];
    let topics: Vec<NewTopic<'_>> = STREAM_TYPES
        .iter()
        .filter_map(|stream_type| topic_of(stream_type))
        .map(|topic| {
            let new = NewTopic::new(topic, PARTITIONS, TopicReplication::Fixed(BROKERS_DEFAULT));
            retention.iter().fold(new, |new, (key, value)| new.set(key, value))
        })
        .collect();
    for result in admin.create_topics(&topics, &AdminOptions::new()).await? {
        match result {
            Ok(topic) => tracing::info!(topic, "topic created"),
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((_, code)) => return Err(KafkaError::AdminOp(code)),
        }
    }
    Ok(())
}

/// Asks for the replication factor that the brokers are configured with (KIP-464).
const BROKERS_DEFAULT: i32 = -1;

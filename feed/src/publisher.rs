//! From the event log to Kafka: in order, idempotent, and the mark moves only past what was acknowledged.

use std::time::Duration;

use event_store::event_log::LoggedEvent;
use rdkafka::{
    ClientConfig,
    error::{KafkaError, RDKafkaErrorCode},
    producer::{FutureProducer, FutureRecord, Producer, PurgeConfig, future_producer::DeliveryFuture},
};

use crate::{cloud_event, topics::topic_of};

/// Pause before a record is offered again to a producer whose queue is full.
const QUEUE_FULL_PAUSE: Duration = Duration::from_millis(5);

/// Why a batch was not published, or not to the end.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// There is no topic for this type of stream.
    #[error("there is no topic for streams of type {0}")]
    NoTopic(String),
    /// Kafka refused or dropped a record.
    #[error("Kafka did not take a record")]
    Kafka(#[from] KafkaError),
}

/// An idempotent producer. After any error it is to be dropped and built anew, and the batch sent again.
pub(crate) struct Publisher(FutureProducer);

impl Publisher {
    pub(crate) fn new(brokers: &str) -> Result<Self, KafkaError> {
        let producer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("max.in.flight.requests.per.connection", "5")
            // Otherwise librdkafka drops a message after a while and sends the later ones.
            .set("message.timeout.ms", "0")
            // The partitioner of the Java clients: a key is where other producers would put it.
            .set("partitioner", "murmur2_random")
            .set("linger.ms", "2")
            .create()?;
        Ok(Self(producer))
    }

    /// Returns when Kafka has acknowledged all of them.
    pub(crate) async fn publish(&self, events: &[LoggedEvent]) -> Result<(), PublishError> {
        let mut deliveries = Vec::with_capacity(events.len());
        for event in events {
            deliveries.push(self.enqueue(event).await?);
        }
        for delivery in deliveries {
            let canceled = |_| KafkaError::MessageProduction(RDKafkaErrorCode::PurgeQueue);
            delivery.await.map_err(canceled)?.map_err(|(error, _)| error)?;
        }
        Ok(())
    }

    async fn enqueue(&self, logged: &LoggedEvent) -> Result<DeliveryFuture, PublishError> {
        let event = &logged.event;
        let topic =
            topic_of(&event.stream.kind).ok_or_else(|| PublishError::NoTopic(event.stream.kind.clone()))?;
        let mut record = FutureRecord::to(topic)
            .key(event.stream.id.as_bytes())
            .payload(event.payload.as_bytes())
            .timestamp(event.recorded_at.timestamp_millis())
            .headers(cloud_event::headers(logged));
        loop {
            match self.0.send_result(record) {
                Ok(delivery) => return Ok(delivery),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    record = back;
                    tokio::time::sleep(QUEUE_FULL_PAUSE).await;
                }
                Err((error, _)) => return Err(error.into()),
            }
        }
    }
}

/// What was not acknowledged is forgotten here; it is still in the event log.
impl Drop for Publisher {
    fn drop(&mut self) {
        self.0.purge(PurgeConfig::default().queue().inflight());
    }
}

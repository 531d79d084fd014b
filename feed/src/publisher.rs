//! From the event log to Kafka: in order, idempotent, many records under way at once.
//!
//! librdkafka's defaults are good for the sizes of batches; what is set here is about order, and about how much may be
//! under way.

use std::{collections::HashMap, mem, sync::Arc, thread, time::Duration};

use event_store::event_log::LoggedEvent;
use rdkafka::{
    ClientConfig,
    error::{KafkaError, RDKafkaErrorCode},
    producer::{BaseRecord, Producer, PurgeConfig, ThreadedProducer},
};
use tokio::sync::watch;

use crate::{
    cloud_event,
    deliveries::{Deliveries, DeliveriesOfTopic, Progress},
    topics::{STREAM_TYPES, topic_of},
};

/// Most records under way. More make nothing faster, and all of them are sent again after a failure.
const MAX_UNDER_WAY: i64 = 20_000;
/// Most bytes of them, of each topic.
const MAX_KBYTES_UNDER_WAY: &str = "65536";
/// Pause before a record is offered again to a producer that has too many bytes under way.
const QUEUE_FULL_PAUSE: Duration = Duration::from_millis(5);
/// How long a record waits for others of its partition. A lone one is that much later; the crowd's batches are full.
const LINGER_MS: &str = "5";

/// Why an event was not published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// There is no topic for this type of stream.
    #[error("there is no topic for streams of type {0}")]
    NoTopic(String),
    /// Kafka refused or dropped a record.
    #[error("Kafka did not take a record")]
    Kafka(#[from] KafkaError),
}

/// Idempotent producers of all events after a place, each topic's in order. After any error it is to be dropped, and
/// another one built that begins after what was acknowledged.
///
/// A broker takes the requests of a connection one after the other, and librdkafka sends one for each partition. So each
/// topic has a producer, and a connection, of its own.
pub(crate) struct Publisher {
    producers: HashMap<&'static str, ThreadedProducer<DeliveriesOfTopic>>,
    deliveries: Arc<Deliveries>,
    progress: watch::Receiver<Progress>,
}

impl Publisher {
    pub(crate) fn after(place: i64, brokers: &str) -> Result<Self, KafkaError> {
        let deliveries = Arc::new(Deliveries::after(place));
        let progress = deliveries.progress();
        let of_topic = |topic| {
            let producer = producer(brokers, DeliveriesOfTopic::of(&deliveries))?;
            Ok((topic, producer))
        };
        let topics = STREAM_TYPES.into_iter().filter_map(topic_of);
        let producers = topics.map(of_topic).collect::<Result<_, KafkaError>>()?;
        Ok(Self { producers, deliveries, progress })
    }

    /// The place up to which Kafka has acknowledged everything.
    pub(crate) fn acknowledged(&self) -> i64 {
        self.progress.borrow().acknowledged
    }

    /// How many records are not acknowledged yet.
    pub(crate) fn under_way(&self) -> i64 {
        self.deliveries.under_way()
    }

    /// Hands over these events, which go on where the last ones ended; waits while too many are under way.
    pub(crate) async fn send(&self, events: &[LoggedEvent]) -> Result<(), PublishError> {
        for logged in events {
            let under_way = self.deliveries.hand_over();
            self.offer(logged).await?;
            if under_way >= MAX_UNDER_WAY {
                self.until_acknowledged(logged.global_position - MAX_UNDER_WAY / 2).await?;
            }
        }
        Ok(())
    }

    /// Waits until Kafka has acknowledged everything up to this place.
    pub(crate) async fn until_acknowledged(&self, place: i64) -> Result<(), PublishError> {
        let mut progress = self.progress.clone();
        let reached = progress
            .wait_for(|progress| progress.failure.is_some() || progress.acknowledged >= place)
            .await
            .expect("the producer, which tells, is part of this");
        match &reached.failure {
            Some(error) => Err(error.clone().into()),
            None => Ok(()),
        }
    }

    async fn offer(&self, logged: &LoggedEvent) -> Result<(), PublishError> {
        let event = &logged.event;
        let no_topic = || PublishError::NoTopic(event.stream.kind.clone());
        let topic = topic_of(&event.stream.kind).ok_or_else(no_topic)?;
        let producer = self.producers.get(topic).ok_or_else(no_topic)?;
        let place = usize::try_from(logged.global_position).expect("places are positive");
        let mut record = BaseRecord::with_opaque_to(topic, place)
            .key(event.stream.id.as_bytes())
            .payload(event.payload.as_bytes())
            .timestamp(event.recorded_at.timestamp_millis())
            .headers(cloud_event::headers(logged));
        loop {
            match producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    record = back;
                    tokio::time::sleep(QUEUE_FULL_PAUSE).await;
                }
                Err((error, _)) => return Err(error.into()),
            }
        }
    }
}

fn producer(
    brokers: &str,
    deliveries: DeliveriesOfTopic,
) -> Result<ThreadedProducer<DeliveriesOfTopic>, KafkaError> {
    ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("enable.idempotence", "true")
        // A batch that is given up takes the later ones of its partition along, instead of leaving a hole.
        .set("enable.gapless.guarantee", "true")
        .set("acks", "all")
        .set("max.in.flight.requests.per.connection", "5")
        // Otherwise librdkafka drops a message after a while and sends the later ones.
        .set("message.timeout.ms", "0")
        // The partitioner of the Java clients: a key is where other producers would put it.
        .set("partitioner", "murmur2_random")
        .set("linger.ms", LINGER_MS)
        .set("queue.buffering.max.kbytes", MAX_KBYTES_UNDER_WAY)
        .create_with_context(deliveries)
}

/// What was not acknowledged is forgotten here; it is still in the event log. librdkafka's own end blocks, so it gets a
/// thread.
impl Drop for Publisher {
    fn drop(&mut self) {
        for producer in mem::take(&mut self.producers).into_values() {
            producer.purge(PurgeConfig::default().queue().inflight());
            let end = thread::Builder::new().name("kafka-end".to_owned()).spawn(move || drop(producer));
            if let Err(error) = end {
                tracing::error!(%error, "no thread for the end of a producer");
            }
        }
    }
}

//! How long one record takes through Kafka.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{Consumer, StreamConsumer},
    producer::{FutureProducer, FutureRecord},
};

/// As large as a record of a booking.
const RECORD_BYTES: usize = 500;
/// Not counted: connections are made, and the broker is not warm.
const FIRST: usize = 200;
/// How long one record may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// A producer (`acks=all`, no lingering) and a consumer that waits for what it sends.
pub(crate) struct RoundTrips {
    topic: &'static str,
    producer: FutureProducer,
    consumer: StreamConsumer,
}

impl RoundTrips {
    /// With a topic of their own, and warm.
    pub(crate) async fn prepare(brokers: &str, topic: &'static str) -> Result<Self> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", brokers);
        let admin: AdminClient<DefaultClientContext> = config.create()?;
        let new = NewTopic::new(topic, 1, TopicReplication::Fixed(1));
        for created in admin.create_topics(&[new], &AdminOptions::new()).await? {
            if let Err((topic, code)) = created {
                bail!("no topic {topic}: {code}");
            }
        }
        let consumer: StreamConsumer =
            config.clone().set("group.id", topic).set("enable.auto.commit", "false").create()?;
        let mut partitions = TopicPartitionList::new();
        partitions.add_partition_offset(topic, 0, Offset::Beginning)?;
        consumer.assign(&partitions)?;
        let producer = config.clone().set("acks", "all").set("linger.ms", "0").create()?;
        let round_trips = Self { topic, producer, consumer };
        for _ in 0..FIRST {
            round_trips.one().await?;
        }
        Ok(round_trips)
    }

    /// How long one record takes until the consumer has it.
    pub(crate) async fn one(&self) -> Result<Duration> {
        let started = Instant::now();
        let record = FutureRecord::to(self.topic).key("key").payload(&[b'x'; RECORD_BYTES]);
        let acknowledged = self.producer.send_result(record).map_err(|(error, _)| error)?;
        tokio::time::timeout(DEADLINE, self.consumer.recv()).await??;
        let taken = started.elapsed();
        acknowledged.await?.map_err(|(error, _)| error)?;
        Ok(taken)
    }
}

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

const TOPIC: &str = "round-trips";
/// As large as a record of a booking.
const RECORD_BYTES: usize = 500;
/// Not counted: connections are made, and the broker is not warm.
const FIRST: usize = 200;
/// How long one record may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// So many round trips, one after the other: a record is handed to a producer (`acks=all`, no lingering) and comes to a
/// consumer that waits for it.
pub(crate) async fn round_trips(brokers: &str, count: usize) -> Result<Vec<Duration>> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers);
    let admin: AdminClient<DefaultClientContext> = config.create()?;
    let topic = NewTopic::new(TOPIC, 1, TopicReplication::Fixed(1));
    for created in admin.create_topics(&[topic], &AdminOptions::new()).await? {
        if let Err((topic, code)) = created {
            bail!("no topic {topic}: {code}");
        }
    }
    let consumer: StreamConsumer =
        config.clone().set("group.id", TOPIC).set("enable.auto.commit", "false").create()?;
    let mut partitions = TopicPartitionList::new();
    partitions.add_partition_offset(TOPIC, 0, Offset::Beginning)?;
    consumer.assign(&partitions)?;
    let producer: FutureProducer = config.clone().set("acks", "all").set("linger.ms", "0").create()?;
    let payload = [b'x'; RECORD_BYTES];
    let mut taken = Vec::with_capacity(count);
    for index in 0..FIRST + count {
        let started = Instant::now();
        let record = FutureRecord::to(TOPIC).key("key").payload(&payload[..]);
        let acknowledged = producer.send_result(record).map_err(|(error, _)| error)?;
        tokio::time::timeout(DEADLINE, consumer.recv()).await??;
        if index >= FIRST {
            taken.push(started.elapsed());
        }
        acknowledged.await?.map_err(|(error, _)| error)?;
    }
    Ok(taken)
}

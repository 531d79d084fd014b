//! The topics, as Kafka describes them.

use std::time::Duration;

use feed::topics::create_topics;
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, ResourceSpecifier},
    client::DefaultClientContext,
};
use testkit::{eventually, kafka::KafkaServer};

const TOPICS: [&str; 3] = ["boxoffice.user.v1", "boxoffice.event.v1", "boxoffice.booking.v1"];

#[tokio::test]
async fn no_topic_is_compacted_and_nothing_in_them_grows_too_old() {
    let brokers = KafkaServer::shared().await.brokers();
    create_topics(brokers).await.unwrap();
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", brokers).create().unwrap();
    let topics: Vec<ResourceSpecifier<'_>> = TOPICS.map(ResourceSpecifier::Topic).into();
    let described = eventually("Kafka knows the topics", Duration::from_secs(30), async || {
        let described = admin.describe_configs(&topics, &AdminOptions::new()).await.ok()?;
        described.into_iter().collect::<Result<Vec<_>, _>>().ok()
    });
    let described = described.await;
    assert_eq!(described.len(), TOPICS.len());
    for topic in described {
        let value = |name: &str| topic.get(name).and_then(|entry| entry.value.as_deref());
        assert_eq!(value("cleanup.policy"), Some("delete"), "{:?}", topic.specifier);
        assert_eq!(value("retention.ms"), Some("-1"), "{:?}", topic.specifier);
    }
}

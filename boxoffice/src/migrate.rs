//! `boxoffice migrate`: tables and topics.

use anyhow::Context;
use event_store::EventStore;
use platform::{Config, postgres::Statements};

use crate::databases::Databases;

pub(crate) async fn migrate(config: &Config) -> anyhow::Result<()> {
    let databases = Databases::configured_or_embedded(config).await?;
    prepare(config, &databases).await?;
    println!("The databases{} are ready.", if config.kafka_brokers.is_some() { " and topics" } else { "" });
    databases.stop().await
}

/// Tables, and topics where Kafka is used. Does nothing where all is there.
pub(crate) async fn prepare(config: &Config, databases: &Databases) -> anyhow::Result<()> {
    let write = databases.write_pool("boxoffice migrate", Statements::Patient).await?;
    EventStore::migrate(&write).await.context("migrating the write database")?;
    databases.store(write).await?;
    let read = databases.projector_pool(Statements::Patient).await?;
    projector::migrate(&read).await.context("migrating the read database")?;
    if let Some(brokers) = &config.kafka_brokers {
        feed::topics::create_topics(brokers).await.context("creating topics")?;
    }
    Ok(())
}

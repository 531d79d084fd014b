//! Event log → Kafka: events are read, sent and acknowledged at the same time, and the mark follows what Kafka has.

use std::{convert::Infallible, time::Duration};

use event_store::{
    EventStore,
    event_log::{Epoch, LoggedEvent},
};
use tokio::time::{sleep, timeout};

use super::{HandedOn, RETRY_PAUSE, Relay, metrics};
use crate::{PublishError, publisher::Publisher};

/// Most events that are read from the event log at once.
const READ_BATCH: i64 = 2_000;
/// The mark moves at most so often: each time is a commit.
const MARK_PAUSE: Duration = Duration::from_millis(100);
/// After so long without an acknowledgement the relay says that it is failing.
const SLOW: Duration = Duration::from_secs(15);

#[derive(Debug, thiserror::Error)]
enum PublishingError {
    #[error("the event log failed")]
    Log(#[from] sqlx::Error),
    #[error("publishing failed")]
    Publish(#[from] PublishError),
}

/// Somebody else leads.
struct LeadLost;

impl Relay {
    /// Returns when the lead is lost.
    pub(super) async fn publish(self, epoch: Epoch, brokers: String, mut handed_on: HandedOn) {
        loop {
            match self.publish_from_mark(epoch, &brokers, &mut handed_on).await {
                Ok(LeadLost) => return,
                Err(error) => {
                    // The producer is gone, with what was under way; the next one starts from the mark.
                    self.cannot_publish(&error);
                    sleep(RETRY_PAUSE).await;
                }
            }
        }
    }

    async fn publish_from_mark(
        &self,
        epoch: Epoch,
        brokers: &str,
        handed_on: &mut HandedOn,
    ) -> Result<LeadLost, PublishingError> {
        let mark = self.store.published_position().await?;
        let publisher = Publisher::after(mark, brokers).map_err(PublishError::from)?;
        let ahead = ReadAhead { store: &self.store, handed_on, cursor: mark, early: None, is_behind: true };
        tokio::select! {
            sent = send_all(&publisher, ahead) => match sent? {},
            lost = self.move_mark(&publisher, epoch, mark) => lost,
        }
    }

    /// The mark follows what is acknowledged. Returns when the lead is lost.
    async fn move_mark(
        &self,
        publisher: &Publisher,
        epoch: Epoch,
        mut mark: i64,
    ) -> Result<LeadLost, PublishingError> {
        loop {
            match timeout(SLOW, publisher.until_acknowledged(mark + 1)).await {
                Ok(acknowledged) => acknowledged?,
                // It goes on trying, but people should know.
                Err(_elapsed) => {
                    self.acknowledges_nothing(publisher.under_way() > 0);
                    continue;
                }
            }
            let acknowledged = publisher.acknowledged();
            metrics::published(acknowledged - mark);
            mark = acknowledged;
            if !self.store.set_published_position(epoch, mark).await? {
                return Ok(LeadLost);
            }
            self.publishes();
            sleep(MARK_PAUSE).await;
        }
    }

    fn acknowledges_nothing(&self, though_it_should: bool) {
        if though_it_should {
            self.state.send_modify(|state| {
                state.publishing.get_or_insert_with(|| "Kafka acknowledges nothing".to_owned());
            });
        } else {
            self.publishes();
        }
    }
}

/// Sends everything there is and comes to be; the next events are read while these are sent.
async fn send_all(publisher: &Publisher, mut ahead: ReadAhead<'_>) -> Result<Infallible, PublishingError> {
    let mut events = ahead.next().await?;
    loop {
        let (sent, next) = tokio::join!(publisher.send(&events), ahead.next());
        sent?;
        events = next?;
    }
}

/// All events after a place, in order: those that were handed on if they come next, others from the event log.
struct ReadAhead<'a> {
    store: &'a EventStore,
    handed_on: &'a mut HandedOn,
    /// The last place that was given out.
    cursor: i64,
    /// What was handed on before what comes before it was read.
    early: Option<Vec<LoggedEvent>>,
    /// Whether the event log may have more than this.
    is_behind: bool,
}

impl ReadAhead<'_> {
    async fn next(&mut self) -> Result<Vec<LoggedEvent>, sqlx::Error> {
        loop {
            let handed_on = match self.early.take() {
                Some(early) => Some(early),
                None if self.is_behind => None,
                None => self.handed_on.take(self.cursor).await,
            };
            let next = match handed_on {
                Some(mut events) => {
                    events.retain(|logged| logged.global_position > self.cursor);
                    if events.first().is_some_and(|logged| logged.global_position > self.cursor + 1) {
                        self.early = Some(events);
                        self.read().await?
                    } else {
                        events
                    }
                }
                None => self.read().await?,
            };
            if let Some(last) = next.last() {
                self.cursor = last.global_position;
                return Ok(next);
            }
        }
    }

    async fn read(&mut self) -> Result<Vec<LoggedEvent>, sqlx::Error> {
        let events = self.store.read_log(self.cursor, READ_BATCH, &[]).await?.events;
        self.is_behind = events.len() as i64 == READ_BATCH;
        Ok(events)
    }
}

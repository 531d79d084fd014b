//! What consumers of events read: Kafka, or the event log itself. Both behave alike.

use std::time::Duration;

use event_store::{EventStore, event_log::LoggedEvent};
use rdkafka::error::KafkaError;
use tokio::time::{Instant, timeout_at};

use crate::{SharedLog, kafka_source::KafkaSource, rest::Rest};

/// Most events that a consumer gets at once. There are so many only when it is behind, and then it deals with them the
/// quicker the more there are.
pub(crate) const MAX_BATCH: usize = 2_000;
/// The time from one batch to the next, at least, of a consumer that is not behind.
const PACE: Duration = Duration::from_millis(10);

/// When nothing comes for so long, what was made of the last batches is taken to the disk; or the follower finds out that it
/// is lost.
const QUIET: Duration = Duration::from_secs(1);

/// Where a consumer's events come from.
#[derive(Debug)]
pub struct Source {
    origin: Origin,
    rest: Rest,
}

#[derive(Debug)]
enum Origin {
    /// The event log, in global order.
    Log(LogFollower),
    /// Kafka, in the order of each key.
    Kafka(Box<KafkaSource>),
}

#[derive(Debug)]
struct LogFollower {
    log: SharedLog,
    stream_types: &'static [&'static str],
    /// The last place that was read.
    place: i64,
    /// When the last batch was given out, if what is made of it may not be on disk.
    given: Option<Instant>,
}

/// Some events, and what to remember once they are dealt with.
#[derive(Debug)]
pub struct Batch {
    /// Each stream's events in sequence, apart from duplicates. Personal data sealed. May be none.
    pub events: Vec<LoggedEvent>,
    /// From the event log: every event up to this place is in this batch or an earlier one. To be kept by the
    /// consumer, in the transaction that deals with the events.
    pub checkpoint: Option<i64>,
    /// Kafka's offsets are committed once this batch is dealt with. So what deals with it must be on disk then, and with
    /// it all that was made of earlier batches. Of other batches it need not be: after a crash of the database a new source
    /// brings them again, from the offsets or the checkpoint that outlived it. That there was one the follower sees by its
    /// [connection](crate::FollowerConnection).
    pub must_last: bool,
}

impl Batch {
    /// SQL for the beginning of the transaction that deals with it. The commit of one that must last waits for the disk even
    /// if it changes nothing, and what was committed before is on disk then, too; others do not wait.
    #[must_use]
    pub const fn durability(&self) -> &'static str {
        // PostgreSQL waits only for a transaction that has written to its log before the commit: this writes.
        if self.must_last {
            "select pg_logical_emit_message(true, 'boxoffice', '')"
        } else {
            "set local synchronous_commit = off"
        }
    }
}

/// Why no events came.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The event log cannot be read.
    #[error("the event log cannot be read")]
    Log(#[from] sqlx::Error),
    /// Kafka cannot be read.
    #[error("Kafka cannot be read")]
    Kafka(#[from] KafkaError),
    /// Kafka can be read again, by another consumer: this one was out of its group for longer than the group waits.
    #[error("the consumer group has gone on without this consumer")]
    GivenUp,
}

impl SourceError {
    /// Whether the source is at its end: drop it and make a new one. After any other error it goes on by itself, once
    /// what is wrong is over: ask it again.
    #[must_use]
    pub fn ends_the_source(&self) -> bool {
        matches!(self, Self::Kafka(KafkaError::MessageConsumptionFatal(_)) | Self::GivenUp)
    }
}

impl Source {
    /// Follows the event log from a checkpoint on.
    #[must_use]
    pub fn log(log: SharedLog, stream_types: &'static [&'static str], checkpoint: i64) -> Self {
        Self::of(Origin::Log(LogFollower { log, stream_types, place: checkpoint, given: None }))
    }

    /// Follows Kafka as a member of the consumer group `boxoffice-<consumer>`. A group that never read before first
    /// catches up from the event log, from the checkpoint on.
    ///
    /// # Errors
    /// The brokers cannot be asked.
    pub async fn kafka(
        brokers: &str,
        consumer: &str,
        store: EventStore,
        stream_types: &'static [&'static str],
        checkpoint: i64,
    ) -> Result<Self, SourceError> {
        let source = KafkaSource::new(brokers, consumer, store, stream_types, checkpoint).await?;
        Ok(Self::of(Origin::Kafka(Box::new(source))))
    }

    fn of(origin: Origin) -> Self {
        Self { origin, rest: Rest::with_pace(PACE) }
    }

    /// The next events; rests after the last ones, and waits until there are some. Dropping the future loses nothing. A
    /// batch without events says that all is well again after an error, or that what came before it must last.
    ///
    /// # Errors
    /// See [`SourceError`]; unless it [ends the source](SourceError::ends_the_source), ask again.
    pub async fn next(&mut self) -> Result<Batch, SourceError> {
        self.rest.after_batch().await;
        let (batch, is_full) = match &mut self.origin {
            Origin::Log(follower) => follower.next().await?,
            Origin::Kafka(kafka) => {
                let batch = kafka.next().await?;
                let is_full = batch.events.len() >= MAX_BATCH;
                (batch, is_full)
            }
        };
        self.rest.begin_batch();
        self.rest.has_events(batch.events.len());
        if is_full {
            self.rest.is_behind();
        }
        Ok(batch)
    }

    /// Ends it in good order: the other members of a consumer group take over at once.
    pub async fn leave(self) {
        match self.origin {
            Origin::Log(_) => {}
            Origin::Kafka(kafka) => kafka.leave().await,
        }
    }

    /// The events of all batches so far are dealt with: they need not come again. Offsets go to Kafka in the background; those
    /// that it refuses are committed again.
    ///
    /// # Errors
    /// The offsets cannot be put together; the events will come again, and be duplicates. It goes on all the same.
    pub fn done(&mut self) -> Result<(), SourceError> {
        match &mut self.origin {
            Origin::Log(_) => Ok(()),
            Origin::Kafka(kafka) => Ok(kafka.done()?),
        }
    }
}

impl LogFollower {
    /// The next batch, and whether it is full.
    async fn next(&mut self) -> Result<(Batch, bool), sqlx::Error> {
        let next = self.log.next(self.place, self.stream_types);
        let page = match self.given {
            None => next.await?,
            Some(given) => match timeout_at(given + QUIET, next).await {
                Ok(page) => page?,
                Err(_elapsed) => {
                    self.given = None;
                    let last = Batch { events: vec![], checkpoint: Some(self.place), must_last: true };
                    return Ok((last, false));
                }
            },
        };
        let is_full = page.up_to - self.place >= MAX_BATCH as i64;
        self.place = page.up_to;
        self.given = Some(Instant::now());
        Ok((Batch { events: page.events, checkpoint: Some(page.up_to), must_last: false }, is_full))
    }
}

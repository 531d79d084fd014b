//! Which of the records that were handed to the producers Kafka has acknowledged.
//!
//! Acknowledgements come per partition, in any order between them. What counts is the place up to which all are there.

use std::{
    collections::VecDeque,
    error::Error,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rdkafka::{
    ClientContext,
    error::{KafkaError, RDKafkaErrorCode},
    producer::{DeliveryResult, NoCustomPartitioner, ProducerContext},
};
use tokio::sync::watch;

/// Who waits is told after so many acknowledgements, and after the last one that is expected: to wake somebody for each
/// would cost more than to send it.
const TELL_EVERY: i64 = 256;

/// How far the producers are.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    /// Everything up to this place is acknowledged; it may be that more is by now.
    pub(crate) acknowledged: i64,
    /// One of them is good for nothing any more.
    pub(crate) failure: Option<KafkaError>,
}

/// What the producers tell of every record that was delivered or given up.
#[derive(Debug)]
pub(crate) struct Deliveries {
    window: Mutex<Window>,
    progress: watch::Sender<Progress>,
}

#[derive(Debug)]
struct Window {
    handed_over: i64,
    acknowledged: i64,
    /// What is known of the places after `acknowledged`; the first one is not acknowledged yet.
    beyond: VecDeque<bool>,
    told: i64,
}

impl Deliveries {
    /// For records of all places after this one, in order.
    pub(crate) fn after(place: i64) -> Self {
        let window = Window { handed_over: place, acknowledged: place, beyond: VecDeque::new(), told: place };
        let progress = watch::Sender::new(Progress { acknowledged: place, failure: None });
        Self { window: Mutex::new(window), progress }
    }

    pub(crate) fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// The record of the next place is about to be handed over. Answers with how many are under way, that one included.
    pub(crate) fn hand_over(&self) -> i64 {
        let mut window = self.window();
        window.handed_over += 1;
        window.handed_over - window.acknowledged
    }

    pub(crate) fn under_way(&self) -> i64 {
        let window = self.window();
        window.handed_over - window.acknowledged
    }

    fn acknowledge(&self, place: i64) {
        let mut window = self.window();
        let Ok(index) = usize::try_from(place - window.acknowledged - 1) else { return };
        if window.beyond.len() <= index {
            window.beyond.resize(index + 1, false);
        }
        window.beyond[index] = true;
        while window.beyond.front() == Some(&true) {
            window.beyond.pop_front();
            window.acknowledged += 1;
        }
        let acknowledged = window.acknowledged;
        if acknowledged - window.told >= TELL_EVERY
            || (acknowledged == window.handed_over && acknowledged > window.told)
        {
            window.told = acknowledged;
            drop(window);
            // Several producers tell, each on a thread of its own: one that is overtaken here takes nothing back.
            self.progress.send_modify(|progress| {
                progress.acknowledged = progress.acknowledged.max(acknowledged);
            });
        }
    }

    pub(crate) fn fail(&self, error: KafkaError) {
        self.progress.send_if_modified(|progress| {
            let is_first = progress.failure.is_none();
            progress.failure.get_or_insert(error);
            is_first
        });
    }

    fn window(&self) -> MutexGuard<'_, Window> {
        // Numbers are as good after a panic as before.
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The context of a topic's producer.
#[derive(Debug)]
pub(crate) struct DeliveriesOfTopic(Arc<Deliveries>);

impl DeliveriesOfTopic {
    pub(crate) fn of(all: &Arc<Deliveries>) -> Self {
        Self(all.clone())
    }
}

impl ClientContext for DeliveriesOfTopic {
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(error = &error as &dyn Error, reason, "the producer has an error");
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal) {
            self.0.fail(error);
        }
    }
}

impl ProducerContext<NoCustomPartitioner> for DeliveriesOfTopic {
    /// The record's place.
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, place: usize) {
        match result {
            Ok(_) => self.0.acknowledge(i64::try_from(place).expect("places are i64")),
            Err((error, _)) => self.0.fail(error.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acknowledged(deliveries: &Deliveries) -> i64 {
        deliveries.progress.borrow().acknowledged
    }

    #[test]
    fn it_counts_only_what_has_no_hole_before_it() {
        let deliveries = Deliveries::after(10);
        for under_way in 1..=4 {
            assert_eq!(deliveries.hand_over(), under_way);
        }
        for (place, expected) in [(12, 10), (13, 10), (11, 13), (14, 14)] {
            deliveries.acknowledge(place);
            assert_eq!(deliveries.window().acknowledged, expected, "after {place}");
        }
        assert_eq!(acknowledged(&deliveries), 14);
    }

    #[test]
    fn whoever_tells_last_nothing_is_taken_back() {
        const PLACES: i64 = 20_000;
        let deliveries = Deliveries::after(0);
        for _ in 0..PLACES {
            deliveries.hand_over();
        }
        std::thread::scope(|scope| {
            for first in 1..=4 {
                let deliveries = &deliveries;
                scope.spawn(move || {
                    (first..=PLACES).step_by(4).for_each(|place| deliveries.acknowledge(place))
                });
            }
            let mut before = 0;
            while before < PLACES {
                let now = acknowledged(&deliveries);
                assert!(now >= before, "{now} after {before}");
                before = now;
                if deliveries.under_way() == 0 && acknowledged(&deliveries) == before {
                    break;
                }
            }
        });
        assert_eq!(acknowledged(&deliveries), PLACES);
    }

    #[test]
    fn when_a_topics_producer_has_failed_what_the_others_deliver_does_not_hide_it() {
        let deliveries = Arc::new(Deliveries::after(0));
        let [failing, well] = [(); 2].map(|()| DeliveriesOfTopic::of(&deliveries));
        for _ in 0..2 {
            deliveries.hand_over();
        }
        failing.error(KafkaError::Global(RDKafkaErrorCode::AllBrokersDown), "it tries again by itself");
        assert!(deliveries.progress.borrow().failure.is_none());
        failing.error(KafkaError::Global(RDKafkaErrorCode::Fatal), "fenced");
        well.0.acknowledge(1);
        well.0.fail(KafkaError::Canceled);
        let failure = deliveries.progress.borrow().failure.clone();
        assert_eq!(failure, Some(KafkaError::Global(RDKafkaErrorCode::Fatal)), "the first one is told");
        assert_eq!(deliveries.under_way(), 1);
    }

    #[test]
    fn who_waits_is_told_now_and_then_and_at_the_end() {
        let deliveries = Deliveries::after(0);
        for _ in 0..TELL_EVERY + 2 {
            deliveries.hand_over();
        }
        for place in 1..=TELL_EVERY + 2 {
            deliveries.acknowledge(place);
            let expected = match place {
                place if place < TELL_EVERY => 0,
                place if place < TELL_EVERY + 2 => TELL_EVERY,
                place => place,
            };
            assert_eq!(acknowledged(&deliveries), expected);
        }
    }
}

//! How far a member of a consumer group has taken its partitions' records, and what of that is to be committed.
//!
//! A partition that is taken away takes its offsets along: its records come again to whoever has it next, and a commit
//! from here would move that member's offset. So a rebalance forgets them, before it is answered, and records that still
//! come of it do not count. A commit that comes in the middle of one is refused; what it said is in hand again, save of
//! partitions that were taken away meanwhile.

use std::sync::{Mutex, MutexGuard};

use rdkafka::{Message, Offset, TopicPartitionList, error::KafkaError};

/// The next offset of each partition that the member has, after the records in hand.
#[derive(Debug, Default)]
pub(crate) struct InHand(Mutex<Vec<Taken>>);

#[derive(Debug)]
struct Taken {
    topic: String,
    partition: i32,
    /// Nothing is taken yet where it is 0.
    next: i64,
    /// Whether it is to be committed; otherwise it is, or is under way.
    is_due: bool,
}

impl InHand {
    /// Records of these are for this member from now on.
    pub(crate) fn gain(&self, gained: &TopicPartitionList) {
        let mut taken = self.lock();
        for element in gained.elements() {
            let (topic, partition) = (element.topic().to_owned(), element.partition());
            if !taken.iter().any(|taken| taken.topic == topic && taken.partition == partition) {
                taken.push(Taken { topic, partition, next: 0, is_due: false });
            }
        }
    }

    /// Records of these are for others from now on.
    pub(crate) fn forget(&self, lost: &TopicPartitionList) {
        self.lock().retain(|taken| lost.find_partition(&taken.topic, taken.partition).is_none());
    }

    pub(crate) fn note(&self, record: &impl Message) {
        let (topic, partition, next) = (record.topic(), record.partition(), record.offset() + 1);
        let mut taken = self.lock();
        let own = taken.iter_mut().find(|taken| taken.topic == topic && taken.partition == partition);
        if let Some(own) = own {
            (own.next, own.is_due) = (next, true);
        }
    }

    /// Everything that is to be committed; nothing is to be afterwards.
    pub(crate) fn take(&self) -> Result<TopicPartitionList, KafkaError> {
        let mut list = TopicPartitionList::new();
        for taken in self.lock().iter_mut().filter(|taken| taken.is_due) {
            list.add_partition_offset(&taken.topic, taken.partition, Offset::Offset(taken.next))?;
            taken.is_due = false;
        }
        Ok(list)
    }

    /// Whether there is anything to be committed.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().iter().all(|taken| !taken.is_due)
    }

    /// After a commit that was refused; what was taken since then goes further.
    pub(crate) fn put_back(&self, refused: &TopicPartitionList) {
        for taken in self.lock().iter_mut().filter(|taken| taken.next > 0) {
            taken.is_due |= refused.find_partition(&taken.topic, taken.partition).is_some();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Taken>> {
        self.0.lock().expect("nobody panics while holding it")
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::{Timestamp, message::OwnedMessage};

    use super::*;

    fn taken(partitions: &[(i32, i64)]) -> InHand {
        let taken = |(partition, next): &(i32, i64)| Taken {
            topic: "t".to_owned(),
            partition: *partition,
            next: *next,
            is_due: true,
        };
        InHand(Mutex::new(partitions.iter().map(taken).collect()))
    }

    #[test]
    fn what_was_refused_is_committed_again_unless_more_was_taken() {
        let in_hand = taken(&[(0, 7), (1, 9)]);
        let refused = in_hand.take().expect("a list");
        {
            let mut taken = in_hand.lock();
            (taken[1].next, taken[1].is_due) = (12, true);
        }
        in_hand.put_back(&refused);
        let again = in_hand.take().expect("a list");
        for (partition, next) in [(0, 7), (1, 12)] {
            assert_eq!(again.find_partition("t", partition).expect("kept").offset(), Offset::Offset(next));
        }
        assert!(in_hand.is_empty());
    }

    #[test]
    fn what_was_refused_of_a_partition_that_was_lost_meanwhile_is_not_committed_again() {
        let in_hand = taken(&[(0, 7), (1, 9)]);
        let refused = in_hand.take().expect("a list");
        let mut lost = TopicPartitionList::new();
        lost.add_partition("t", 1);
        in_hand.forget(&lost);
        in_hand.put_back(&refused);
        let again = in_hand.take().expect("a list");
        assert_eq!(again.count(), 1, "another member may have gone further with the other one");
        assert!(again.find_partition("t", 0).is_some());
    }

    #[test]
    fn what_was_refused_of_a_partition_that_went_and_came_back_is_read_again_first() {
        let in_hand = taken(&[(0, 7)]);
        let refused = in_hand.take().expect("a list");
        in_hand.forget(&refused);
        in_hand.gain(&refused);
        in_hand.put_back(&refused);
        assert!(in_hand.is_empty());
    }

    #[test]
    fn a_partition_that_was_lost_is_not_committed() {
        let in_hand = taken(&[(0, 7), (1, 9)]);
        let mut lost = TopicPartitionList::new();
        lost.add_partition("t", 0);
        lost.add_partition("another", 1);
        in_hand.forget(&lost);
        let left = in_hand.take().expect("a list");
        assert_eq!(left.count(), 1);
        assert_eq!(left.find_partition("t", 1).expect("kept").offset(), Offset::Offset(9));
        assert_eq!(in_hand.take().expect("a list").count(), 0);
    }

    #[test]
    fn records_that_still_come_of_a_partition_that_was_lost_do_not_count() {
        let record =
            |offset| OwnedMessage::new(None, None, "t".to_owned(), Timestamp::NotAvailable, 0, offset, None);
        let mut partition = TopicPartitionList::new();
        partition.add_partition("t", 0);
        let in_hand = InHand::default();
        in_hand.gain(&partition);
        assert!(in_hand.is_empty());
        in_hand.note(&record(6));
        in_hand.forget(&partition);
        in_hand.note(&record(7));
        assert!(in_hand.is_empty());
        in_hand.gain(&partition);
        in_hand.note(&record(8));
        let due = in_hand.take().expect("a list");
        assert_eq!(due.find_partition("t", 0).expect("kept").offset(), Offset::Offset(9));
    }
}

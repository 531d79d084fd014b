//! Whatever is asked of a show, in whatever order, at no prefix of its stream is more sold than there is.

use std::collections::HashMap;

use domain::{
    BookingId, UserId,
    show::{BookTickets, ReleaseTickets, Show, ShowCommand, ShowEvent},
};
use proptest::prelude::*;

use crate::{attendee, booking, created, early};

#[derive(Debug, Clone)]
enum Ask {
    Book { booking: u128, attendee: u128 },
    Release { booking: u128 },
}

fn ask() -> impl Strategy<Value = Ask> {
    prop_oneof![
        3 => (0..40_u128, 0..12_u128).prop_map(|(booking, attendee)| Ask::Book { booking, attendee }),
        1 => (0..40_u128).prop_map(|booking| Ask::Release { booking }),
    ]
}

impl Ask {
    fn command(&self) -> ShowCommand {
        match *self {
            Self::Book { booking: b, attendee: a } => ShowCommand::BookTickets(BookTickets {
                booking_id: booking(b),
                attendee_id: attendee(a),
                at: early(),
            }),
            Self::Release { booking: b } => {
                ShowCommand::ReleaseTickets(ReleaseTickets { booking_id: booking(b), at: early() })
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_prefix_of_a_stream_sells_more_than_there_is(
        capacity in 1..8_u32,
        asks in proptest::collection::vec(ask(), 0..120),
    ) {
        let mut stream = vec![created(capacity)];
        let mut show = Show::default();
        show.evolve(stream[0].clone());
        for ask in &asks {
            for event in show.decide(ask.command()).unwrap_or_default() {
                show.evolve(event.clone());
                stream.push(event);
            }
        }
        // Folded again from nothing, by a count of the test's own.
        let mut refolded = Show::default();
        let mut open: HashMap<BookingId, UserId> = HashMap::new();
        for event in &stream {
            refolded.evolve(event.clone());
            match event {
                ShowEvent::EventCreated { .. } => {}
                ShowEvent::TicketsSold { booking_id, attendee_id, .. } => {
                    prop_assert!(!open.values().any(|open| open == attendee_id), "two open bookings of one attendee");
                    prop_assert!(open.insert(*booking_id, *attendee_id).is_none());
                }
                ShowEvent::TicketsReleased { booking_id, .. } => {
                    prop_assert!(open.remove(booking_id).is_some());
                }
            }
            let created = refolded.created().expect("created by the first event");
            prop_assert_eq!(created.sold() as usize, open.len());
            prop_assert!(created.sold() <= created.capacity());
        }
        prop_assert_eq!(refolded, show);
    }
}

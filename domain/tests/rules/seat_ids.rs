//! A seat's id is made of the show's id and the seat's index.

use std::collections::HashSet;

use domain::{SeatId, ShowId, show::MAX_SEATS};
use proptest::prelude::*;
use uuid::Uuid;

use crate::{seat, show_id};

/// No seat has an index as high as this: its id would be outside the show's.
const BEYOND: u32 = u32::MAX;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_index_can_be_read_from_the_id(show in any::<u128>(), index in 0..BEYOND) {
        let show = ShowId::new(Uuid::from_u128(show));
        prop_assert_eq!(SeatId::of(show, index).index_in(show), Some(index));
        prop_assert_ne!(SeatId::of(show, index).uuid(), show.uuid());
    }

    #[test]
    fn a_seat_is_of_one_show(show in any::<u128>(), other in any::<u128>(), index in any::<u32>()) {
        // Fresh ids differ in more than their last four bytes.
        prop_assume!(show >> 32 != other >> 32);
        let seat = SeatId::of(ShowId::new(Uuid::from_u128(show)), index);
        let claimed = seat.index_in(ShowId::new(Uuid::from_u128(other)));
        prop_assert!(claimed.is_none() || index == BEYOND);
    }

    #[test]
    fn whatever_is_called_a_seat_is_the_seat_of_its_index_or_of_no_show(id in any::<u128>(), near in any::<bool>()) {
        let id = if near { show_id().uuid().as_u128() ^ (id & 0x1_ffff_ffff) } else { id };
        let seat = SeatId::new(Uuid::from_u128(id));
        if let Some(index) = seat.index_in(show_id()) {
            prop_assert_eq!(SeatId::of(show_id(), index), seat);
        }
    }
}

#[test]
fn the_shows_own_id_is_no_seat() {
    assert_eq!(SeatId::new(show_id().uuid()).index_in(show_id()), None);
}

#[test]
fn no_two_seats_of_a_hall_have_the_same_id() {
    let ids: HashSet<SeatId> = (0..MAX_SEATS).map(seat).collect();
    assert_eq!(ids.len(), MAX_SEATS as usize);
}

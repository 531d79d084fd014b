//! Which seats look free to the buyers.

use std::sync::{Arc, Mutex, PoisonError};

/// The plan on the wall; clones are the same plan.
#[derive(Debug, Clone)]
pub(crate) struct SeatPlan(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    free: Vec<u32>,
    /// Where a seat stands in `free`.
    places: Vec<Option<usize>>,
    random: u64,
    attendees: usize,
}

impl SeatPlan {
    pub(crate) fn all_free(seats: u32) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            free: (0..seats).collect(),
            places: (0..seats as usize).map(Some).collect(),
            random: 0x9E37_79B9_7F4A_7C15,
            attendees: 0,
        })))
    }

    /// Somebody who has not booked yet.
    pub(crate) fn next_attendee(&self, count: usize) -> Option<usize> {
        let mut plan = self.inner();
        let next = plan.attendees;
        plan.attendees += 1;
        (next < count).then_some(next)
    }

    /// Some seats that look free, different ones; none when the hall is full.
    pub(crate) fn pick(&self, at_most: usize) -> Vec<u32> {
        let mut plan = self.inner();
        let wanted = (1 + plan.random_below(at_most)).min(plan.free.len());
        let mut seats = Vec::with_capacity(wanted);
        while seats.len() < wanted {
            let free = plan.free.len();
            let place = plan.random_below(free);
            let seat = plan.free[place];
            if !seats.contains(&seat) {
                seats.push(seat);
            }
        }
        seats
    }

    /// These look free no more.
    pub(crate) fn take(&self, seats: &[u32]) {
        let mut plan = self.inner();
        for seat in seats {
            let Some(place) = plan.places.get_mut(*seat as usize).and_then(Option::take) else { continue };
            plan.free.swap_remove(place);
            if let Some(moved) = plan.free.get(place).copied() {
                plan.places[moved as usize] = Some(place);
            }
        }
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Xorshift (Marsaglia, 2003): good enough to pick seats, and the same in every run.
    fn random_below(&mut self, limit: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        usize::try_from(self.random % limit as u64).expect("below a usize")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_not_picked_again() {
        let plan = SeatPlan::all_free(50);
        let mut taken = std::collections::HashSet::new();
        loop {
            let seats = plan.pick(4);
            if seats.is_empty() {
                break;
            }
            assert!(seats.iter().all(|seat| taken.insert(*seat)));
            plan.take(&seats);
        }
        assert_eq!(taken.len(), 50);
    }
}

//! The requests of buyers and readers.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use uuid::Uuid;

use crate::{http, load::Requests};

const BOOKINGS: &str = "/api/v1/bookings";

/// Each request is another attendee's first booking of an event: one ticket, free of charge.
#[derive(Debug)]
pub(crate) struct Bookings {
    attendees: Arc<Vec<Box<str>>>,
    events: Vec<Uuid>,
    /// The bodies, one an event.
    bodies: Vec<String>,
    next: AtomicUsize,
    last: usize,
}

impl Bookings {
    /// Of these events in turn. When every attendee has booked, they begin anew with other events, as long as there are
    /// such: of one event, there are as many bookings as attendees.
    pub(crate) fn of(events: &[Uuid], attendees: &Arc<Vec<Box<str>>>) -> Self {
        Self::starting_with(events, attendees, 0)
    }

    /// The same, by attendees from a place on.
    pub(crate) fn starting_with(events: &[Uuid], attendees: &Arc<Vec<Box<str>>>, first: usize) -> Self {
        let bodies = events.iter().map(|event| format!(r#"{{"eventId":"{event}"}}"#)).collect();
        let last = attendees.len() * events.len();
        Self { attendees: attendees.clone(), events: events.to_vec(), bodies, next: first.into(), last }
    }
}

impl Requests for Bookings {
    fn next(&self, into: &mut Vec<u8>) -> bool {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        if index >= self.last {
            return false;
        }
        let (pass, attendee) = (index / self.attendees.len(), index % self.attendees.len());
        let event = (attendee + pass) % self.events.len();
        http::write_post(into, BOOKINGS, &self.attendees[attendee], &self.bodies[event]);
        true
    }
}

/// The first request of each token. `POST /bookings` with an empty body is refused (422) after the token was checked and
/// before anything is read: the cheapest authenticated request that the write edge has.
#[derive(Debug)]
pub(crate) struct FirstRequests {
    attendees: Arc<Vec<Box<str>>>,
    next: AtomicUsize,
}

impl FirstRequests {
    pub(crate) fn of(attendees: &Arc<Vec<Box<str>>>) -> Self {
        Self { attendees: attendees.clone(), next: AtomicUsize::new(0) }
    }
}

impl Requests for FirstRequests {
    fn next(&self, into: &mut Vec<u8>) -> bool {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        let Some(token) = self.attendees.get(index) else { return false };
        http::write_post(into, BOOKINGS, token, "{}");
        true
    }
}

/// GETs of these paths in turn, without end.
#[derive(Debug)]
pub(crate) struct Gets {
    paths: Vec<String>,
    next: AtomicUsize,
}

impl Gets {
    pub(crate) fn of(paths: Vec<String>) -> Self {
        Self { paths, next: AtomicUsize::new(0) }
    }

    /// `GET /events/{id}` of these events in turn.
    pub(crate) fn of_events(events: &[Uuid]) -> Self {
        Self::of(events.iter().map(|id| format!("/api/v1/events/{id}")).collect())
    }
}

impl Requests for Gets {
    fn next(&self, into: &mut Vec<u8>) -> bool {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        http::write_get(into, &self.paths[index % self.paths.len()]);
        true
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn nobody_books_an_event_twice() {
        let attendees: Arc<Vec<Box<str>>> = Arc::new((0..5).map(|i| format!("token-{i}").into()).collect());
        let events: Vec<Uuid> = (0..3).map(|_| Uuid::now_v7()).collect();
        let bookings = Bookings::of(&events, &attendees);
        let (mut request, mut seen) = (Vec::new(), HashSet::new());
        while bookings.next(&mut request) {
            assert!(seen.insert(request.clone()));
        }
        assert_eq!(seen.len(), 15);
    }
}

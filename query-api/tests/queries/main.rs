//! The read edge on a real PostgreSQL: rows are inserted as the projector would, requests go through the router.

#![expect(clippy::unwrap_used, reason = "a test reports by panicking, its parts too")]

mod app;
mod audit;
mod bookings;
mod documents;
mod event_bookings;
mod events;
mod live;
mod live_inbox;
mod notifications;
mod paging;
mod preferences;
mod read_your_writes;
mod rows;
mod seats;
mod shows;
mod users;

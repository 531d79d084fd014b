//! `notifications`: who is to be told what, once a person and cause, and by which channel. Rows only; delivering them is
//! not done here.
//!
//! - `bookings`: what happens to one's own booking.
//! - `shows`, `attendance`: what happens to an event, for its host and for who has tickets of it. All of it is in one
//!   stream.
//! - `people`: whom they follow, what they are interested in, how they want to be told, what they have read.
//! - `subscriptions`: where streams meet: who follows a host and what the host offers, who waits for a sale and its start.
//! - `telling`: the row.
//!
//! Nothing is known of the order between a person's stream and others. So a fact is held against the other's time, not
//! against what has come before it here, and whichever of the two comes later makes the row, or takes it back.

mod attendance;
mod bookings;
mod people;
mod shows;
mod subscriptions;
mod telling;

use async_trait::async_trait;
use event_store::StoredEvent;
use sqlx::PgConnection;

use crate::{
    ApplyError, Projection,
    projection::{AppliedSql, applied_sql},
};

/// One row a notification, and what must be known of events and people to make them.
#[derive(Debug, Clone, Copy)]
pub struct Notifications;

#[async_trait]
impl Projection for Notifications {
    fn name(&self) -> &'static str {
        "notifications"
    }

    fn stream_types(&self) -> &'static [&'static str] {
        &["user", "event", "booking"]
    }

    fn joins_streams(&self) -> bool {
        true
    }

    fn tables(&self) -> &'static [&'static str] {
        &[
            "notifications",
            "notification_events",
            "notification_bookings",
            "notification_subscriptions",
            "notification_causes",
            "notification_preferences",
            "notification_reads",
            "notification_erased",
            "notifications_applied",
        ]
    }

    fn rebuild_schema(&self) -> &'static str {
        "rebuild_notifications"
    }

    fn applied(&self) -> &'static AppliedSql {
        &applied_sql!("notifications_applied")
    }

    async fn apply_in_tx(&self, tx: &mut PgConnection, events: &[StoredEvent]) -> Result<(), ApplyError> {
        // One type of stream after the other: between streams any order leads to the same rows.
        for event in of_type("user", events) {
            people::apply_in_tx(tx, event).await?;
        }
        shows::apply_in_tx(tx, of_type("event", events)).await?;
        bookings::apply_in_tx(tx, of_type("booking", events)).await
    }
}

fn of_type<'a>(kind: &'static str, events: &'a [StoredEvent]) -> impl Iterator<Item = &'a StoredEvent> {
    events.iter().filter(move |event| event.stream.kind == kind)
}

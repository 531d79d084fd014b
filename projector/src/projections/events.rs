//! `events`: what hosts sell tickets to, with what is sold and held.
//!
//! What is held is not counted here: a hold ends by the time alone, so readers count the rows of open holds.

mod details;
mod seats;
mod tickets;

use async_trait::async_trait;
use domain::{ShowId, show::ShowEvent};
use event_store::StoredEvent;
use serde::de::Error as _;
use sqlx::PgConnection;

use crate::{
    ApplyError, Projection,
    projection::{AppliedSql, applied_sql},
};

/// One row an event, a ticket type, an open hold, a block of seats, and a seat that was ever taken.
#[derive(Debug, Clone, Copy)]
pub struct Events;

/// Which event, and the place in its stream that is being applied.
#[derive(Clone, Copy)]
struct Place {
    event_id: ShowId,
    sequence: i64,
}

#[async_trait]
impl Projection for Events {
    fn name(&self) -> &'static str {
        "events"
    }

    fn stream_types(&self) -> &'static [&'static str] {
        &["event"]
    }

    fn tables(&self) -> &'static [&'static str] {
        &["events", "event_ticket_types", "event_holds", "event_seat_blocks", "event_seats", "events_applied"]
    }

    fn rebuild_schema(&self) -> &'static str {
        "rebuild_events"
    }

    fn applied(&self) -> &'static AppliedSql {
        &applied_sql!("events_applied")
    }

    async fn apply_in_tx(&self, tx: &mut PgConnection, event: &StoredEvent) -> Result<(), ApplyError> {
        let event_id = event.stream.id.parse().map_err(serde_json::Error::custom)?;
        let place = Place { event_id, sequence: event.sequence };
        match event.decode()? {
            ShowEvent::EventCreated { host_id, details, ticket_types, seating, draft, at, .. } => {
                details::insert_in_tx(tx, place, host_id, &details, draft, at).await?;
                tickets::offer_in_tx(tx, place, &ticket_types).await?;
                seats::arrange_in_tx(tx, place, &seating).await?;
            }
            ShowEvent::EventChanged { details, ticket_types, seating, .. } => {
                details::change_in_tx(tx, place, &details).await?;
                tickets::offer_in_tx(tx, place, &ticket_types).await?;
                seats::arrange_in_tx(tx, place, &seating).await?;
            }
            ShowEvent::EventPublished { .. } => details::publish_in_tx(tx, place).await?,
            ShowEvent::EventCancelled { .. } => details::cancel_in_tx(tx, place).await?,
            ShowEvent::EventDeleted { .. } => details::delete_in_tx(tx, place).await?,
            // That a sale has started, the time alone tells readers.
            ShowEvent::SalesStarted { .. } => {}
            ShowEvent::TicketsHeld { taken, held_until, .. } => {
                tickets::hold_in_tx(tx, place, &taken, held_until).await?;
                seats::take_in_tx(tx, place, &taken, Some(held_until)).await?;
            }
            ShowEvent::HoldExtended { booking_id, held_until, .. } => {
                tickets::extend_in_tx(tx, place, booking_id, held_until).await?;
                seats::extend_in_tx(tx, place, booking_id, held_until).await?;
            }
            ShowEvent::TicketsSold { taken, .. } => {
                tickets::sell_in_tx(tx, place, &taken).await?;
                seats::take_in_tx(tx, place, &taken, None).await?;
            }
            ShowEvent::HoldExpired { taken, .. } | ShowEvent::TicketsReleased { taken, .. } => {
                tickets::free_in_tx(tx, place, &taken).await?;
                seats::free_in_tx(tx, place, &taken).await?;
            }
        }
        Ok(())
    }
}

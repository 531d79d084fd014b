//! `events`: what hosts sell tickets to, with what is sold and held.
//!
//! What is held is not counted here: a hold ends by the time alone, so readers count the rows of open holds.

mod details;
mod seats;
mod tickets;

use std::collections::BTreeSet;

use async_trait::async_trait;
use domain::{
    ShowId,
    show::{OfferedTicketType, SeatBlock, ShowEvent},
};
use event_store::StoredEvent;
use serde::de::Error as _;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    ApplyError, Projection,
    projection::{AppliedSql, applied_sql},
};

/// One row an event, a ticket type, an open hold, a block of seats, and a seat that was ever taken.
#[derive(Debug, Clone, Copy)]
pub struct Events;

/// Which event, and the place in its stream.
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

    async fn apply_in_tx(&self, tx: &mut PgConnection, events: &[StoredEvent]) -> Result<(), ApplyError> {
        let events = events.iter().map(placed).collect::<Result<Vec<_>, _>>()?;
        let mut rows = Rows {
            details: details::Rows::known_in_tx(tx, &shows(&events, needs_details)).await?,
            tickets: tickets::Rows::default(),
            seats: seats::Rows::known_in_tx(tx, &shows(&events, needs_seating)).await?,
        };
        for (place, event) in events {
            rows.fold(place, event);
        }
        rows.details.write_in_tx(tx).await?;
        rows.tickets.write_in_tx(tx).await?;
        rows.seats.write_in_tx(tx).await?;
        Ok(())
    }
}

fn placed(event: &StoredEvent) -> Result<(Place, ShowEvent), serde_json::Error> {
    let event_id = event.stream.id.parse().map_err(serde_json::Error::custom)?;
    Ok((Place { event_id, sequence: event.sequence }, event.decode()?))
}

/// What events make of the tables.
struct Rows {
    details: details::Rows,
    tickets: tickets::Rows,
    seats: seats::Rows,
}

impl Rows {
    fn fold(&mut self, place: Place, event: ShowEvent) {
        match event {
            ShowEvent::EventCreated { host_id, details, ticket_types, seating, draft, at, .. } => {
                self.details.create(place, host_id, &details, draft, at);
                self.offer(place, ticket_types, &seating);
            }
            ShowEvent::EventChanged { details, ticket_types, seating, .. } => {
                self.details.change(place, &details);
                self.offer(place, ticket_types, &seating);
            }
            ShowEvent::EventPublished { .. } => self.details.publish(place),
            ShowEvent::EventCancelled { .. } => self.details.cancel(place),
            ShowEvent::EventDeleted { .. } => self.details.delete(place),
            // That a sale has started, the time alone tells readers.
            ShowEvent::SalesStarted { .. } => {}
            ShowEvent::TicketsHeld { taken, held_until, .. } => {
                self.tickets.hold(place, &taken, held_until);
                self.seats.take(place, &taken, Some(held_until));
            }
            ShowEvent::HoldExtended { booking_id, held_until, .. } => {
                self.tickets.extend(place, booking_id, held_until);
                self.seats.extend(place, booking_id, held_until);
            }
            ShowEvent::TicketsSold { taken, .. } => {
                self.tickets.sell(place, &taken);
                self.seats.take(place, &taken, None);
            }
            ShowEvent::HoldExpired { taken, .. } | ShowEvent::TicketsReleased { taken, .. } => {
                self.tickets.free(place, &taken);
                self.seats.free(place, &taken);
            }
        }
    }

    fn offer(&mut self, place: Place, ticket_types: Vec<OfferedTicketType>, seating: &[SeatBlock]) {
        self.tickets.offer(place, ticket_types);
        if self.seats.arrange(place, seating) {
            self.details.rearrange(place);
        }
    }
}

/// The shows of events for which rows must be known.
fn shows(events: &[(Place, ShowEvent)], needs_rows: fn(&ShowEvent) -> bool) -> Vec<Uuid> {
    let needing = events.iter().filter(|(_, event)| needs_rows(event));
    let shows: BTreeSet<Uuid> = needing.map(|(place, _)| place.event_id.uuid()).collect();
    shows.into_iter().collect()
}

fn needs_details(event: &ShowEvent) -> bool {
    match event {
        ShowEvent::EventChanged { .. }
        | ShowEvent::EventPublished { .. }
        | ShowEvent::EventCancelled { .. }
        | ShowEvent::EventDeleted { .. } => true,
        ShowEvent::EventCreated { .. }
        | ShowEvent::SalesStarted { .. }
        | ShowEvent::TicketsHeld { .. }
        | ShowEvent::HoldExtended { .. }
        | ShowEvent::HoldExpired { .. }
        | ShowEvent::TicketsSold { .. }
        | ShowEvent::TicketsReleased { .. } => false,
    }
}

fn needs_seating(event: &ShowEvent) -> bool {
    matches!(event, ShowEvent::EventChanged { .. })
}
